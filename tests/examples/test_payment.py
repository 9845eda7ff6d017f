"""The example of a correlated callback runs to its end."""

import asyncio

from examples.payment.process import play
from examples.stage import tasks_of, variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus


def test_each_callback_finds_its_order(config: LHConfig) -> None:
    """05/E-47, E-48: by the reference alone, whether it comes before or after the run waits."""
    first, second = asyncio.run(play(config))
    stub = config.stub()
    for ended, receipt in ((first, "receipt-A"), (second, "receipt-B")):
        assert ended.status == LHStatus.COMPLETED
        assert variables_of(stub, ended.id)["receipt"] == receipt
        assert tasks_of(stub, ended.id) == ["request-payment", "ship"]

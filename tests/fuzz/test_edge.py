"""Inputs that once found something, and random ones of fixed seeds, through the Python edge: no fuzzer is needed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.edge import METHODS, RPCS, ColdEdge
from tests.fuzz.message_source import MessageSource

INPUTS = sorted((Path(__file__).parent / "inputs").iterdir())
RANDOM_INPUTS = 300


@pytest.fixture(scope="module")
def edge() -> Iterator[ColdEdge]:
    """One real server for all inputs; each has a tenant of its own."""
    with ColdEdge() as edge:
        yield edge


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_kept_inputs_hold(edge: ColdEdge, path: Path) -> None:
    """Whatever was found once is not found again."""
    edge.one_input(path.read_bytes())


def test_random_inputs_hold(edge: ColdEdge) -> None:
    """Bytes of fixed seeds; some of the calls are answered, so that more than refusals is looked at."""
    answered = sum(edge.one_input(random.Random(seed).randbytes(16 << seed % 6)) for seed in range(RANDOM_INPUTS))
    assert answered > RANDOM_INPUTS // 2


@pytest.mark.parametrize("rpc", RPCS)
def test_any_request_can_be_built(rpc: str) -> None:
    """The source fills every type of the contract, and the same bytes give the same message."""
    built = [MessageSource(random.Random(7).randbytes(4096)).message(METHODS[rpc].input_type) for _ in range(2)]
    assert built[0] == built[1]
    # Of many, some have something in them.
    sizes = {
        MessageSource(random.Random(seed).randbytes(512)).message(METHODS[rpc].input_type).ByteSize()
        for seed in range(50)
    }
    assert len(sizes) > 1 or not METHODS[rpc].input_type.fields

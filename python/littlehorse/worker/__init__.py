"""Workers: programs that run the tasks of workflows (spec 09 section 7).

The numbers below are read each time they are used, so a program or a test may change them on this module.
"""

from typing import TYPE_CHECKING

from littlehorse.reexport import imported_name

HEARTBEAT_INTERVAL_SECONDS: float = 60
"""Time between two registrations of a worker."""

REPORT_TASK_RETRIES_INTERVAL_SECONDS: float = 2
"""Time between two attempts to send a report."""

REPORT_TASK_FAIL_RETRIES: int = 15
"""Attempts to send a report, in all."""

POLL_TASK_INTERVAL_SECONDS: float = 5
"""Time until the next poll after a response without a task."""

GRPC_UNARY_CALL_TIMEOUT_SECONDS: float = 30
"""Deadline of single calls."""

RECONNECT_MIN_SECONDS: float = 0.1
"""Time until the first attempt to open a broken stream again, or to repeat a failed heartbeat; it doubles each time."""

RECONNECT_MAX_SECONDS: float = 5
"""Longest time between two attempts to open a stream."""

HALF_CLOSE_GRACE_SECONDS: float = 1
"""Time for claims under way to be delivered after a worker stopped polling, on servers that leave the stream open."""

DRAIN_TIMEOUT_SECONDS: float = 30
"""Time for tasks at hand to end and be reported after a worker was stopped."""

TASK_DEF_WAIT_SECONDS: float = 5
"""How long a starting worker waits for its TaskDef to be registered."""

TASK_DEF_RETRY_SECONDS: float = 0.25
"""Time between two looks whether the TaskDef is registered."""

USE_EXTENSION: bool = True
"""Whether workers poll and report through the extension where it is installed and the connection needs no TLS."""

from littlehorse.worker.connection import LHConnection  # noqa: E402  # reads the numbers above
from littlehorse.worker.context import CheckpointContext, WorkerContext  # noqa: E402
from littlehorse.worker.health import (  # noqa: E402
    LHLivenessController,
    LHTaskWorkerHealth,
    TaskWorkerHealthReason,
)
from littlehorse.worker.lifecycle import shutdown_hook, start  # noqa: E402
from littlehorse.worker.task import LHTask  # noqa: E402
from littlehorse.worker.task_definition import LHType  # noqa: E402
from littlehorse.worker.task_worker import LHTaskWorker  # noqa: E402

__all__ = [
    "CheckpointContext",
    "LHConnection",
    "LHLivenessController",
    "LHTask",
    "LHTaskWorker",
    "LHTaskWorkerHealth",
    "LHType",
    "TaskWorkerHealthReason",
    "WorkerContext",
    "shutdown_hook",
    "start",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What programs for the published client may import from here, too."""
        return imported_name(__name__, name)

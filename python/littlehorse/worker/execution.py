"""Running one task and telling the server how it ended (PY-34 to PY-36)."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.exceptions import LHTaskException as BusinessException
from littlehorse.exceptions import SerdeException
from littlehorse.model.common_enums_pb2 import LHErrorType, TaskStatus
from littlehorse.model.service_pb2 import ReportTaskRun, ScheduledTask
from littlehorse.model.task_run_pb2 import LHTaskError, LHTaskException
from littlehorse.model.type_definition_pb2 import VariableValue
from littlehorse.worker.context import WorkerContext
from littlehorse.worker.task import LHTask

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub

_log = logging.getLogger("LHTaskWorker")


async def run_task(
    task: LHTask, scheduled_task: ScheduledTask, client: LittleHorseAsyncStub, threads: Callable[[], Executor]
) -> ReportTaskRun:
    """Runs an attempt and returns what to report; raises only if the surrounding asyncio task is cancelled."""
    context = WorkerContext(scheduled_task, client)
    report = ReportTaskRun(task_run_id=scheduled_task.task_run_id, attempt_number=scheduled_task.attempt_number)
    await _fill(report, task, scheduled_task, context, threads)
    if context.log_output:
        report.log_output.CopyFrom(VariableValue(str=context.log_output))
    report.total_checkpoints = context.checkpoints
    report.time.FromNanoseconds(time.time_ns())  # GetCurrentTime takes five times as long
    return report


async def _fill(
    report: ReportTaskRun,
    task: LHTask,
    scheduled_task: ScheduledTask,
    context: WorkerContext,
    threads: Callable[[], Executor],
) -> None:
    """Sets status and result of the report (PY-34)."""
    try:
        arguments = task.arguments(scheduled_task, context)
    except Exception:  # a value that cannot be converted must be reported, whatever the conversion raised
        _fail(report, TaskStatus.TASK_INPUT_VAR_SUB_ERROR, LHErrorType.VAR_SUB_ERROR)
        return

    try:
        result = await task.call(arguments, threads)
    except BusinessException as exception:
        _log.error("Task %s raised a business exception\n%s", task.task_name, traceback.format_exc())
        report.status = TaskStatus.TASK_EXCEPTION
        report.exception.CopyFrom(
            LHTaskException(name=exception.exception_name, message=exception.message, content=exception.content)
        )
        return
    except GeneratorExit:
        raise
    except BaseException:  # whatever the function raised is a failed attempt, unless it is we who are being cancelled
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        _fail(report, TaskStatus.TASK_FAILED, LHErrorType.TASK_ERROR)
        return

    try:
        report.output.CopyFrom(task.output(result))
    except (SerdeException, TypeError, ValueError):
        _fail(report, TaskStatus.TASK_OUTPUT_SERDE_ERROR, LHErrorType.VAR_SUB_ERROR)
        return
    report.status = TaskStatus.TASK_SUCCESS


def _fail(report: ReportTaskRun, status: TaskStatus, error_type: LHErrorType) -> None:
    """Reports the exception that is being handled as a technical error."""
    text = traceback.format_exc()
    _log.error("%s\n%s", TaskStatus.Name(status), text)
    report.status = status
    report.error.CopyFrom(LHTaskError(type=error_type, message=text))


async def send_report(report: ReportTaskRun, send: Callable[[ReportTaskRun], Awaitable[None]]) -> None:
    """Sends a report by `send`, again if need be; logs and gives up after REPORT_TASK_FAIL_RETRIES attempts (PY-36)."""
    attempts_left = settings.REPORT_TASK_FAIL_RETRIES
    while True:
        attempts_left -= 1
        try:
            await send(report)
            return
        except Exception as error:  # the network, the server, or a report that cannot be encoded
            if attempts_left <= 0:
                _log.error("Report of task run %s was dropped: %s", report.task_run_id.task_guid, error)
                return
            _log.warning("Report of task run %s failed, retrying: %s", report.task_run_id.task_guid, error)
        await asyncio.sleep(settings.REPORT_TASK_RETRIES_INTERVAL_SECONDS)

"""What a worker is made of, as far as it needs no server: validation of functions, context, health, exceptions."""

import asyncio
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

from littlehorse import exceptions, model, worker
from littlehorse.config import LHConfig
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import TypeDefinition, VariableType
from littlehorse.worker import (
    CheckpointContext,
    LHLivenessController,
    LHTask,
    LHTaskWorker,
    LHTaskWorkerHealth,
    LHType,
    TaskWorkerHealthReason,
    WorkerContext,
)


@lh_struct_def("car")
class Car:
    model: str


async def fitting(text: str, number: int, ctx: WorkerContext) -> str:
    return f"{text}{number}{ctx}"


async def renamed(a: Annotated[str, LHType("text", masked=True)], b: Annotated[int, "x"]) -> None:
    pass


async def by_json(a: dict[str, Any], b: list[Any]) -> None:
    pass


async def with_struct(a: Car) -> None:
    pass


async def without_struct(a: int) -> None:
    pass


async def none() -> None:
    pass


async def only_context(ctx: WorkerContext) -> None:
    pass


async def positional(*args: Any) -> None:
    pass


async def keywords(**kwargs: Any) -> None:
    pass


async def unannotated(a, b) -> None:
    pass


async def of_any(a: Any, b: Any) -> None:
    pass


async def two_contexts(a: WorkerContext, b: WorkerContext) -> None:
    pass


async def early_context(a: WorkerContext, b: int) -> None:
    pass


async def of_numbers(a: int, b: int) -> None:
    pass


async def with_default(text: str, number: int = 5) -> None:
    pass


class Holder:
    async def method(self, text: str, number: int) -> None:
        pass


FUNCTIONS = [
    fitting, renamed, by_json, with_struct, without_struct, none, only_context, positional, keywords, unannotated,
    of_any, two_contexts, early_context, of_numbers, with_default, Holder().method,
]  # fmt: skip


def task_def(*types: TypeDefinition) -> model.TaskDef:
    inputs = [model.VariableDef(name=f"input-{index}", type_def=kind) for index, kind in enumerate(types)]
    return model.TaskDef(id=model.TaskDefId(name="task"), input_vars=inputs)


def primitive(kind: Any) -> TypeDefinition:
    return TypeDefinition(primitive_type=kind)


TASK_DEFS = {
    "no inputs": task_def(),
    "text and number": task_def(primitive(VariableType.STR), primitive(VariableType.INT)),
    "json": task_def(primitive(VariableType.JSON_OBJ), primitive(VariableType.JSON_ARR)),
    "struct": task_def(TypeDefinition(struct_def_id=model.StructDefId(name="other", version=2))),
    "one number": task_def(primitive(VariableType.INT)),
}


def task(function: Any, definition: Any) -> Any:
    made = LHTask(callable=function, task_def=definition)
    return [made.task_name, made.has_context(), made.task_def]


class Checkpoints:
    """Stands for the server that keeps checkpoints."""

    def __init__(self, go_on: bool) -> None:
        self.requests: list[Any] = []
        self._continue = int(not go_on)

    async def GetCheckpoint(self, request: Any) -> Any:
        self.requests.append(request)
        return model.Checkpoint(value=model.VariableValue(json_obj='{"restored": 1}'))

    async def PutCheckpoint(self, request: Any) -> Any:
        cleared = model.PutCheckpointRequest()
        cleared.CopyFrom(request)
        cleared.logs = re.sub(r"\[[^]]+\]", "[time]", request.logs)
        self.requests.append(cleared)
        return model.PutCheckpointResponse(flow_control_continue_type=self._continue)


def scheduled(**changes: Any) -> model.ScheduledTask:
    run = model.WfRunId(id="run")
    node = model.NodeRunId(wf_run_id=run, thread_run_number=1, position=2)
    made = model.ScheduledTask(
        task_run_id=model.TaskRunId(wf_run_id=run, task_guid="guid"),
        task_def_id=model.TaskDefId(name="task"),
        attempt_number=3,
        source=model.TaskRunSource(task_node=model.TaskNodeReference(node_run_id=node)),
        **changes,
    )
    made.created_at.FromMilliseconds(1715000000123)
    return made


def context(**changes: Any) -> Any:
    made = WorkerContext(scheduled_task=scheduled(**changes), client=SimpleNamespace())
    made.log(entry="first")
    made.log({"second": 2})
    reached = [made.scheduled_time, made.task_run_id, made.wf_run_id, made.attempt_number, made.idempotency_key]
    logged = re.sub(r"\[[^]]+\]", "[time]", made.log_output)
    return [*reached, made.task_def_name, made.node_run_id, logged, str(made)]


def of_trigger() -> Any:
    made = scheduled()
    node = model.NodeRunId(wf_run_id=model.WfRunId(id="run"), thread_run_number=8, position=9)
    made.source.user_task_trigger.node_run_id.CopyFrom(node)
    return WorkerContext(made, SimpleNamespace()).node_run_id


def checkpoint_log() -> Any:
    made = CheckpointContext()
    made.log(obj="a")
    made.log(5)
    return re.sub(r"\[[^]]+\]", "[time]", made.log_output)


def checkpoints(go_on: bool, observed: int = 1) -> Any:
    server = Checkpoints(go_on)

    def step(made: CheckpointContext) -> Any:
        made.log("stepping")
        return {"made": [1]}

    async def run() -> Any:
        made = WorkerContext(scheduled(total_observed_checkpoints=observed), server)
        results = [await made.execute_and_checkpoint(callable=step) for _ in range(3)]
        return [results, server.requests]

    return asyncio.run(run())


def health() -> Any:
    controller = LHLivenessController()
    seen = [controller.health()]
    controller.notify_success_call(reply=model.RegisterTaskWorkerResponse(is_cluster_healthy=False))
    seen.append(controller.health())
    states = [controller.is_cluster_healthy, controller.is_worker_healthy]
    controller.notify_success_call(model.RegisterTaskWorkerResponse())
    controller.notify_worker_failure()
    seen.append(controller.health())
    controller.stop()
    equal = [
        seen[0] == LHTaskWorkerHealth(healthy=True, reason=TaskWorkerHealthReason.HEALTHY), seen[0] == 5,
        seen[0] == seen[1],
    ]  # fmt: skip
    return [[[each.healthy, each.reason] for each in seen], states, controller.keep_worker_running, equal]


def made_worker() -> Any:
    made = LHTaskWorker(callable=fitting, task_def_name="task", config=LHConfig())
    return [made.is_running, made.health().healthy, made.health().reason]


def exception(kind: Any, *arguments: Any, **named: Any) -> Any:
    made = kind(*arguments, **named)
    return [str(made), made.args, sorted(vars(made).items(), key=str), [base.__name__ for base in kind.__mro__]]


def constants() -> Any:
    names = [name for name in dir(worker) if name.isupper() and name.endswith(("SECONDS", "RETRIES"))]
    published = [name for name in names if name.startswith(("HEARTBEAT", "REPORT", "POLL", "GRPC"))]
    return {name: getattr(worker, name) for name in published}


def observations(_config: Any) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for function in FUNCTIONS:
        for name, definition in TASK_DEFS.items():
            calls[f"{function.__name__} for {name}"] = lambda f=function, d=definition: task(f, d)
    content = model.VariableValue(int=1)
    for kind in (exceptions.TaskSchemaMismatchException, exceptions.OAuthException, exceptions.SerdeException):
        calls[kind.__name__] = lambda kind=kind: exception(kind, message="text")
    failure = exceptions.LHTaskException
    return calls | {
        "not callable": lambda: task(5, TASK_DEFS["no inputs"]),
        "nothing": lambda: task(None, TASK_DEFS["no inputs"]),
        "context": context,
        "context of trigger": of_trigger,
        "checkpoint log": checkpoint_log,
        "checkpoints": lambda: checkpoints(True),
        "checkpoints anew": lambda: checkpoints(True, 0),
        "checkpoints stopped": lambda: checkpoints(False),
        "health": health,
        "worker": made_worker,
        "worker without function": lambda: LHTaskWorker(None, "task", LHConfig()),
        "worker without name": lambda: LHTaskWorker(fitting, None, LHConfig()),
        "worker without config": lambda: LHTaskWorker(fitting, "task", None),
        "task exception": lambda: exception(failure, exception_name="n", message="m", content=content),
        "task exception without content": lambda: exception(failure, "n", "m"),
        "constants": constants,
        "shutdown hook outside of a loop": lambda: worker.shutdown_hook(),
        "reasons": lambda: [[reason.name, reason.value] for reason in TaskWorkerHealthReason],
    }

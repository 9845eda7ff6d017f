"""What a soak runs: WfSpecs without loops, whose every output is appended to the variable `trail`."""

from collections.abc import Callable

from littlehorse.model import (
    ExponentialBackoffRetryPolicy,
    PutExternalEventDefRequest,
    PutTaskDefRequest,
    PutUserTaskDefRequest,
    PutWfSpecRequest,
    ReturnType,
    TypeDefinition,
    UserTaskField,
    VariableType,
)
from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread
from littlehorse.workflow.variables import WfRunVariable

TASK_DEFS = ("work-0", "work-1", "work-2")
EVENT_DEF = "paid"
FORM = "approval"
TRAIL = "trail"
BATCH = "batch"
# An attempt whose delivery a kill swallowed is RUNNING until its time-out (04/TW-23).
TIMEOUT_SECONDS = 3
RETRIES = 25
BACKOFF = ExponentialBackoffRetryPolicy(base_interval_ms=300, max_delay_ms=1_000, multiplier=1.5)
STEPS = 9


def declare(thread: WorkflowThread) -> WfRunVariable:
    """The variables that all have; returns the trail."""
    thread.declare_str(BATCH).searchable()
    return thread.declare_array(TRAIL, str, [])


def step(thread: WorkflowThread, trail: WfRunVariable, number: int, retries: int = RETRIES) -> None:
    """A task, every other one with a backoff."""
    backoff = BACKOFF if number % 2 else None
    task = TASK_DEFS[number % len(TASK_DEFS)]
    output = thread.execute(task, timeout_seconds=TIMEOUT_SECONDS, retries=retries, exponential_backoff=backoff)
    trail.assign(trail.extend(output))


def chain(thread: WorkflowThread) -> None:
    """Tasks one after the other."""
    trail = declare(thread)
    for number in range(STEPS):
        step(thread, trail, number)


def sleeper(thread: WorkflowThread) -> None:
    """Tasks with pauses between."""
    trail = declare(thread)
    for number in range(STEPS):
        step(thread, trail, number)
        if number % 4 == 1:
            thread.sleep(1)


def payment(thread: WorkflowThread) -> None:
    """Tasks around an external event."""
    trail = declare(thread)
    step(thread, trail, 0)
    trail.assign(trail.extend(thread.wait_for_event(EVENT_DEF)))
    for number in range(1, STEPS):
        step(thread, trail, number)


def approval(thread: WorkflowThread) -> None:
    """Tasks around a user task."""
    trail = declare(thread)
    step(thread, trail, 0)
    output = thread.assign_user_task(FORM, user_id="ada")
    trail.assign(trail.extend(output.with_json_path("$.token")))
    for number in range(1, STEPS):
        step(thread, trail, number)


def family(thread: WorkflowThread) -> None:
    """Two child threads beside their parent."""
    trail = declare(thread)

    def child(body: WorkflowThread) -> None:
        for number in range(STEPS // 3):
            step(body, trail, number)

    children = [thread.spawn_thread(child, name) for name in ("left", "right")]
    step(thread, trail, 1)
    thread.wait_for_threads(SpawnedThreads.from_list(*children))
    step(thread, trail, 2)


def fragile(thread: WorkflowThread) -> None:
    """Tasks that may fail for good."""
    trail = declare(thread)
    for number in range(STEPS):
        step(thread, trail, number, retries=1)


SPECS: dict[str, Callable[[WorkflowThread], None]] = {
    "chain": chain,
    "sleeper": sleeper,
    "payment": payment,
    "approval": approval,
    "family": family,
    "fragile": fragile,
}


def wf_spec(name: str, entrypoint: Callable[[WorkflowThread], None]) -> PutWfSpecRequest:
    """The request that defines it."""
    return Workflow(name, entrypoint).compile()


def task_def(name: str) -> PutTaskDefRequest:
    """A TaskDef without inputs that returns a text."""
    text = TypeDefinition(primitive_type=VariableType.STR)
    return PutTaskDefRequest(name=name, return_type=ReturnType(return_type=text))


def event_def() -> PutExternalEventDefRequest:
    """The event that `payment` waits for."""
    text = TypeDefinition(primitive_type=VariableType.STR)
    return PutExternalEventDefRequest(name=EVENT_DEF, content_type=ReturnType(return_type=text))


def form() -> PutUserTaskDefRequest:
    """The form that `approval` waits for."""
    field = UserTaskField(name="token", type=VariableType.STR, display_name="Token", required=True)
    return PutUserTaskDefRequest(name=FORM, fields=[field])

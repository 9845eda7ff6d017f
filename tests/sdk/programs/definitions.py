"""What the functions that register definitions send: tasks, structs, events, workflows."""

import datetime
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import littlehorse
from littlehorse import lh_struct, model
from littlehorse.lh_struct import LHStructField, LHStructIgnore, lh_struct_def
from littlehorse.worker import LHTaskWorker, LHType, WorkerContext
from littlehorse.workflow import Workflow, WorkflowThread


@lh_struct_def(name="engine", description="what moves it")
class Engine:
    power: float
    fuel_kind: str = "none"


@lh_struct_def("car")
class Car:
    model_name: str
    year_built: int = 1999
    is_sold: bool = False
    raw: bytes = b"\x01"
    built_at: datetime.datetime = datetime.datetime(2020, 1, 2)
    sold_by: model.WfRunId
    engine: Engine
    masked_engine: Annotated[Engine, LHStructField(masked=True)]
    VIN: Annotated[str, LHStructField(name="vin", masked=True, description="secret number")]
    plain_mark: Annotated[str, LHStructField(), "another mark"]
    nothing: Annotated[str, LHStructField(description="may be missing")] = None
    not_kept: Annotated[list, LHStructIgnore()] = None
    a__b: int = 1
    c_: int = 2
    _private: int = 3


@lh_struct_def("van")
class Van(Car):
    seats: int = 2


@lh_struct_def("point")
@dataclass
class Point:
    x: int
    y: int = 7


class Holder:
    async def method(self, value: int, context: WorkerContext) -> str:
        return f"{self}{value}{context}"


async def nothing() -> None:
    pass


async def everything(
    text: str,
    number: int,
    ratio: float,
    flag: bool,
    raw: bytes,
    record: dict[str, Any],
    items: list[Any],
    car: Car,
    renamed: Annotated[str, LHType("another-name")],
    hidden: Annotated[int, LHType(name="hidden", masked=True)],
    hidden_car: Annotated[Car, LHType("hidden-car", True)],
    other_mark: Annotated[int, "a mark of somebody else"],
    late_mark: Annotated[int, "first", LHType("too-late")],
    with_default: int = 3,
    context: WorkerContext = None,
) -> Annotated[dict[str, Any], LHType(name="ignored", masked=True)]:
    return {}


def synchronous(value: int) -> int:
    return value


async def gives_struct() -> Car:
    raise NotImplementedError


async def gives_masked_struct() -> Annotated[Car, LHType("x", True)]:
    raise NotImplementedError


async def gives_marked(value: str) -> Annotated[str, "mark"]:
    return value


def giving(annotation: Any) -> Any:
    async def function(value: annotation) -> annotation:
        return value

    return function


TASKS = [nothing, everything, Holder().method, synchronous, gives_struct, gives_masked_struct, gives_marked]


def registered_workflow() -> Workflow:
    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_event("first", return_type=int)
        thread.throw_event("thrown", 1, return_type=str)
        thread.throw_event("other", 1, auto_register=True)
        thread.wait_for_event("second", auto_register=True)
        thread.add_interrupt_handler("third", lambda body: None).with_event_type(None)

    return Workflow("registered", entrypoint)


def texts() -> Any:
    saved = Path(tempfile.mkdtemp()) / "saved.json"
    registered_workflow().save(file_path=saved)
    registered_workflow().save(str(saved.with_name("again.json")))
    return [saved.read_text(), saved.with_name("again.json").read_text(), str(registered_workflow())]


def car(**changes: Any) -> Car:
    made: dict[str, Any] = {
        "model_name": "T", "sold_by": model.WfRunId(id="r"), "engine": Engine(power=1.5), "VIN": "v",
        "masked_engine": Engine(power=2.0, fuel_kind="coal"), "plain_mark": "p", "unknown": "ignored",
    }  # fmt: skip
    return Car(**(made | changes))


def there_and_back(value: Any) -> Any:
    struct = lh_struct.serialize_to_struct(obj=value)
    again = lh_struct.deserialize_struct(struct=struct, cls=type(value))
    return [struct, sorted(vars(again)), lh_struct.serialize_to_struct(again)]


def partly_filled() -> Any:
    struct = lh_struct.serialize_to_struct(Point(x=1))
    del struct.struct.fields["x"]
    del struct.struct.fields["y"]
    made = lh_struct.deserialize_struct(struct, Point)
    return [made.x, made.y]


def info() -> Any:
    found = lh_struct.get_struct_def_info(cls=Engine)
    kinds = [lh_struct.is_lh_struct(cls=kind) for kind in (Engine, Van, Point, int, Holder)]
    return [found.name, found.description, lh_struct.get_struct_def_name(cls=Van), kinds]


def marks() -> Any:
    field, empty, kind = LHStructField(name="n", masked=True, description="d"), LHStructField(), LHType("t", True)
    return [[mark.name, mark.masked] for mark in (field, empty, kind, LHType("u"))] + [field.description]


def register_with_worker(config: Any) -> None:
    LHTaskWorker(everything, "by-worker", config).register_task_def()


def observations(config: Any) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {
        f"task {task.__name__}": lambda task=task: littlehorse.workflow.create_task_def(
            task=task, name="task", config=config, timeout=4
        )
        for task in TASKS
    }
    for kind in (str, int, float, bool, bytes, dict[str, Any], list[Any], Car):
        calls[f"task of {kind}"] = lambda kind=kind: littlehorse.create_task_def(giving(kind), "task", config)
    for kind in (Engine, Car, Van, Point):
        calls[f"struct {kind.__name__}"] = lambda kind=kind: littlehorse.create_struct_def(kind, config)
        calls[f"fields of {kind.__name__}"] = lambda kind=kind: lh_struct.class_to_inline_struct_def(cls=kind)
    full = model.StructDefCompatibilityType.FULLY_COMPATIBLE_SCHEMA_UPDATES
    correlated = model.CorrelatedEventConfig(ttl_seconds=3, delete_after_first_correlation=True)
    return calls | {
        "task by worker": lambda: register_with_worker(config),
        "struct updates": lambda: littlehorse.workflow.create_struct_def(
            cls=Engine, config=config, allowed_updates=full, timeout=5
        ),
        "struct directly": lambda: lh_struct.create_struct_def(
            cls=Engine, config=config, allowed_updates=full, timeout=6
        ),
        "struct request": lambda: lh_struct.class_to_put_struct_def_request(cls=Car, allowed_updates=full),
        "struct request without updates": lambda: lh_struct.class_to_put_struct_def_request(Car),
        "struct of instance": lambda: there_and_back(car()),
        "struct of subclass": lambda: there_and_back(Van(**vars(car()), seats=9)),
        "struct of dataclass": lambda: there_and_back(Point(1)),
        "struct with other values": lambda: there_and_back(car(is_sold=None, year_built=[1], engine=None)),
        "struct partly filled": partly_filled,
        "constructor": lambda: sorted(vars(car())),
        "info": info,
        "marks": marks,
        "event": lambda: littlehorse.create_external_event_def("event", config),
        "correlated event": lambda: littlehorse.workflow.create_external_event_def(
            name="event", config=config, timeout=7, correlated_event_config=correlated
        ),
        "workflow event": lambda: littlehorse.workflow.create_workflow_event_def(
            name="thrown", type=model.VariableType.STR, config=config, timeout=8
        ),
        "workflow": lambda: littlehorse.create_workflow_spec(registered_workflow(), config),
        "workflow in time": lambda: littlehorse.workflow.create_workflow_spec(
            workflow=Workflow("empty", lambda thread: None), config=config, timeout=9
        ),
        "texts": texts,
    }

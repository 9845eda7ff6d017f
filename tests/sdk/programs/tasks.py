"""Tasks: inputs of every kind, options and workflow defaults, dynamic tasks, outputs."""

import datetime
from typing import Any

from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import (
    BOOL,
    BYTES,
    DOUBLE,
    INT,
    JSON_ARR,
    JSON_OBJ,
    STR,
    TIMESTAMP,
    WF_RUN_ID,
    AllowedUpdateType,
    ExponentialBackoffRetryPolicy,
    ThreadRetentionPolicy,
    VariableType,
    WfRunId,
    WorkflowRetentionPolicy,
)
from littlehorse.workflow import Workflow, WorkflowThread


@lh_struct_def("car")
class Car:
    model: str
    year_built: int = 1999


class Plain:
    def __init__(self) -> None:
        self.b = 2
        self.a = {"nested": [1, None, True]}


def entrypoint(thread: WorkflowThread) -> None:
    name = thread.add_variable("name", STR).required().searchable()
    count = thread.declare_int("count", default_value=3).as_public()
    obj = thread.declare_json_obj("obj", {"a": 1}).searchable_on("$.a", INT).searchable_on("$.b.c", STR)
    arr = thread.declare_json_arr("arr", [1, "x"]).masked()
    thread.declare_bool("flag", False).as_inherited()
    thread.declare_double("ratio").with_default(1.5)
    thread.declare_bytes("raw", b"\x00\xff")
    thread.declare_timestamp("when")
    thread.declare_wf_run_id("run", WfRunId(id="r"))
    thread.declare_struct("car", Car).required().masked()
    thread.declare_struct("other-car", "car", 3).searchable_on("$.model", STR)
    thread.add_variable("with-struct-default", struct_def_name="car", default_value=Car(model="T"))
    thread.add_variable("by-name", VariableType.STR, access_level="PUBLIC_VAR")
    for index, kind in enumerate([BOOL, BYTES, DOUBLE, JSON_ARR, JSON_OBJ, TIMESTAMP, WF_RUN_ID]):
        thread.add_variable(f"kind-{index}", kind)

    thread.execute("no-inputs")
    literals: list[Any] = [None, True, 1, 2.5, "ü", b"b", {"k": [1]}, [1, {"x": None}], (1, 2), Plain(), Car(model="m")]
    literals += [WfRunId(id="x"), datetime.datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)]
    output = thread.execute("literals", *literals)
    thread.execute(
        "operands",
        name,
        obj.with_json_path("$.a.b"),
        arr.with_json_path("$.[0]"),
        obj.get("a").get(3).get("z"),
        output,
        output.with_json_path("$.x"),
        thread.format("{0} and {1}", name, output),
        name.cast_to_int(),
        count.cast_to_double().cast_to_str(),
        thread.find_variable("flag"),
    )
    backoff = ExponentialBackoffRetryPolicy(max_delay_ms=9)
    thread.execute("options", timeout_seconds=7, retries=0, exponential_backoff=backoff)
    thread.execute("options", retries=2)
    thread.execute(thread.format("dynamic-{0}", name), 1)
    thread.execute(name, 2, timeout_seconds=0)
    thread.with_retention_policy(ThreadRetentionPolicy(seconds_after_thread_termination=5))


def workflow() -> Workflow:
    backoff = ExponentialBackoffRetryPolicy(base_interval_ms=10, max_delay_ms=1000, multiplier=2.0)
    return (
        Workflow("tasks", entrypoint, parent_wf="the-parent")
        .with_update_type(AllowedUpdateType.MINOR_REVISION_UPDATES)
        .with_retention_policy(WorkflowRetentionPolicy(seconds_after_wf_termination=60))
        .with_retry_policy(4, backoff)
        .with_task_timeout_seconds(30)
    )

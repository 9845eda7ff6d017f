"""Each refusal has the status that clients know, and stores nothing."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    BulkJobId,
    NodeRunId,
    PutTaskDefRequest,
    RunWfRequest,
    SearchWfRunRequest,
    TaskDefId,
    TaskRunId,
    TypeDefinition,
    VariableDef,
    VariableId,
    VariableType,
    WfRunId,
    WfSpecId,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client

Status = grpc.StatusCode


def refusal(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Status and message with which a call is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code(), error.value.details()


def needs_a_number(thread: WorkflowThread) -> None:
    """A workflow with a required INT variable."""
    thread.declare_int("number").required()


def test_a_wf_run_id_is_used_once(client: Client) -> None:
    """03/E-120: the second RunWf with an id is ALREADY_EXISTS, and the first run is as it was."""
    spec = client.deploy("once", needs_a_number)
    wf_run_id = client.name("once").replace("_", "-")
    run = client.start(spec, id=wf_run_id, number=1)
    code, message = refusal(lambda: client.start(spec, id=wf_run_id, number=2))
    assert code == Status.ALREADY_EXISTS
    assert wf_run_id in message
    assert client.variable(run, "number").int == 1
    assert client.stub.GetWfRun(run.id) == run


def test_a_task_def_cannot_change(client: Client) -> None:
    """04/TW-75, 09/PY-28: the same TaskDef again is fine, another under its name is ALREADY_EXISTS."""

    def put(kind: "VariableType.ValueType") -> Any:
        variable = VariableDef(name="input", type_def=TypeDefinition(primitive_type=kind))
        return client.stub.PutTaskDef(PutTaskDefRequest(name=client.name("fixed"), input_vars=[variable]))

    assert put(VariableType.STR) == put(VariableType.STR)
    assert refusal(lambda: put(VariableType.INT))[0] == Status.ALREADY_EXISTS


@pytest.mark.parametrize("bad_id", ["", "has_underscore", "has.dot", "has/slash", "-starts", "ends-", "has space", "ü"])
def test_malformed_wf_run_ids(client: Client, bad_id: str) -> None:
    """03/E-101: an id that is no host name is INVALID_ARGUMENT, before anything is looked up."""
    code, message = refusal(lambda: client.start("no-such-spec", id=bad_id))
    assert code == Status.INVALID_ARGUMENT
    assert "must be a valid hostname" in message


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "number"),
        ({"number": "text"}, "number"),
        ({"number": {"a": 1}}, "number"),
        ({"number": 1, "unknown": 1}, "unknown"),
    ],
)
def test_inputs_that_do_not_fit(client: Client, variables: dict[str, Any], named: str) -> None:
    """03/E-130, E-131: missing, mistyped and unknown inputs are INVALID_ARGUMENT, name the variable, store nothing."""
    spec = client.deploy("inputs", needs_a_number)
    code, message = refusal(lambda: client.start(spec, **variables))
    assert code == Status.INVALID_ARGUMENT
    assert named in message
    assert list(client.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=spec)).results) == []


def test_run_wf_checks_in_order(client: Client) -> None:
    """03/E-101, E-110: an empty name is INVALID_ARGUMENT, an unknown one or an unknown version NOT_FOUND."""
    spec = client.deploy("known", needs_a_number)
    assert refusal(lambda: client.start(""))[0] == Status.INVALID_ARGUMENT
    assert refusal(lambda: client.start(client.name("unknown")))[0] == Status.NOT_FOUND
    request = RunWfRequest(wf_spec_name=spec, major_version=7)
    assert refusal(lambda: client.stub.RunWf(request))[0] == Status.NOT_FOUND


def test_reads_of_what_is_not_there(client: Client) -> None:
    """03/E-104, 04/TW-70: NOT_FOUND for every kind of object."""
    run = client.start(client.deploy("there", needs_a_number), number=1)
    nobody = WfRunId(id=client.name("nobody"))
    stub = client.stub
    calls: list[Callable[[], Any]] = [
        lambda: stub.GetWfRun(nobody),
        lambda: stub.GetWfRun(WfRunId(id=run.id.id, parent_wf_run_id=nobody)),
        lambda: stub.GetNodeRun(NodeRunId(wf_run_id=run.id, thread_run_number=0, position=99)),
        lambda: stub.GetNodeRun(NodeRunId(wf_run_id=nobody, thread_run_number=0, position=0)),
        lambda: stub.GetVariable(VariableId(wf_run_id=run.id, thread_run_number=0, name="other")),
        lambda: stub.GetVariable(VariableId(wf_run_id=run.id, thread_run_number=1, name="number")),
        lambda: stub.GetTaskRun(TaskRunId(wf_run_id=run.id, task_guid="0-1")),
        lambda: stub.GetTaskDef(TaskDefId(name=client.name("nobody"))),
        lambda: stub.GetWfSpec(WfSpecId(name=client.name("nobody"))),
    ]
    assert [refusal(call)[0] for call in calls] == [Status.NOT_FOUND] * len(calls)


def test_rpcs_that_are_not_built_say_so(client: Client) -> None:
    """Every RPC of the contract is answered: those not built yet with UNIMPLEMENTED and a message that names them."""
    code, message = refusal(lambda: client.stub.GetBulkJob(BulkJobId(id="x")))
    assert code == Status.UNIMPLEMENTED
    assert "GetBulkJob" in message


def test_who_and_what(client: Client) -> None:
    """08/H-3, P-8: the server says which contract it speaks, and who one is."""
    version = client.stub.GetServerVersion(Empty())
    assert (version.major_version, version.minor_version) == (1, 3)
    assert client.stub.Whoami(Empty()).id.id == "anonymous"

"""The commands of `lh` against a server of canned replies."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import grpc
import pytest

from littlehorse.model import (
    COMPLETED,
    ERROR,
    RUNNING,
    TASK_FAILED,
    TASK_SUCCESS,
    EntrypointRun,
    LHTaskError,
    LittleHorseVersion,
    NodeRun,
    NodeRunId,
    NodeRunList,
    Principal,
    PrincipalId,
    SearchUserTaskRunRequest,
    TaskAttempt,
    TaskDef,
    TaskDefId,
    TaskDefIdList,
    TaskNodeRun,
    TaskRun,
    TaskRunId,
    TaskRunIdList,
    TaskRunList,
    ThreadRun,
    ThreadSpec,
    ThreadVarDef,
    TypeDefinition,
    UserTaskRunId,
    UserTaskRunIdList,
    UserTaskRunStatus,
    Variable,
    VariableDef,
    VariableId,
    VariableIdList,
    VariableList,
    VariableType,
    VariableValue,
    VarNameAndVal,
    WfRun,
    WfRunId,
    WfRunIdList,
    WfSpec,
    WfSpecId,
    WfSpecIdList,
)
from tests.cli.conftest import Canned, Result

Lh = Callable[[str], Result]

VARIABLES = {
    "item": VariableType.STR,
    "count": VariableType.INT,
    "price": VariableType.DOUBLE,
    "gift": VariableType.BOOL,
    "tags": VariableType.JSON_ARR,
}
SPEC = WfSpec(
    id=WfSpecId(name="order", major_version=2, revision=1),
    entrypoint_thread_name="entrypoint",
    thread_specs={
        "entrypoint": ThreadSpec(
            variable_defs=[
                ThreadVarDef(var_def=VariableDef(name=name, type_def=TypeDefinition(primitive_type=kind)))
                for name, kind in VARIABLES.items()
            ]
        )
    },
)
RUN_ID = WfRunId(id="r1")
CHILD_ID = WfRunId(id="c1", parent_wf_run_id=RUN_ID)


def wf_run(status: int = RUNNING) -> WfRun:
    """A WfRun in this status."""
    thread = ThreadRun(number=0, thread_spec_name="entrypoint", status=status)  # type: ignore[arg-type]
    return WfRun(id=RUN_ID, wf_spec_id=SPEC.id, status=status, thread_runs=[thread])  # type: ignore[arg-type]


def test_run_reads_values_as_the_types_declared(canned: Canned, lh: Lh) -> None:
    """08/K-7: the WfSpec says what `5` means."""
    canned.replies = {"GetLatestWfSpec": SPEC, "RunWf": wf_run()}
    result = lh("run order --id r1 --var item=5 --var count=5 --var price=5 --var gift=True --var 'tags=[1, 2]'")
    assert result.exit_code == 0, result.err
    (request,) = canned.requests("RunWf")
    assert request.id == "r1"
    assert dict(request.variables) == {
        "item": VariableValue(str="5"),
        "count": VariableValue(int=5),
        "price": VariableValue(double=5.0),
        "gift": VariableValue(bool=True),
        "tags": VariableValue(json_arr="[1, 2]"),
    }
    assert not request.HasField("major_version")
    assert "r1" in result.out
    assert "order 2.1" in result.out


def test_run_an_exact_version_below_a_parent(canned: Canned, lh: Lh) -> None:
    """The flags reach the request."""
    canned.replies = {"GetWfSpec": SPEC, "RunWf": wf_run()}
    assert lh("run order --major 2 --revision 1 --parent r0").exit_code == 0
    (request,) = canned.requests("RunWf")
    assert (request.major_version, request.revision, request.parent_wf_run_id) == (2, 1, WfRunId(id="r0"))


@pytest.mark.parametrize(("status", "exit_code"), [(COMPLETED, 0), (ERROR, 1)])
def test_run_waits_for_the_end(canned: Canned, lh: Lh, status: int, exit_code: int) -> None:
    """The exit code says whether the run completed."""
    canned.replies = {
        "GetLatestWfSpec": SPEC,
        "RunWf": wf_run(),
        "GetWfRun": [wf_run(), wf_run(), wf_run(status)],
    }
    result = lh("run order --wait --output json")
    assert result.exit_code == exit_code
    assert len(canned.requests("GetWfRun")) == 3
    assert json.loads(result.out)["status"] == ("COMPLETED" if status == COMPLETED else "ERROR")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run order --var count=many", "'many' is not a value of type INT for variable 'count'"),
        ("run order --var tags={}", "'{}' is not a value of type JSON_ARR"),
        ("run order --var gift=perhaps", "not a value of type BOOL"),
        ("run order --var size=1", "has no variable 'size'; it has: item, count, price, gift, tags"),
        ("run order --var count", "write --var count=VALUE"),
        ("run order --revision 1", "--revision needs --major"),
        ("run order --parent _", "'_' is not a WfRun id"),
        ("run order --parent ''", "'' is not a WfRun id"),
    ],
)
def test_run_refuses_what_it_cannot_read(canned: Canned, lh: Lh, command: str, message: str) -> None:
    """One sentence; nothing is started."""
    canned.replies = {"GetLatestWfSpec": SPEC, "RunWf": wf_run()}
    result = lh(command)
    assert result.exit_code in (1, 2)
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not canned.requests("RunWf")


def test_get_takes_ids_apart_or_joined(canned: Canned, lh: Lh) -> None:
    """08/K-3: parents joined with `_`, parts with `/`."""
    node_run = NodeRun(
        id=NodeRunId(wf_run_id=CHILD_ID, position=2), node_name="2-pack-TASK", entrypoint=EntrypointRun()
    )
    canned.replies = {
        "GetWfRun": wf_run(),
        "GetNodeRun": node_run,
        "GetVariable": Variable(value=VariableValue(int=5)),
        "GetTaskRun": TaskRun(),
    }
    assert lh("get wf-run r1_c1").exit_code == 0
    assert canned.requests("GetWfRun") == [CHILD_ID]
    for command in ("get node-run r1_c1 0 2", "get node-run r1_c1/0/2"):
        assert "2-pack-TASK" in lh(command).out
    assert canned.requests("GetNodeRun") == [NodeRunId(wf_run_id=CHILD_ID, position=2)] * 2
    assert "5" in lh("get variable r1/0/a/b").out
    assert canned.requests("GetVariable") == [VariableId(wf_run_id=RUN_ID, name="a/b")]
    lh("get task-run r1 g1")
    assert canned.requests("GetTaskRun") == [TaskRunId(wf_run_id=RUN_ID, task_guid="g1")]


@pytest.mark.parametrize("command", ["get node-run r1", "get node-run r1/x/2", "get variable r1/0"])
def test_get_refuses_incomplete_ids(canned: Canned, lh: Lh, command: str) -> None:
    """Exit code 2, one sentence."""
    result = lh(command)
    assert result.exit_code == 2
    assert result.err.startswith("lh: ")


def test_get_definitions(canned: Canned, lh: Lh) -> None:
    """Latest without version, exact with one."""
    task_def = TaskDef(
        id=TaskDefId(name="pack"),
        input_vars=[VariableDef(name="what", type_def=TypeDefinition(primitive_type=VariableType.STR, masked=True))],
    )
    canned.replies = {"GetLatestWfSpec": SPEC, "GetWfSpec": SPEC, "GetTaskDef": task_def}
    out = lh("get wf-spec order").out
    assert "order 2.1" in out
    assert "JSON_ARR" in out
    assert not canned.requests("GetLatestWfSpec")[0].HasField("major_version")
    lh("get wf-spec order --major 2 --revision 0")
    assert canned.requests("GetWfSpec") == [WfSpecId(name="order", major_version=2)]
    assert "STR masked" in lh("get task-def pack").out


def test_list_goes_through_all_pages(canned: Canned, lh: Lh) -> None:
    """07/S-3: until there is no bookmark."""

    def node_run(position: int) -> NodeRun:
        task = TaskNodeRun(task_run_id=TaskRunId(task_guid=f"guid-{position}"))
        return NodeRun(id=NodeRunId(wf_run_id=RUN_ID, position=position), node_name=f"n{position}", task=task)

    canned.replies = {
        "ListNodeRuns": [
            NodeRunList(results=[node_run(0), node_run(1)], bookmark=b"next"),
            NodeRunList(results=[node_run(2)]),
        ]
    }
    out = lh("list node-runs r1 --thread 0").out
    assert [f"guid-{number}" in out for number in range(3)] == [True] * 3
    assert [request.bookmark for request in canned.requests("ListNodeRuns")] == [b"", b"next"]
    assert canned.requests("ListNodeRuns")[0].HasField("thread_run_number")


def test_list_task_runs_and_variables(canned: Canned, lh: Lh) -> None:
    """The result of the last attempt; values in words."""
    failed = TaskAttempt(status=TASK_FAILED, error=LHTaskError(message="bank is down"))
    done = TaskAttempt(status=TASK_SUCCESS, output=VariableValue(str="paid"))
    task_run = TaskRun(id=TaskRunId(task_guid="g1"), attempts=[failed, done], status=TASK_SUCCESS)
    variable = Variable(id=VariableId(name="gift"), value=VariableValue(bool=True))
    canned.replies = {
        "ListTaskRuns": TaskRunList(results=[task_run]),
        "ListVariables": VariableList(results=[variable, Variable(id=VariableId(name="none"))]),
        "GetTaskRun": TaskRun(
            attempts=[failed], input_variables=[VarNameAndVal(var_name="card", value=VariableValue(str="*****"))]
        ),
    }
    assert "paid" in lh("list task-runs r1").out
    assert "bank is down" in lh("get task-run r1/g1").out
    lines = lh("list variables r1").out.splitlines()
    assert [line.split() for line in lines] == [["THREAD", "NAME", "VALUE"], ["0", "gift", "true"], ["0", "none", "-"]]


def test_search_wf_runs(canned: Canned, lh: Lh) -> None:
    """All filters reach the request; more pages are told."""
    canned.replies = {
        "GetLatestWfSpec": SPEC,
        "SearchWfRun": WfRunIdList(results=[CHILD_ID], bookmark=b"\x01more"),
    }
    result = lh(
        "search wf-run order --status running --var count=5 --parent r1 --full-tree --earliest 2024-01-02T03:04:05 "
        "--latest 1h --limit 7"
    )
    assert result.exit_code == 0, result.err
    assert "r1_c1" in result.out
    assert base64.b64encode(b"\x01more").decode() in result.out
    (request,) = canned.requests("SearchWfRun")
    assert (request.wf_spec_name, request.status, request.limit, request.show_full_tree) == ("order", RUNNING, 7, True)
    assert request.parent_wf_run_id == RUN_ID
    assert request.variable_filters[0].value == VariableValue(int=5)
    assert request.earliest_start.ToJsonString() == "2024-01-02T03:04:05Z"
    assert request.latest_start.seconds > request.earliest_start.seconds
    assert not request.HasField("bookmark")
    bookmark = base64.b64encode(b"\x01more").decode()
    lh(f"search wf-run order --bookmark {bookmark}")
    assert canned.requests("SearchWfRun")[1].bookmark == b"\x01more"
    assert not canned.requests("SearchWfRun")[1].HasField("status")


def test_search_user_task_runs(canned: Canned, lh: Lh) -> None:
    """07/O-3: the filters reach the request, and only those that are given."""
    found = UserTaskRunId(wf_run_id=CHILD_ID, user_task_guid="0-1")
    canned.replies = {"SearchUserTaskRun": UserTaskRunIdList(results=[found], bookmark=b"more")}
    result = lh(
        "search user-task-run --status unassigned --user bob --group sales --def form --earliest 2024-01-02T03:04:05 "
        "--latest 1h --limit 7"
    )
    assert result.exit_code == 0, result.err
    assert [line.split() for line in result.out.splitlines()[:2]] == [
        ["WF", "RUN", "USER", "TASK", "RUN"],
        ["r1_c1", "0-1"],
    ]
    assert base64.b64encode(b"more").decode() in result.out
    lh("search user-task-run --group sales")
    full, one = canned.requests("SearchUserTaskRun")
    assert (full.status, full.user_id, full.user_group) == (UserTaskRunStatus.UNASSIGNED, "bob", "sales")
    assert (full.user_task_def_name, full.limit) == ("form", 7)
    assert full.earliest_start.ToJsonString() == "2024-01-02T03:04:05Z"
    assert full.latest_start.seconds > full.earliest_start.seconds
    assert one == SearchUserTaskRunRequest(user_group="sales", limit=100)


def test_search_the_rest(canned: Canned, lh: Lh) -> None:
    """One criterion each."""
    canned.replies = {
        "GetLatestWfSpec": SPEC,
        "SearchTaskRun": TaskRunIdList(results=[TaskRunId(wf_run_id=RUN_ID, task_guid="g1")]),
        "SearchVariable": VariableIdList(),
        "SearchWfSpec": WfSpecIdList(results=[SPEC.id]),
        "SearchTaskDef": TaskDefIdList(results=[TaskDefId(name="pack")]),
    }
    assert "g1" in lh("search task-run pack --status failed").out
    assert canned.requests("SearchTaskRun")[0].status == TASK_FAILED
    assert lh("search variable order count 5").out == "(none)\n"
    assert canned.requests("SearchVariable")[0].value == VariableValue(int=5)
    lh("search variable order data_$.x 5 --type STR")
    assert canned.requests("SearchVariable")[1].value == VariableValue(str="5")
    assert "2.1" in lh("search wf-spec --task-def pack").out
    assert canned.requests("SearchWfSpec")[0].task_def_name == "pack"
    assert "pack" in lh("search task-def pa").out
    assert canned.requests("SearchTaskDef")[0].prefix == "pa"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("search wf-run --var count=5", "--var needs a WFSPEC"),
        ("search wf-run order --status sleeping", "invalid choice"),
        ("search user-task-run --status open", "invalid choice"),
        ("search wf-run order --earliest soon", "neither an ISO time nor an age"),
        ("search wf-run order --bookmark ?", "not a bookmark"),
        ("search wf-run --parent ''", "'' is not a WfRun id"),
        ("post event r1 paid --guid ''", "--guid is empty: give an id, or leave it away"),
        ("search variable order size 5", "give --type"),
        ("search wf-spec --name a --prefix b", "not allowed with"),
        ("nonsense", "invalid choice"),
        ("server stop", "lh server start"),
    ],
)
def test_wrong_command_lines(canned: Canned, lh: Lh, command: str, message: str) -> None:
    """Told on standard error, exit code not 0; nothing is sent but what the WfSpec is asked for."""
    canned.replies = {"GetLatestWfSpec": SPEC}
    result = lh(command)
    assert result.exit_code != 0
    assert message in result.err
    assert {rpc for rpc, _ in canned.asked} <= {"GetLatestWfSpec"}


def test_json_is_the_reply(canned: Canned, lh: Lh) -> None:
    """08/K-2: lowerCamelCase, unset fields included, names of enums, two spaces."""
    canned.replies = {"GetWfRun": wf_run()}
    out = lh("get wf-run r1 --output json").out
    reply = json.loads(out)
    assert reply["wfSpecId"] == {"name": "order", "majorVersion": 2, "revision": 1}
    assert reply["status"] == "RUNNING"
    assert reply["pendingFailures"] == []
    assert '\n  "status"' in out


def test_the_tenant_is_sent(canned: Canned, lh: Lh, monkeypatch: pytest.MonkeyPatch) -> None:
    """08/K-4, T-1."""
    canned.replies = {"GetWfRun": wf_run()}
    lh("get wf-run r1")
    monkeypatch.setenv("LHC_TENANT_ID", "acme")
    lh("get wf-run r1")
    assert [call.get("tenantid") for call in canned.metadata] == [None, "acme"]


@pytest.mark.parametrize(
    ("status", "details", "message"),
    [
        (grpc.StatusCode.NOT_FOUND, "Couldn't find it.", "Couldn't find it. (NOT_FOUND)"),
        (grpc.StatusCode.UNAVAILABLE, "", "start one with `lh server start`"),
        (grpc.StatusCode.UNAVAILABLE, "server is shutting down", "shutting down (UNAVAILABLE)"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", "did not answer in time"),
        (grpc.StatusCode.UNIMPLEMENTED, "GetWfRun is not built", "GetWfRun is not built"),
        (grpc.StatusCode.INTERNAL, "", "The server gave no reason (INTERNAL)"),
    ],
)
def test_refusals_are_one_sentence(canned: Canned, lh: Lh, status: grpc.StatusCode, details: str, message: str) -> None:
    """08/K-2: on standard error, exit code 1."""
    canned.replies = {"GetWfRun": (status, details)}
    result = lh("get wf-run r1")
    assert (result.exit_code, result.out) == (1, "")
    assert message in result.err
    assert result.err.count("\n") == 1


def test_no_server(lh: Lh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says where it looked and what to do."""
    monkeypatch.setenv("LHC_API_HOST", "127.0.0.1")
    monkeypatch.setenv("LHC_API_PORT", "1")
    result = lh("search wf-run")
    assert result.exit_code == 1
    assert "No server answers at 127.0.0.1:1: start one with `lh server start`" in result.err


@pytest.mark.parametrize(
    ("name", "value"), [("LHC_API_PORT", "http"), ("LHC_API_PROTOCOL", "QUIC"), ("LHC_CA_CERT", "/no")]
)
def test_bad_environment(canned: Canned, lh: Lh, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """08 section 7: names the setting."""
    monkeypatch.setenv(name, value)
    if name == "LHC_CA_CERT":
        monkeypatch.setenv("LHC_API_PROTOCOL", "tls")
    result = lh("whoami")
    assert result.exit_code == 1
    assert "LHC_" in result.err


def test_about(canned: Canned, lh: Lh) -> None:
    """08/H-3, P-8."""
    version = LittleHorseVersion(major_version=1, minor_version=3, patch_version=0)
    canned.replies = {"GetServerVersion": version, "Whoami": Principal(id=PrincipalId(id="anonymous"))}
    assert "1.3.0" in lh("version").out
    assert "anonymous" in lh("whoami").out


def test_help_lists_the_commands(lh: Lh) -> None:
    """Also where no server is."""
    result = lh("--help")
    assert result.exit_code == 0
    for command in ("server", "run", "get", "list", "search", "deploy"):
        assert command in result.out
    assert lh("server --help").exit_code == 0

"""SearchWfRun."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    COMPLETED,
    ERROR,
    INHERITED_VAR,
    RUNNING,
    PutWfSpecRequest,
    SearchWfRunRequest,
    ThreadSpec,
    ThreadVarDef,
    VariableDef,
    VariableMatch,
    VariableValue,
    WfRunId,
    WfRunIdList,
    WfSpec,
)
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.run_index import full_id
from tests.server.fakes import FakeServer


def put_spec(server: FakeServer, name: str, *variables: ThreadVarDef) -> None:
    """Registers another version of a WfSpec with these variables."""
    thread = ThreadSpec(variable_defs=variables)
    request = PutWfSpecRequest(name=name, thread_specs={"entrypoint": thread}, entrypoint_thread_name="entrypoint")
    server.call("PutWfSpec", request, WfSpec)


def declared(name: str, **more: object) -> ThreadVarDef:
    """A declaration."""
    return ThreadVarDef(var_def=VariableDef(name=name), **more)  # type: ignore[arg-type]


def run_id(text: str) -> WfRunId:
    """The id of a WfRun, written as parents_child."""
    result: WfRunId | None = None
    for part in text.split("_"):
        result = WfRunId(id=part, parent_wf_run_id=result)
    assert result is not None
    return result


def time(ms: int) -> Timestamp:
    """A moment."""
    moment = Timestamp()
    moment.FromMilliseconds(ms)
    return moment


def search(server: FakeServer, **filters: object) -> list[str]:
    """Ids found."""
    found = server.call("SearchWfRun", SearchWfRunRequest(**filters), WfRunIdList)  # type: ignore[arg-type]
    return [full_id(wf_run_id) for wf_run_id in found.results]


@pytest.fixture
def runs(server: FakeServer) -> FakeServer:
    """Runs of two WfSpecs over three shards, ids chosen so that their order is not that of their times."""
    put_spec(server, "ship", declared("order"))
    put_spec(server, "bill")
    for text, spec, status, at in [
        ("d", "ship", RUNNING, 10),
        ("c", "ship", COMPLETED, 20),
        ("b", "ship", RUNNING, 20),
        ("a", "ship", ERROR, 30),
        ("e", "bill", RUNNING, 15),
    ]:
        server.add_wf_run(run_id(text), spec, status, at)
    return server


def test_all_of_a_wf_spec_by_time_then_id(runs: FakeServer) -> None:
    """07/S-1, S-5, W-1: over all statuses and shards; each shard was brought up to date first (07/S-9)."""
    assert search(runs, wf_spec_name="ship") == ["d", "b", "c", "a"]
    assert sorted(runs.engine.flushed) == [0, 1, 2]


def test_by_status(runs: FakeServer) -> None:
    """07/W-1, W-8; a status that no run has gives nothing, without error (07/S-12)."""
    assert search(runs, wf_spec_name="ship", status=RUNNING) == ["d", "b"]
    assert search(runs, wf_spec_name="ship", status=0) == []


def test_by_time(runs: FakeServer) -> None:
    """07/S-6, S-7: inclusive, in whole ms, each end alone, empty if turned round."""
    assert search(runs, wf_spec_name="ship", earliest_start=time(20), latest_start=time(20)) == ["b", "c"]
    assert search(runs, wf_spec_name="ship", earliest_start=Timestamp(nanos=20_999_999)) == ["b", "c", "a"]
    assert search(runs, wf_spec_name="ship", latest_start=time(19)) == ["d"]
    assert search(runs, wf_spec_name="ship", earliest_start=time(30), latest_start=time(10)) == []
    assert search(runs, wf_spec_name="ship", latest_start=Timestamp()) == []
    assert search(runs, wf_spec_name="ship", earliest_start=Timestamp()) == ["d", "b", "c", "a"]
    far = Timestamp(seconds=253402300799)
    assert search(runs, wf_spec_name="ship", latest_start=far) == ["d", "b", "c", "a"]


def test_without_a_name_all_runs_of_the_tenant(runs: FakeServer) -> None:
    """07/W-3: the filters are evaluated over everything."""
    assert search(runs) == ["d", "e", "b", "c", "a"]
    assert search(runs, status=RUNNING) == ["d", "e", "b"]


def test_by_version(server: FakeServer) -> None:
    """07/W-1: the version that the run has now."""
    put_spec(server, "ship")
    put_spec(server, "ship", declared("order"))
    server.add_wf_run(run_id("a"), "ship", RUNNING, 1, version=(0, 0))
    server.add_wf_run(run_id("b"), "ship", RUNNING, 2, version=(0, 1))
    assert search(server, wf_spec_name="ship", wf_spec_major_version=0) == ["a", "b"]
    assert search(server, wf_spec_name="ship", wf_spec_major_version=0, wf_spec_revision=1) == ["b"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"wf_spec_major_version": 0}, "without wfSpecName"),
        ({"wf_spec_revision": 0}, "without wfSpecName"),
        ({"wf_spec_name": "ship", "wf_spec_revision": 0}, "without wfSpecMajorVersion"),
        ({"variable_filters": [VariableMatch(var_name="order")]}, "Cannot filter by variables"),
        ({"wf_spec_name": "none"}, "Couldn't find wfSpec"),
        ({"wf_spec_name": "ship", "wf_spec_major_version": 1}, "Couldn't find wfSpec"),
        ({"wf_spec_name": "ship", "wf_spec_major_version": 0, "wf_spec_revision": 9}, "Couldn't find wfSpec"),
        ({"wf_spec_name": "ship", "variable_filters": [VariableMatch(var_name="x")]}, "not present in main thread"),
        ({"wf_spec_name": "ship", "limit": -5}, "limit"),
        ({"wf_spec_name": "ship", "bookmark": b"?"}, "bookmark"),
    ],
)
def test_illegal_combinations(runs: FakeServer, filters: dict[str, object], message: str) -> None:
    """07/W-2, S-2, S-3."""
    with pytest.raises(RpcError) as refused:
        search(runs, **filters)
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert message in refused.value.message


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_neither_repeat_nor_skip(runs: FakeServer, limit: int) -> None:
    """07/S-3, also where times are equal; the bookmark is absent on the last page."""
    found: list[str] = []
    request = SearchWfRunRequest(wf_spec_name="ship", limit=limit, bookmark=b"")
    for _ in range(10):
        page = runs.call("SearchWfRun", request, WfRunIdList)
        found += [full_id(wf_run_id) for wf_run_id in page.results]
        if not page.HasField("bookmark"):
            break
        request.bookmark = page.bookmark
    assert found == ["d", "b", "c", "a"]


def test_a_page_that_is_just_full_is_the_last(runs: FakeServer) -> None:
    """07/S-3: no bookmark to an empty page."""
    page = runs.call("SearchWfRun", SearchWfRunRequest(wf_spec_name="ship", limit=4), WfRunIdList)
    assert len(page.results) == 4
    assert not page.HasField("bookmark")


def test_by_variable(runs: FakeServer) -> None:
    """07/W-7: whole value with its type, null matches null, no Variable matches nothing, limit counts matches."""
    runs.set_variable(run_id("d"), "order", VariableValue(int=5))
    runs.set_variable(run_id("b"), "order", VariableValue(double=5.0))
    runs.set_variable(run_id("c"), "order", VariableValue(int=5))
    runs.set_variable(run_id("a"), "order", VariableValue())

    def matching(value: VariableValue, **more: object) -> list[str]:
        match = VariableMatch(var_name="order", value=value)
        return search(runs, wf_spec_name="ship", variable_filters=[match], **more)

    assert matching(VariableValue(int=5)) == ["d", "c"]
    assert matching(VariableValue(int=5), limit=2) == ["d", "c"]
    assert matching(VariableValue(double=5.0)) == ["b"]
    assert matching(VariableValue()) == ["a"]
    assert matching(VariableValue(str="5")) == []
    both = [
        VariableMatch(var_name="order", value=VariableValue(int=5)),
        VariableMatch(var_name="order", value=VariableValue(int=6)),
    ]
    assert search(runs, wf_spec_name="ship", variable_filters=both) == []


def test_json_is_compared_by_what_it_says(runs: FakeServer) -> None:
    """07/W-7; 02/T-1: not by spaces or order of keys, but with the types inside; other text matches itself."""
    runs.set_variable(run_id("d"), "order", VariableValue(json_obj='{"a":1,"b":[true]}'))
    runs.set_variable(run_id("b"), "order", VariableValue(json_obj="[" * 100_000))

    def matching(text: str) -> list[str]:
        match = VariableMatch(var_name="order", value=VariableValue(json_obj=text))
        return search(runs, wf_spec_name="ship", variable_filters=[match])

    assert matching('{"b": [true], "a": 1}') == ["d"]
    assert matching('{"b": [1], "a": 1}') == matching('{"b": [true], "a": 1.0}') == matching("{") == []
    assert matching("[" * 100_000) == ["b"]


def test_an_inherited_variable_is_the_ancestors(server: FakeServer) -> None:
    """07/W-7: resolved through the chain of parents."""
    put_spec(server, "part", declared("order", access_level=INHERITED_VAR))
    server.add_wf_run(run_id("root_child_part"), "part", RUNNING, 1)
    server.add_wf_run(run_id("other_child_part"), "part", RUNNING, 2)
    server.set_variable(run_id("root"), "order", VariableValue(str="x"))
    match = VariableMatch(var_name="order", value=VariableValue(str="x"))
    assert search(server, wf_spec_name="part", variable_filters=[match]) == ["root_child_part"]


@pytest.fixture
def family(server: FakeServer) -> FakeServer:
    """A root with children and grandchildren."""
    put_spec(server, "ship")
    put_spec(server, "bill")
    put_spec(server, "bill", declared("x"))
    server.add_wf_run(run_id("root"), "ship", RUNNING, 1)
    server.add_wf_run(run_id("root_b"), "bill", RUNNING, 2, version=(0, 0))
    server.add_wf_run(run_id("root_a"), "bill", COMPLETED, 3, version=(0, 1))
    server.add_wf_run(run_id("root_c"), "ship", COMPLETED, 4)
    server.add_wf_run(run_id("root_b_deep"), "bill", COMPLETED, 5)
    server.add_wf_run(run_id("root_b_deep_er"), "ship", RUNNING, 6)
    return server


def test_direct_children(family: FakeServer) -> None:
    """07/W-5: neither the parent nor grandchildren; the parent need not exist; its full id counts."""
    assert search(family, parent_wf_run_id=run_id("root")) == ["root_b", "root_a", "root_c"]
    assert search(family, parent_wf_run_id=run_id("root_b")) == ["root_b_deep"]
    assert search(family, parent_wf_run_id=run_id("b")) == []


def test_children_with_any_filter(family: FakeServer) -> None:
    """07/W-4: every combination."""
    parent = run_id("root")
    assert search(family, parent_wf_run_id=parent, status=COMPLETED) == ["root_a", "root_c"]
    assert search(family, parent_wf_run_id=parent, wf_spec_name="bill") == ["root_b", "root_a"]
    assert search(family, parent_wf_run_id=parent, wf_spec_name="bill", status=RUNNING) == ["root_b"]
    version = {"wf_spec_name": "bill", "wf_spec_major_version": 0, "wf_spec_revision": 1}
    assert search(family, parent_wf_run_id=parent, **version) == ["root_a"]
    assert search(family, parent_wf_run_id=parent, earliest_start=time(3), latest_start=time(3)) == ["root_a"]


def test_the_full_tree(family: FakeServer) -> None:
    """07/W-6: descendants at any depth, filters on each, order as always; pages too."""
    tree = {"parent_wf_run_id": run_id("root"), "show_full_tree": True}
    assert search(family, **tree) == ["root_b", "root_a", "root_c", "root_b_deep", "root_b_deep_er"]
    assert search(family, **tree, wf_spec_name="ship") == ["root_c", "root_b_deep_er"]
    assert search(family, **tree, earliest_start=time(5)) == ["root_b_deep", "root_b_deep_er"]
    page = family.call("SearchWfRun", SearchWfRunRequest(**tree, limit=2), WfRunIdList)  # type: ignore[arg-type]
    assert search(family, **tree, bookmark=page.bookmark) == ["root_c", "root_b_deep", "root_b_deep_er"]


def test_a_run_that_is_seen_under_two_statuses_is_found_once(runs: FakeServer) -> None:
    """07/S-3: nothing is returned twice within one scan."""
    runs.add_wf_run(run_id("d"), "ship", COMPLETED, 10)
    assert search(runs, wf_spec_name="ship") == ["d", "b", "c", "a"]


def test_tenants_do_not_see_each_other(runs: FakeServer) -> None:
    """07/S-8."""
    with pytest.raises(RpcError):
        runs.call("SearchWfRun", SearchWfRunRequest(wf_spec_name="ship"), WfRunIdList, tenant="other")
    assert runs.call("SearchWfRun", SearchWfRunRequest(), WfRunIdList, tenant="other") == WfRunIdList()

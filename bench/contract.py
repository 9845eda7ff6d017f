"""The few calls of the contract that the bench itself makes: it registers WfSpecs, searches and reads back."""

import time
from collections.abc import Sequence
from typing import Any

import grpc

from bench.server import BenchError
from littlehorse.model import (
    Edge,
    EntrypointNode,
    ExitNode,
    ExternalEventDefId,
    LHStatus,
    Node,
    NodeRun,
    NodeRunId,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    PutTaskDefRequest,
    PutWfSpecRequest,
    PutWorkflowEventDefRequest,
    ReturnType,
    SearchWfRunRequest,
    SleepNode,
    TaskDefId,
    TaskNode,
    ThreadSpec,
    ThreadVarDef,
    TypeDefinition,
    VariableAssignment,
    VariableDef,
    VariableType,
    VariableValue,
    WfRunId,
    WfRunIdList,
    WfRunVariableAccessLevel,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.workflow import Workflow

PATIENCE_S = 60.0
INPUT = "input"
"""The variable that every WfSpec of the bench has: a searchable STR."""
PAGE = 1000


class Contract:
    """A connection of the bench to its server. Each call raises BenchError with the server's words."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self.stub = LittleHorseStub(self._channel)

    def __enter__(self) -> "Contract":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def put_task_def(self, name: str) -> None:
        """A TaskDef that takes a STR called `value` and returns one."""
        value = VariableDef(name="value", type_def=_text())
        self.ask(
            "PutTaskDef", PutTaskDefRequest(name=name, input_vars=[value], return_type=ReturnType(return_type=_text()))
        )

    def put_wf_spec(self, name: str, nodes: Sequence[Node]) -> None:
        """A WfSpec whose nodes follow each other between ENTRYPOINT and EXIT."""
        chain = [Node(entrypoint=EntrypointNode()), *nodes, Node(exit=ExitNode())]
        names = [f"{index}-{node.WhichOneof('node')}" for index, node in enumerate(chain)]
        for node, following in zip(chain, names[1:], strict=False):
            node.outgoing_edges.append(Edge(sink_node_name=following))
        variable = ThreadVarDef(
            var_def=VariableDef(name=INPUT, type_def=_text()),
            searchable=True,
            access_level=WfRunVariableAccessLevel.PRIVATE_VAR,
        )
        thread = ThreadSpec(nodes=dict(zip(names, chain, strict=True)), variable_defs=[variable])
        request = PutWfSpecRequest(name=name, thread_specs={"entrypoint": thread}, entrypoint_thread_name="entrypoint")
        self.ask("PutWfSpec", request)

    def put_external_event_def(self, name: str) -> None:
        """An ExternalEventDef of STR."""
        self.ask(
            "PutExternalEventDef", PutExternalEventDefRequest(name=name, content_type=ReturnType(return_type=_text()))
        )

    def put_workflow_event_def(self, name: str) -> None:
        """A WorkflowEventDef of STR."""
        self.ask(
            "PutWorkflowEventDef", PutWorkflowEventDefRequest(name=name, content_type=ReturnType(return_type=_text()))
        )

    def put_workflow(self, workflow: Workflow) -> None:
        """A WfSpec in the words of the SDK."""
        self.ask("PutWfSpec", workflow.compile())

    def post(self, run: str, event: str) -> None:
        """PutExternalEvent for a run, with some text."""
        content = VariableValue(str="payment-4711-was-here")
        event_def = ExternalEventDefId(name=event)
        request = PutExternalEventRequest(wf_run_id=WfRunId(id=run), external_event_def_id=event_def, content=content)
        self.ask("PutExternalEvent", request)

    def search(self, request: SearchWfRunRequest) -> WfRunIdList:
        """SearchWfRun."""
        return self.ask("SearchWfRun", request)

    def wait_for_ids(self, wf_spec: str, status: "LHStatus.ValueType", count: int) -> list[WfRunId]:
        """Waits until so many runs of a WfSpec have this status; returns their ids."""
        deadline = time.monotonic() + PATIENCE_S
        request = SearchWfRunRequest(wf_spec_name=wf_spec, status=status, limit=min(count, PAGE))
        while True:
            found = list(self.search(request).results)
            if len(found) >= min(count, PAGE):
                return found
            if time.monotonic() > deadline:
                raise BenchError(f"{len(found)} of {count} runs of {wf_spec} became {LHStatus.Name(status)}")
            time.sleep(0.1)

    def node_run(self, run: WfRunId, position: int) -> NodeRun:
        """GetNodeRun of thread 0."""
        return self.ask("GetNodeRun", NodeRunId(wf_run_id=run, thread_run_number=0, position=position))

    def ask(self, rpc: str, request: Any) -> Any:
        """One call by the name of its RPC."""
        try:
            return getattr(self.stub, rpc)(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            raise BenchError(f"{rpc}: {error}") from error


def task(task_def: str) -> Node:
    """A TASK node that gets the run's variable."""
    return Node(
        task=TaskNode(
            task_def_id=TaskDefId(name=task_def),
            timeout_seconds=60,
            variables=[VariableAssignment(variable_name=INPUT)],
        )
    )


def sleep(seconds: int) -> Node:
    """A SLEEP node."""
    return Node(sleep=SleepNode(raw_seconds=VariableAssignment(literal_value=VariableValue(int=seconds))))


def _text() -> TypeDefinition:
    return TypeDefinition(primitive_type=VariableType.STR)

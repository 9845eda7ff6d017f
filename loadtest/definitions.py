"""What the load runs: a chain of three tasks. Every process registers it; the same again changes nothing."""

from littlehorse.model import (
    Edge,
    EntrypointNode,
    ExitNode,
    Node,
    PutTaskDefRequest,
    PutWfSpecRequest,
    ReturnType,
    TaskDefId,
    TaskNode,
    ThreadSpec,
    ThreadVarDef,
    TypeDefinition,
    VariableAssignment,
    VariableDef,
    VariableType,
    WfRunVariableAccessLevel,
)

NAME = "locust-chain"
INPUT = "input"
LENGTH = 3
_TEXT = TypeDefinition(primitive_type=VariableType.STR)


def task_def() -> PutTaskDefRequest:
    """Takes a STR and returns one."""
    return PutTaskDefRequest(
        name=NAME,
        input_vars=[VariableDef(name=INPUT, type_def=_TEXT)],
        return_type=ReturnType(return_type=_TEXT),
    )


def wf_spec() -> PutWfSpecRequest:
    """ENTRYPOINT, three TASK nodes, EXIT, and a searchable variable that each task gets."""
    task = TaskNode(
        task_def_id=TaskDefId(name=NAME), timeout_seconds=30, variables=[VariableAssignment(variable_name=INPUT)]
    )
    kinds = [Node(entrypoint=EntrypointNode()), *(Node(task=task) for _ in range(LENGTH)), Node(exit=ExitNode())]
    names = [f"{index}-{node.WhichOneof('node')}" for index, node in enumerate(kinds)]
    for node, following in zip(kinds, names[1:], strict=False):
        node.outgoing_edges.append(Edge(sink_node_name=following))
    variable = ThreadVarDef(
        var_def=VariableDef(name=INPUT, type_def=_TEXT),
        searchable=True,
        access_level=WfRunVariableAccessLevel.PRIVATE_VAR,
    )
    thread = ThreadSpec(nodes=dict(zip(names, kinds, strict=True)), variable_defs=[variable])
    return PutWfSpecRequest(name=NAME, thread_specs={"entrypoint": thread}, entrypoint_thread_name="entrypoint")

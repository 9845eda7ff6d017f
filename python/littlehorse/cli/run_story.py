"""The tree of a WfRun: what each thread did, node by node, and which thread came from where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.cli.node_details import NodeDetails, shown
from littlehorse.cli.tree import Branch
from littlehorse.cli.values import seconds_between
from littlehorse.model import (
    ExternalEvent,
    LHStatus,
    NodeRun,
    TaskRun,
    ThreadHaltReason,
    ThreadRun,
    ThreadType,
    UserTaskRun,
    Variable,
    WfRun,
    WorkflowEvent,
)

_ROLES = {
    ThreadType.INTERRUPT: "interrupt handler ",
    ThreadType.FAILURE_HANDLER: "failure handler ",
}


class RunStory:
    """Puts together what a WfRun consists of; times are told as seconds since its start."""

    def __init__(
        self,
        run: WfRun,
        threads: Iterable[ThreadRun],
        nodes: Iterable[NodeRun],
        tasks: Iterable[TaskRun],
        user_tasks: Iterable[UserTaskRun],
        variables: Iterable[Variable],
        events: Sequence[ExternalEvent],
        thrown: Sequence[WorkflowEvent],
    ) -> None:
        self._run = run
        self._threads = {thread.number: thread for thread in sorted(threads, key=lambda thread: thread.number)}
        self._nodes: dict[int, list[NodeRun]] = defaultdict(list)
        for node in sorted(nodes, key=lambda node: node.id.position):
            self._nodes[node.id.thread_run_number].append(node)
        self._variables: dict[int, list[Variable]] = defaultdict(list)
        for variable in sorted(variables, key=lambda variable: variable.id.name):
            self._variables[variable.id.thread_run_number].append(variable)
        self._events = events
        self._details = NodeDetails(self.clock, tasks, user_tasks, events, thrown)

    def trees(self) -> Iterator[Branch]:
        """A tree for each thread that none other started, then one of the events that nobody has taken."""
        placed: set[int] = set()
        for number, thread in self._threads.items():
            # A thread has a greater number than the one that started it, so its tree comes before its turn.
            if number not in placed:
                yield self._tree(thread, placed)
        waiting = [event for event in self._events if not event.claimed]
        if waiting:
            tree = Branch("events that nothing has taken yet")
            for event in waiting:
                name = event.id.external_event_def_id.name
                tree.add(f"{name} {event.id.guid}  {self.clock(event.created_at)}  {shown(event.content)}")
            yield tree

    def clock(self, start: Timestamp, end: Timestamp | None = None) -> str:
        """A moment, or a span, as seconds since the start of the run; an event may have come before it (05/E-19)."""
        text = f"{seconds_between(self._run.start_time, start):+.3f} s"
        return text if end is None else f"{text} for {seconds_between(start, end):.3f} s"

    def _tree(self, root: ThreadRun, placed: set[int]) -> Branch:
        """The tree of a thread and of all that came from it; `placed` are the threads that have their place."""
        top = Branch("")
        placed.add(root.number)
        # Not a recursive function: see Branch.render.
        waiting = [(root, top)]
        while waiting:
            thread, branch = waiting.pop()
            self._tell_thread(thread, branch)
            for number, origin in self._origins(thread, branch):
                if number in self._threads and number not in placed:
                    placed.add(number)
                    waiting.append((self._threads[number], origin.add("")))
        return top

    def _origins(self, thread: ThreadRun, branch: Branch) -> list[tuple[int, Branch]]:
        """Threads that come from this one: below the node that started them, else below the thread itself."""
        nodes = self._nodes[thread.number]
        node_branches = branch.below[len(branch.below) - len(nodes) :]
        started = [
            (number, below) for node, below in zip(nodes, node_branches, strict=True) for number in _threads_of(node)
        ]
        return started + [(number, branch) for number, child in self._threads.items() if _is_child(child, thread)]

    def _tell_thread(self, thread: ThreadRun, branch: Branch) -> None:
        """Writes a thread into its branch; the last branches below it are those of its nodes."""
        end = thread.end_time if thread.HasField("end_time") else None
        role = _ROLES.get(thread.type, "")
        status = LHStatus.Name(thread.status)
        branch.text = f"{role}thread {thread.number} {thread.thread_spec_name}  {status}  "
        branch.text += self.clock(thread.start_time, end)
        if thread.error_message:
            branch.add(f"error: {thread.error_message}")
        for reason in thread.halt_reasons:
            branch.add(f"halted: {_halt_text(reason)}")
        for variable in self._variables[thread.number]:
            branch.add(f"{variable.id.name} = {shown(variable.value)}")
        if thread.HasField("output"):
            branch.add(f"output: {shown(thread.output)}")
        for node in self._nodes[thread.number]:
            self._details.tell(node, branch.add(self._node_text(node)))

    def _node_text(self, node: NodeRun) -> str:
        end = node.end_time if node.HasField("end_time") else None
        status = LHStatus.Name(node.status)
        return f"[{node.id.position}] {node.node_name}  {status}  {self.clock(node.arrival_time, end)}"


def _is_child(child: ThreadRun, parent: ThreadRun) -> bool:
    return child.HasField("parent_thread_id") and child.parent_thread_id == parent.number


def _threads_of(node: NodeRun) -> Iterator[int]:
    """Threads that were started by this node, or because it failed."""
    case = node.WhichOneof("node_type")
    if case == "start_thread" and node.start_thread.HasField("child_thread_id"):
        yield node.start_thread.child_thread_id
    if case == "start_multiple_threads":
        yield from node.start_multiple_threads.child_thread_ids
    if case == "wait_for_threads":
        for waiting in node.wait_for_threads.threads:
            if waiting.HasField("failure_handler_thread_run_id"):
                yield waiting.failure_handler_thread_run_id
    for failure in node.failures:
        if failure.HasField("failure_handler_threadrun_id"):
            yield failure.failure_handler_threadrun_id
    yield from node.failure_handler_ids


def _halt_text(reason: ThreadHaltReason) -> str:
    case = reason.WhichOneof("reason")
    if case == "manual_halt":
        return "stopped from outside"
    if case == "parent_halted":
        return f"its parent, thread {reason.parent_halted.parent_thread_id}, is halted"
    if case == "interrupted":
        return f"interrupted, thread {reason.interrupted.interrupt_thread_id} handles it"
    if case == "pending_interrupt":
        return f"about to be interrupted by {reason.pending_interrupt.external_event_id.external_event_def_id.name}"
    if case == "pending_failure":
        return f"about to handle the failure of node {reason.pending_failure.node_run_position}"
    if case == "handling_failure":
        return f"thread {reason.handling_failure.handler_thread_id} handles its failure"
    if case == "halted_by_parent":
        return f"its parent stopped waiting at node {reason.halted_by_parent.waiting_node_run_position}"
    return "unknown reason"

"""The object that a program builds a thread with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from littlehorse.model.common_wfspec_pb2 import ExponentialBackoffRetryPolicy
from littlehorse.model.wf_spec_pb2 import EntrypointNode
from littlehorse.workflow.child_threads import ChildThreads
from littlehorse.workflow.control_flow import ControlFlow
from littlehorse.workflow.declarations import Declarations
from littlehorse.workflow.steps import Steps
from littlehorse.workflow.thread_graph import ThreadInitializer, check_initializer
from littlehorse.workflow.user_tasks import UserTasks

if TYPE_CHECKING:
    from littlehorse.workflow.workflow import Workflow


class WorkflowThread(Declarations, Steps, ControlFlow, ChildThreads, UserTasks):
    """One thread of a workflow; it is complete when its constructor returns (spec 09 section 9).

    Parameters: `initializer` builds the thread by calling methods of this object; the defaults apply to tasks that do
    not say otherwise. Raises what the initializer raises.
    """

    def __init__(
        self,
        workflow: Workflow,
        initializer: ThreadInitializer,
        default_retries: int | None = None,
        default_exponential_backoff: ExponentialBackoffRetryPolicy | None = None,
        default_timeout_seconds: int | None = None,
    ) -> None:
        super().__init__(workflow)
        self.default_retries = default_retries
        self.default_exponential_backoff = default_exponential_backoff
        self.default_timeout_seconds = default_timeout_seconds
        check_initializer(initializer)
        workflow.get_threads().append(self)
        self.is_active = True
        try:
            self.add_node("entrypoint", EntrypointNode())
            self.run_block(initializer)
            self.add_final_exit()
        finally:
            self.is_active = False

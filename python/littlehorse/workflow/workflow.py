"""A workflow as a program: it compiles to the request that registers a WfSpec (PY-49)."""

from __future__ import annotations

from pathlib import Path

from littlehorse.model.common_wfspec_pb2 import ExponentialBackoffRetryPolicy
from littlehorse.model.service_pb2 import AllowedUpdateType, PutWfSpecRequest
from littlehorse.model.wf_spec_pb2 import ThreadSpec, WfSpec, WorkflowRetentionPolicy
from littlehorse.workflow.events import ExternalEventDefRegistration, ThrowEventNodeOutput
from littlehorse.workflow.expressions import to_json
from littlehorse.workflow.thread import WorkflowThread
from littlehorse.workflow.thread_graph import ThreadInitializer

ENTRYPOINT = "entrypoint"


class Workflow:
    """A named workflow whose first thread is built by `entrypoint`; `parent_wf` names the WfSpec it is a child of.

    Raises ValueError without a name.
    """

    def __init__(self, name: str, entrypoint: ThreadInitializer, parent_wf: str | None = None) -> None:
        if name is None:
            raise ValueError("Name cannot be None")
        self.name = name
        self._entrypoint = entrypoint
        self._parent_wf = None if parent_wf is None else WfSpec.ParentWfSpecReference(wf_spec_name=parent_wf)
        self._allowed_updates: AllowedUpdateType | None = None
        self._retention_policy: WorkflowRetentionPolicy | None = None
        self._default_retries: int | None = None
        self._default_exponential_backoff: ExponentialBackoffRetryPolicy | None = None
        self._default_timeout_seconds: int | None = None
        # Insertion order is the order in which threads are built.
        self._initializers: dict[str, ThreadInitializer] = {}
        self._threads: list[WorkflowThread] = []
        self._is_compiling = False
        self._external_events: list[ExternalEventDefRegistration] = []
        self._workflow_events: list[ThrowEventNodeOutput] = []
        self._compiled_external_events: list[ExternalEventDefRegistration] = []
        self._compiled_workflow_events: list[ThrowEventNodeOutput] = []

    def __str__(self) -> str:
        return to_json(self.compile())

    def get_threads(self) -> list[WorkflowThread]:
        """The threads built so far; empty unless the workflow is being compiled."""
        return self._threads

    def add_sub_thread(self, name: str, initializer: ThreadInitializer) -> str:
        """Has a further thread built; returns its name. Raises ValueError for a name used before."""
        if name in self._initializers:
            raise ValueError(f"Thread {name} already added")
        self._initializers[name] = initializer
        return name

    def save(self, file_path: str | Path) -> None:
        """Writes the compiled workflow as JSON text."""
        Path(file_path).write_text(str(self), "utf-8")

    def with_update_type(self, update_type: AllowedUpdateType) -> Workflow:
        """Which changes to the registered workflow are allowed; returns self."""
        self._allowed_updates = update_type
        return self

    def with_retention_policy(self, policy: WorkflowRetentionPolicy) -> Workflow:
        """How long finished runs are kept; returns self."""
        self._retention_policy = policy
        return self

    def with_retry_policy(
        self, retries: int | None = None, exponential_backoff: ExponentialBackoffRetryPolicy | None = None
    ) -> Workflow:
        """Retries of tasks that do not say otherwise; returns self."""
        self._default_retries = retries
        self._default_exponential_backoff = exponential_backoff
        return self

    def with_task_timeout_seconds(self, timeout_seconds: int | None = None) -> Workflow:
        """Timeout of tasks that do not say otherwise; returns self."""
        self._default_timeout_seconds = timeout_seconds
        return self

    def compile(self) -> PutWfSpecRequest:
        """The request that registers this workflow.

        Every call runs all initializers anew and gives the same result; one that raises leaves the workflow as it was.
        """
        added_before = dict(self._initializers)
        self._compiled_external_events = []
        self._compiled_workflow_events = []
        self._is_compiling = True
        try:
            self.add_sub_thread(ENTRYPOINT, self._entrypoint)
            thread_specs = self._build_threads()
        finally:
            self._initializers = added_before
            self._threads = []
            self._is_compiling = False
        return PutWfSpecRequest(
            name=self.name,
            entrypoint_thread_name=ENTRYPOINT,
            thread_specs=thread_specs,
            allowed_updates=self._allowed_updates,
            parent_wf_spec=self._parent_wf,
            retention_policy=self._retention_policy,
        )

    def _build_threads(self) -> dict[str, ThreadSpec]:
        """Builds threads in the order in which they were first mentioned, those mentioned meanwhile included (C-2)."""
        specs: dict[str, ThreadSpec] = {}
        while len(specs) < len(self._initializers):
            name, initializer = list(self._initializers.items())[len(specs)]
            thread = WorkflowThread(
                self,
                initializer,
                self._default_retries,
                self._default_exponential_backoff,
                self._default_timeout_seconds,
            )
            specs[name] = thread.compile()
        return specs

    def add_external_event_def_to_register(self, node: ExternalEventDefRegistration) -> None:
        """Has an external event defined before this workflow is registered."""
        (self._compiled_external_events if self._is_compiling else self._external_events).append(node)

    def add_workflow_event_def_to_register(self, node: ThrowEventNodeOutput) -> None:
        """Has a workflow event defined before this workflow is registered."""
        (self._compiled_workflow_events if self._is_compiling else self._workflow_events).append(node)

    @property
    def external_events_to_register(self) -> list[ExternalEventDefRegistration]:
        """External events to define: those added by hand and those that the last compilation mentioned."""
        return self._external_events + self._compiled_external_events

    @property
    def workflow_events_to_register(self) -> list[ThrowEventNodeOutput]:
        """Workflow events to define: those added by hand and those that the last compilation mentioned."""
        return self._workflow_events + self._compiled_workflow_events

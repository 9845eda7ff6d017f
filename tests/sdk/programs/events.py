"""External events, workflow events and child workflows, with the definitions that they register."""

from typing import Any

from littlehorse.model import CorrelatedEventConfig
from littlehorse.workflow import Workflow, WorkflowThread


def entrypoint(thread: WorkflowThread) -> None:
    key = thread.declare_str("key")
    secret = thread.declare_str("secret").masked()
    document = thread.declare_json_obj("document").masked()
    event = thread.wait_for_event("plain")
    key.assign(event.with_json_path("$.k"))
    thread.wait_for_event("timed", timeout=60)
    thread.wait_for_event("zero", timeout=0)
    thread.wait_for_event("keyed", correlation_id=key)
    thread.wait_for_event("literal-key", correlation_id="k", mask_correlation_id=True)
    thread.wait_for_event("secret", correlation_id=secret)
    thread.wait_for_event("shown", correlation_id=secret, mask_correlation_id=False)
    thread.wait_for_event("part", correlation_id=document.with_json_path("$.id"))
    thread.wait_for_event("field", correlation_id=document.get("id"))
    thread.wait_for_event("formatted", correlation_id=thread.format("{0}-x", key))
    thread.wait_for_event("auto", auto_register=True)
    for kind in (str, int, float, bool, dict, list):
        returned: Any = kind
        thread.wait_for_event(f"typed-{kind.__name__}", return_type=returned)
        thread.throw_event(f"thrown-{kind.__name__}", key, return_type=returned)
    config = CorrelatedEventConfig(delete_after_first_correlation=True, ttl_seconds=9)
    output = thread.wait_for_event("configured", correlated_event_config=config)
    thread.register_external_event_def(thread.wait_for_event("by-hand"))
    thread.throw_event("thrown", output)
    thread.throw_event("nothing", None)
    thread.throw_event("thrown-auto", {"a": 1}, auto_register=True)
    thread.register_workflow_event_def(thread.throw_event("thrown-by-hand", key))
    thread.add_interrupt_handler("interrupting", lambda body: None).with_event_type(None)
    thread.add_interrupt_handler("interrupting-typed", lambda body: None).with_event_type(dict)

    run = thread.run_wf("child-workflow")
    result = thread.wait_for_child_wf(run)
    named = thread.run_wf("child-workflow", {"a": key, "b": 2, "c": result}, child_id=thread.format("c-{0}", key))
    thread.wait_for_child_wf(named)
    thread.run_wf("other", child_id="literal")
    thread.fail("the-end", "message")


def workflow() -> Workflow:
    return Workflow("events", entrypoint)

//! EXTERNAL_EVENT and THROW_EVENT nodes (X-24, X-31, ING-10).

use super::super::static_type::{self, Static};
use super::super::view::ThreadView;
use super::super::{Reason, assign};
use crate::pb;

/// Checks that the event exists; types of timeout and key are a matter of run time.
pub(super) fn require_external(view: &ThreadView<'_>, node: &pb::ExternalEventNode) -> Result<(), Reason> {
    let name = event_name(node);
    if view.definitions().external_event_def(name).is_none() {
        return Err(format!("Refers to missing ExternalEventDef {name}"));
    }
    let expressions = [&node.timeout_seconds, &node.correlation_key];
    expressions.into_iter().flatten().try_for_each(|expression| static_type::of(view, expression).map(drop))
}

/// The content type of the event; unknown if it is untyped, void or deleted.
pub(super) fn output_type(view: &ThreadView<'_>, node: &pb::ExternalEventNode) -> Static {
    view.definitions().external_event_def(event_name(node))?.type_information?.return_type
}

/// Checks that the event exists and that content of a known type fits it.
pub(super) fn require_throw(view: &ThreadView<'_>, node: &pb::ThrowEventNode) -> Result<(), Reason> {
    let name = node.event_def_id.as_ref().map_or("", |id| id.name.as_str());
    let Some(event_def) = view.definitions().workflow_event_def(name) else {
        return Err(format!("Refers to missing WorkflowEventDef {name}: nonexistent WorkflowEventDef"));
    };
    let Some(content) = &node.content else { return Ok(()) };
    match event_def.content_type.and_then(|content_type| content_type.return_type) {
        Some(declared) => {
            assign::require(view, content, &declared).map_err(|reason| format!("Event content invalid: {reason}"))
        }
        None => static_type::of(view, content).map(drop),
    }
}

fn event_name(node: &pb::ExternalEventNode) -> &str {
    node.external_event_def_id.as_ref().map_or("", |id| id.name.as_str())
}

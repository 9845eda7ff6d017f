//! THROW_EVENT: creates a WorkflowEvent on arrival (03/E-464, spec 05 section 7.1).

use crate::{
    pb::{self, node_run::NodeType},
    run::{Run, events, failure, scope::RunScope},
    state::{Context, RECORD_BYTES_MAX},
    value::{self, Vse},
};

/// The id is noted even if the content cannot be had, and no event is created then (05/E-60).
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::ThrowEventNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let definition = node.event_def_id.as_ref().map_or("", |id| id.name.as_str());
    let id = events::next_thrown(run, definition);
    if let Some(NodeType::ThrowEvent(throwing)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut()) {
        throwing.workflow_event_id = Some(id.clone());
    }
    let content = content(run, place, definition, node, context)
        .map_err(|error| failure::value_failure("VAR_SUB_ERROR", error))?;
    events::throw(run, place, id, content, context);
    Ok(())
}

/// Content of the declared type gets the types of its elements written in; any other is thrown as it is (05/E-58, E-61).
fn content(
    run: &Run,
    place: (i32, i32),
    definition: &str,
    node: &pb::ThrowEventNode,
    context: &Context<'_>,
) -> Result<pb::VariableValue, Vse> {
    let Some(assignment) = &node.content else { return Ok(pb::VariableValue::default()) };
    let content = value::resolve::resolve(assignment, &RunScope::of(run, place.0, context))?;
    let bytes = prost::Message::encoded_len(&content);
    if bytes > RECORD_BYTES_MAX {
        let text = format!("RESOURCE_EXHAUSTED: the event would have {bytes} bytes, the limit is {RECORD_BYTES_MAX}.");
        return Err(Vse::new(text));
    }
    let event_def = context.definitions.workflow_event_def(&run.tenant, definition);
    let declared = event_def.and_then(|event_def| event_def.content_type.clone()?.return_type);
    Ok(match declared {
        Some(declared) => {
            let definitions = context.definitions.of(&run.tenant);
            value::ingress::accept(&declared, content.clone(), &definitions).unwrap_or(content)
        }
        None => content,
    })
}

//! START_THREAD: a child thread starts on arrival; the node is finished at once with its number (03/E-440).

use super::Progress;
use crate::{
    pb::{self, node_run::NodeType, variable_value::Value},
    run::{Run, failure, start},
    state::Context,
    value::{self, Vse},
};

/// Evaluates and checks the inputs, then starts the child.
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::StartThreadNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let invalid = |error| failure::value_failure("VAR_SUB_ERROR", error);
    let inputs = start::evaluate_inputs(run, place.0, &node.thread_spec_name, &node.variables, context);
    let inputs = inputs.map_err(invalid)?;
    let definitions = context.definitions.of(&run.tenant);
    let values = start::initial_values(&run.spec, &node.thread_spec_name, inputs, &definitions)
        .map_err(|rejected| invalid(Vse::new(rejected.message)))?;
    let kind = pb::ThreadType::Child;
    let number = start::start_thread(run, &node.thread_spec_name, kind, Some(place.0), values, context);
    if let Some(NodeType::StartThread(started)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut()) {
        started.child_thread_id = Some(number);
    }
    Ok(())
}

/// Finished with the child's number.
pub(super) fn progress(started: &pb::StartThreadRun, context: &Context<'_>) -> Progress {
    let number = started.child_thread_id.map(|number| value::of(Value::Int(i64::from(number))));
    Progress::Finished { output: number, end_ms: context.now_ms }
}

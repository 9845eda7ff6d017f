//! WAIT_FOR_CONDITION: looked at on every step, so after every command and every mutation of the run (03/E-463).

use super::Progress;
use crate::{
    pb::{self, wait_for_condition_node::NodeCondition},
    run::{Run, failure, scope::RunScope},
    state::Context,
    value::condition,
};

/// Finished once the condition holds.
pub(super) fn progress(run: &Run, place: (i32, i32), context: &Context<'_>) -> Progress {
    let Some(node_run) = run.node_run(place) else { return Progress::Waiting };
    let node = run.spec.node(&node_run.thread_spec_name, &node_run.node_name).and_then(|node| node.node.as_ref());
    let Some(pb::node::Node::WaitForCondition(node)) = node else { return Progress::Waiting };
    let scope = RunScope::of(run, place.0, context);
    let holds = match &node.node_condition {
        Some(NodeCondition::Condition(condition)) => condition::condition_holds(condition, &scope),
        Some(NodeCondition::LegacyCondition(legacy)) => condition::legacy_holds(legacy, &scope),
        None => Ok(true),
    };
    match holds {
        Ok(true) => Progress::done(context),
        Ok(false) => Progress::Waiting,
        Err(error) => Progress::Failed(failure::value_failure("VAR_SUB_ERROR", error)),
    }
}

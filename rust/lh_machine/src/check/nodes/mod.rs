//! Node kinds (section 12.4): what is filled in, what is refused, what they put out.

mod child_wf;
mod event;
mod exit;
mod sleep;
mod task;
mod threads;
mod user_task;

use pb::node::Node as Kind;

use super::static_type::Static;
use super::view::ThreadView;
use super::{Definitions, Reason, condition};
use crate::{pb, value};

pub(super) use child_wf::Pinned;

/// Fills in defaults and pins versions (W-5).
///
/// # Errors
/// What would be pinned does not exist, or a time limit is negative (04/TW-53).
pub(super) fn settle(kind: &mut Kind, definitions: &dyn Definitions, pinned: &mut Pinned) -> Result<(), Reason> {
    match kind {
        Kind::Task(node) => task::settle(node),
        Kind::UserTask(node) => user_task::settle(node, definitions),
        Kind::RunChildWf(node) => child_wf::settle(node, definitions, pinned),
        _ => Ok(()),
    }
}

/// Checks one node without its edges.
pub(super) fn require(view: &ThreadView<'_>, node: &pb::Node) -> Result<(), Reason> {
    match &node.node {
        None => Err("missing node type".to_owned()),
        Some(Kind::Entrypoint(_) | Kind::Nop(_)) => Ok(()),
        Some(Kind::Exit(exit)) => exit::require(view, exit),
        Some(Kind::Task(node)) => task::require(view, node),
        Some(Kind::ExternalEvent(node)) => event::require_external(view, node),
        Some(Kind::StartThread(node)) => threads::require_start(view, node),
        Some(Kind::StartMultipleThreads(node)) => threads::require_start_multiple(view, node),
        Some(Kind::WaitForThreads(node)) => threads::require_wait(view, node),
        Some(Kind::Sleep(node)) => sleep::require(view, node),
        Some(Kind::UserTask(node)) => user_task::require(view, node),
        Some(Kind::ThrowEvent(node)) => event::require_throw(view, node),
        Some(Kind::WaitForCondition(wait)) => match &wait.node_condition {
            None => Err("missing condition".to_owned()),
            Some(pb::wait_for_condition_node::NodeCondition::Condition(expression)) => {
                condition::require(view, expression)
            }
            Some(pb::wait_for_condition_node::NodeCondition::LegacyCondition(legacy)) => {
                condition::require_legacy(view, legacy)
            }
        },
        Some(Kind::RunChildWf(node)) => child_wf::require_run(view, node),
        Some(Kind::WaitForChildWf(node)) => child_wf::require_wait(view, node),
    }
}

/// The type of a node's output (T-9); void is unknown where it is used.
pub(super) fn output_type(view: &ThreadView<'_>, node: &pb::Node) -> Result<Static, Reason> {
    use pb::VariableType::{Int, JsonArr, JsonObj, WfRunId};
    Ok(match &node.node {
        Some(Kind::Task(node)) => task::output_type(view, node),
        Some(Kind::ExternalEvent(node)) => event::output_type(view, node),
        Some(Kind::UserTask(_)) => Some(value::types::primitive(JsonObj)),
        Some(Kind::StartThread(_)) => Some(value::types::primitive(Int)),
        Some(Kind::StartMultipleThreads(_)) => Some(value::types::primitive(JsonArr)),
        Some(Kind::RunChildWf(_)) => Some(value::types::primitive(WfRunId)),
        Some(Kind::WaitForChildWf(node)) => child_wf::output_type(view, node),
        _ => None,
    })
}

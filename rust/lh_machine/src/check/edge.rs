//! Edges (X-12..X-19): where they lead, when they are taken, what they change.

use super::view::ThreadView;
use super::{Reason, condition, mutation};
use crate::pb;

/// Checks all edges of a node.
pub(super) fn require_all(view: &ThreadView<'_>, node_name: &str, node: &pb::Node) -> Result<(), Reason> {
    for edge in &node.outgoing_edges {
        require(view, node_name, edge)
            .map_err(|reason| format!("Edge with sink node {} invalid: {reason}", edge.sink_node_name))?;
    }
    Ok(())
}

fn require(view: &ThreadView<'_>, node_name: &str, edge: &pb::Edge) -> Result<(), Reason> {
    if edge.sink_node_name == node_name {
        return Err("Self loop not allowed!".to_owned());
    }
    let Some(sink) = view.thread.nodes.get(&edge.sink_node_name) else {
        return Err(format!("refers to missing node {}", edge.sink_node_name));
    };
    if matches!(sink.node, Some(pb::node::Node::Entrypoint(_))) {
        return Err("the ENTRYPOINT node cannot be the sink of an edge".to_owned());
    }
    match &edge.edge_condition {
        Some(pb::edge::EdgeCondition::Condition(expression)) => condition::require(view, expression)?,
        Some(pb::edge::EdgeCondition::LegacyCondition(legacy)) => condition::require_legacy(view, legacy)?,
        None => {}
    }
    edge.variable_mutations.iter().try_for_each(|mutation| mutation::require(view, node_name, mutation))
}

//! Brings the nodes of a WfSpec into the form that is stored: types written out, versions pinned, defaults filled in (W-5).

use std::collections::BTreeMap;

use pb::variable_assignment::Source;
use pb::variable_mutation::RhsValue;

use super::{Definitions, Reason, literal, nodes, types, walk};
use crate::pb;

/// Settles every node of every thread.
///
/// # Errors
/// The first definition that does not exist or literal that is malformed, with thread and node.
pub(super) fn settle(
    threads: &mut BTreeMap<String, pb::ThreadSpec>,
    definitions: &dyn Definitions,
) -> Result<(), Reason> {
    let mut pinned = nodes::Pinned::new();
    for (thread_name, thread) in threads {
        for (node_name, node) in &mut thread.nodes {
            settle_node(node, definitions, &mut pinned)
                .map_err(|reason| format!("ThreadSpec {thread_name} invalid: Node {node_name} invalid: {reason}"))?;
        }
    }
    Ok(())
}

fn settle_node(node: &mut pb::Node, definitions: &dyn Definitions, pinned: &mut nodes::Pinned) -> Result<(), Reason> {
    if let Some(kind) = &mut node.node {
        nodes::settle(kind, definitions, pinned)?;
    }
    for mutation in walk::mutations_of(node) {
        if let Some(RhsValue::LiteralValue(value)) = &mut mutation.rhs_value {
            literal::settle(value, definitions)?;
        }
    }
    for assignment in walk::assignments_of(node) {
        walk::visit(assignment, &mut |current| settle_assignment(current, definitions))?;
    }
    Ok(())
}

fn settle_assignment(assignment: &mut pb::VariableAssignment, definitions: &dyn Definitions) -> Result<(), Reason> {
    if let Some(target) = &mut assignment.target_type {
        types::settle(target, definitions)?;
    }
    match &mut assignment.source {
        Some(Source::LiteralValue(value)) => literal::settle(value, definitions),
        Some(Source::StructBuilder(builder)) => {
            builder.struct_def_id.as_mut().map_or(Ok(()), |id| types::pin_id(id, definitions))
        }
        Some(Source::MapBuilder(builder)) => {
            builder.map_type.as_mut().map_or(Ok(()), |declared| types::settle_map(declared, definitions))
        }
        _ => Ok(()),
    }
}

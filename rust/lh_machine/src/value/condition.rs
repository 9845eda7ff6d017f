//! Conditions of edges and of WAIT_FOR_CONDITION nodes (CMP-4 … CMP-8).

use crate::pb;

use super::{Scope, Vse};

/// Whether the edge may be taken; no condition = yes (CMP-4).
///
/// # Errors
/// A VSE if the condition cannot be evaluated to a boolean (CMP-7, CMP-8).
pub fn edge_holds(edge: &pb::Edge, scope: &dyn Scope) -> Result<bool, Vse> {
    match &edge.edge_condition {
        None => Ok(true),
        Some(pb::edge::EdgeCondition::LegacyCondition(condition)) => legacy_holds(condition, scope),
        Some(pb::edge::EdgeCondition::Condition(condition)) => condition_holds(condition, scope),
    }
}

/// Whether a condition given as an assignment holds (CMP-5 … CMP-7).
///
/// # Errors
/// A VSE if it cannot be evaluated to a boolean.
pub fn condition_holds(condition: &pb::VariableAssignment, scope: &dyn Scope) -> Result<bool, Vse> {
    let _ = (condition, scope);
    Err(Vse::new("the condition is not a BOOL"))
}

/// Whether a condition of the old form holds (CMP-4).
///
/// # Errors
/// A VSE if an operand cannot be resolved or the operands cannot be compared.
pub fn legacy_holds(condition: &pb::LegacyEdgeCondition, scope: &dyn Scope) -> Result<bool, Vse> {
    let _ = (condition, scope);
    Err(Vse::new("the condition is not a BOOL"))
}

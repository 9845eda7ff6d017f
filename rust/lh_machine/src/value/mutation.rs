//! Mutations on edges (section 9.1).

use crate::pb;

use super::{Scope, Vse};

/// The new value of the mutated variable.
///
/// * `source_output`: output of the node that the edge leaves (deprecated right-hand form, MUT-7).
/// * `declared`: the variable's type; `current`: its value now; `scope` sees earlier mutations of the same edge (MUT-1).
///
/// # Errors
/// A VSE; the caller then changes no variable at all.
pub fn mutate(
    mutation: &pb::VariableMutation,
    source_output: Option<&pb::VariableValue>,
    declared: &pb::TypeDefinition,
    current: &pb::VariableValue,
    scope: &dyn Scope,
) -> Result<pb::VariableValue, Vse> {
    let _ = (mutation, source_output, declared, current, scope);
    Err(Vse::new("not evaluated"))
}

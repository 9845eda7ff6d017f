//! Values on their way in: pinned to the declared type, validated, JSON brought to its canonical form (section 3).

use crate::pb;

use super::{StructDefs, Vse};

/// Pins and validates a client's value (ING-1 … ING-4, STR-9 … STR-13, VAL-2, VAL-4); nothing is converted.
///
/// # Errors
/// What is wrong, with the place inside the value.
pub fn accept(
    declared: &pb::TypeDefinition,
    value: pb::VariableValue,
    defs: &dyn StructDefs,
) -> Result<pb::VariableValue, Vse> {
    let _ = (declared, defs);
    Ok(value)
}

/// Accepts a task input and casts it to the declared primitive type (ING-6, 04/TW-9).
///
/// # Errors
/// A VSE whose message contains the name of the value's type.
pub fn task_input(
    declared: &pb::TypeDefinition,
    value: pb::VariableValue,
    defs: &dyn StructDefs,
) -> Result<pb::VariableValue, Vse> {
    accept(declared, value, defs)
}

/// Accepts what a worker reports (ING-7, 04/TW-46).
///
/// # Errors
/// The message of the attempt's `VAR_SUB_ERROR`.
pub fn task_output(
    return_type: Option<&pb::ReturnType>,
    value: pb::VariableValue,
    defs: &dyn StructDefs,
) -> Result<pb::VariableValue, String> {
    let _ = (return_type, defs);
    Ok(value)
}

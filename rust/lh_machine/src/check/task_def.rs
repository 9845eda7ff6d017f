//! PutTaskDef (02 section 4): a TaskDef is immutable, and putting it again unchanged answers the stored one.

use super::{Definitions, Reason, literal, name, same, timestamp, types};
use crate::rejected::Code;
use crate::{Rejected, pb};

/// Checks a TaskDef (N-1, T-1, T-2, TD-1) and answers the object to return: the stored one if the request equals it
/// (TD-2, TD-3), else a new one created at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// `INVALID_ARGUMENT` for a bad name or type; `ALREADY_EXISTS` if a different TaskDef has the name.
pub fn put_task_def(
    request: pb::PutTaskDefRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<pb::TaskDef, Rejected> {
    name::require("PutTaskDefRequest", &request.name)?;
    let requested = pb::TaskDef {
        id: Some(pb::TaskDefId { name: request.name.clone() }),
        input_vars: request.input_vars,
        created_at: Some(timestamp(now_ms)),
        return_type: Some(request.return_type.unwrap_or_default()),
        description: request.description,
    };
    let mut settled = requested.clone();
    settle(&mut settled, definitions)
        .map_err(|reason| Rejected::invalid(format!("PutTaskDefRequest is invalid: {reason}")))?;
    let Some(stored) = definitions.task_def(&request.name) else { return Ok(settled) };
    if equals(&settled, &stored) || equals(&with_pins_of(requested, &stored), &stored) {
        return Ok(stored);
    }
    let message = format!("TaskDef [{}] already exists and is immutable.", request.name);
    Err(Rejected::new(Code::AlreadyExists, message))
}

fn settle(task_def: &mut pb::TaskDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    for variable in &mut task_def.input_vars {
        // A default of a task input is stored and never applied (TYP-10), so only its depth matters.
        let bounded = variable.default_value.as_ref().map_or(Ok(()), literal::require_bounded);
        bounded
            .and_then(|()| types::settle_variable(variable, definitions).map(drop))
            .map_err(|reason| format!("Input variable {} invalid: {reason}", variable.name))?;
    }
    if let Some(return_type) = &mut task_def.return_type {
        types::settle_return_type(return_type, definitions)
            .map_err(|reason| format!("Return type invalid: {reason}"))?;
    }
    Ok(())
}

/// The request with each -1 replaced by what the stored TaskDef was pinned to (TD-3).
fn with_pins_of(mut requested: pb::TaskDef, stored: &pb::TaskDef) -> pb::TaskDef {
    for (variable, pinned) in requested.input_vars.iter_mut().zip(&stored.input_vars) {
        let mut declared = crate::value::types::var_def_type(variable);
        crate::value::types::normalise(&mut declared);
        if let Some(pinned) = &pinned.type_def {
            types::adopt_pins(&mut declared, pinned);
        }
        variable.r#type = None;
        variable.masked_value = None;
        variable.type_def = Some(declared);
    }
    if let Some(return_type) = &mut requested.return_type {
        types::adopt_return_pins(return_type, stored.return_type.as_ref());
    }
    requested
}

fn equals(requested: &pb::TaskDef, stored: &pb::TaskDef) -> bool {
    let requested = pb::TaskDef { created_at: stored.created_at, ..requested.clone() };
    same(&requested, stored)
}

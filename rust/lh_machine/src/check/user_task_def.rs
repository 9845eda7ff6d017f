//! PutUserTaskDef (02 section 5): versions from 0, compared with the latest one.

use std::collections::BTreeSet;

use super::{Definitions, Reason, name, same, timestamp};
use crate::{Rejected, pb};

/// Checks a UserTaskDef (UT-1) and answers the object to return: the latest version if nothing changed (UT-2), else the
/// next one, created at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// `INVALID_ARGUMENT` for a bad name, a field without a name or declared twice, or a field type that no form can show
/// (06/U-3).
pub fn put_user_task_def(
    request: pb::PutUserTaskDefRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<pb::UserTaskDef, Rejected> {
    name::require("PutUserTaskDefRequest", &request.name)?;
    require_fields(&request.fields)
        .map_err(|reason| Rejected::invalid(format!("PutUserTaskDefRequest is invalid: {reason}")))?;
    let latest = definitions.user_task_def(&request.name, None);
    let settled = pb::UserTaskDef {
        name: request.name,
        version: latest.as_ref().map_or(0, |latest| latest.version + 1),
        description: request.description,
        fields: request.fields,
        created_at: Some(timestamp(now_ms)),
    };
    match latest {
        Some(latest) if equals(&settled, &latest) => Ok(latest),
        _ => Ok(settled),
    }
}

fn require_fields(fields: &[pb::UserTaskField]) -> Result<(), Reason> {
    use pb::VariableType::{Bytes, JsonArr, JsonObj};
    let mut names = BTreeSet::new();
    for field in fields {
        if field.name.is_empty() {
            return Err("A field has no name".to_owned());
        }
        if !names.insert(&field.name) {
            return Err(format!("Field {} is declared twice", field.name));
        }
        match pb::VariableType::try_from(field.r#type) {
            Ok(refused @ (JsonObj | JsonArr | Bytes)) => {
                return Err(format!("Field {} cannot have type {}", field.name, refused.as_str_name()));
            }
            Ok(_) => {}
            Err(_) => return Err(format!("Field {} has unknown type {}", field.name, field.r#type)),
        }
    }
    Ok(())
}

fn equals(settled: &pb::UserTaskDef, latest: &pb::UserTaskDef) -> bool {
    let renumbered = pb::UserTaskDef { version: latest.version, created_at: latest.created_at, ..settled.clone() };
    same(&renumbered, latest)
}

//! PutExternalEventDef and PutWorkflowEventDef (02 sections 6 and 7).

use super::{Definitions, name, same, timestamp, types};
use crate::rejected::Code;
use crate::{Rejected, pb, value};

/// Checks an ExternalEventDef (EE-1) and answers the object to return: the stored one if nothing changed, else one that
/// replaces it (EE-2), created at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// `INVALID_ARGUMENT` for a bad name or type.
pub fn put_external_event_def(
    request: pb::PutExternalEventDefRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<pb::ExternalEventDef, Rejected> {
    name::require("PutExternalEventDefRequest", &request.name)?;
    let mut type_information = request.content_type;
    if let Some(content) = &mut type_information {
        types::settle_return_type(content, definitions)
            .map_err(|reason| Rejected::invalid(format!("PutExternalEventDefRequest is invalid: {reason}")))?;
    }
    let stored = definitions.external_event_def(&request.name);
    let settled = pb::ExternalEventDef {
        id: Some(pb::ExternalEventDefId { name: request.name }),
        created_at: Some(timestamp(now_ms)),
        retention_policy: Some(request.retention_policy.unwrap_or_default()),
        type_information,
        correlated_event_config: request.correlated_event_config,
    };
    match stored {
        Some(stored) if same(&pb::ExternalEventDef { created_at: stored.created_at, ..settled.clone() }, &stored) => {
            Ok(stored)
        }
        _ => Ok(settled),
    }
}

/// Checks a WorkflowEventDef (WE-1, N-2) and answers the object to return: the stored one if its content type is equal,
/// else a new one created at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// `INVALID_ARGUMENT` for a bad name or type; `ALREADY_EXISTS` if the name has another content type.
pub fn put_workflow_event_def(
    request: pb::PutWorkflowEventDefRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<pb::WorkflowEventDef, Rejected> {
    if request.name.is_empty() || request.name.contains('/') {
        let message =
            format!("PutWorkflowEventDefRequest is invalid: name '{}' is empty or contains '/'", request.name);
        return Err(Rejected::invalid(message));
    }
    let requested = request.content_type.unwrap_or_default();
    let mut content = requested.clone();
    types::settle_return_type(&mut content, definitions)
        .map_err(|reason| Rejected::invalid(format!("PutWorkflowEventDefRequest is invalid: {reason}")))?;
    let Some(stored) = definitions.workflow_event_def(&request.name) else {
        return Ok(pb::WorkflowEventDef {
            id: Some(pb::WorkflowEventDefId { name: request.name }),
            created_at: Some(timestamp(now_ms)),
            content_type: Some(content),
        });
    };
    let mut pinned = requested;
    types::adopt_return_pins(&mut pinned, stored.content_type.as_ref());
    if equals(&content, stored.content_type.as_ref()) || equals(&pinned, stored.content_type.as_ref()) {
        return Ok(stored);
    }
    let message = format!("WorkflowEventDef [{}] already exists with different type!", request.name);
    Err(Rejected::new(Code::AlreadyExists, message))
}

/// Equality of content types (T-6); void equals void.
fn equals(requested: &pb::ReturnType, stored: Option<&pb::ReturnType>) -> bool {
    match (&requested.return_type, stored.and_then(|stored| stored.return_type.as_ref())) {
        (Some(requested), Some(stored)) => value::types::equal(requested, stored),
        (None, None) => true,
        _ => false,
    }
}

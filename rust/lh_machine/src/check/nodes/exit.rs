//! EXIT nodes; that they agree with each other is a matter of the thread.

use super::super::view::ThreadView;
use super::super::{Reason, name, static_type};
use crate::pb;

/// Checks the failure's name, or that what is returned can be something.
pub(super) fn require(view: &ThreadView<'_>, exit: &pb::ExitNode) -> Result<(), Reason> {
    match &exit.result {
        None => Ok(()),
        Some(pb::exit_node::Result::ReturnContent(content)) => static_type::of(view, content).map(drop),
        Some(pb::exit_node::Result::FailureDef(failure)) => {
            name::require_thrown_failure(&failure.failure_name)?;
            failure.content.as_ref().map_or(Ok(()), |content| static_type::of(view, content).map(drop))
        }
    }
}

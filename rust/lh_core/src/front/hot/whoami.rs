//! `Whoami`: the resolved Principal (08/P-8). Until callers can identify themselves, that is `anonymous`.

use tonic::Status;

use crate::front::{Front, frames::Framed, status};

/// Id of the Principal of callers without a stored identity (08/P-3).
pub const ANONYMOUS: &str = "anonymous";

/// Answers the RPC. Errors: `UNAVAILABLE` before the first objects of a new cluster are stored (08 section 1, step 4).
pub fn answer(front: &Front) -> Result<Framed, Status> {
    let anonymous = front.parts.identities.known().anonymous.ok_or_else(status::initializing)?;
    Ok(Framed::encode(anonymous.as_ref()))
}

//! The way to Python: bytes in, bytes out, through a bounded queue. No thread of the front attaches to Python.

use std::sync::Arc;

use hyper::body::Incoming;
use tokio::sync::oneshot;
use tonic::Status;

use crate::front::{
    Caller, Front,
    doors::ColdCall,
    frames::{FrameReader, Framed},
    status, stopped,
};

/// Has a Python lane answer a unary RPC. A caller that goes away does not undo what the handler does (08/X-4).
pub async fn answer(
    front: Arc<Front>,
    rpc: &'static str,
    caller: Caller,
    reader: FrameReader<Incoming>,
) -> Result<Framed, Status> {
    let (request, charge) = reader.only_message().await?;
    let (answer, answered) = oneshot::channel();
    let call = ColdCall { rpc, request, tenant: caller.tenant, principal: caller.principal.to_owned(), answer, charge };
    front.parts.cold.call(call).map_err(|failure| status::from_failure(&failure))?;
    let response = answered.await.unwrap_or_else(|_| Err(status::from_failure(&stopped())))?;
    Ok(Framed::wrap(&response))
}

//! `AwaitWorkflowEvent`: answers with an event that was thrown, or waits for one (05 section 7.2).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use lh_machine::{Read, pb};
use tonic::{Code, Status};

use crate::{
    front::{Caller, Front, frames::Framed, hot::decode, ids::required_wf_run_id, limits, placement, status},
    ports::EventWaits,
};

/// The header in which gRPC sends the client's deadline.
const TIMEOUT_HEADER: &str = "grpc-timeout";

/// Answers the RPC. It waits first and looks then, so that no event slips through. Errors: `INVALID_ARGUMENT` without
/// WfRun id, `UNAVAILABLE` when the server stops; the caller's deadline is kept around this.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::AwaitWorkflowEventRequest = decode("AwaitWorkflowEvent", request)?;
    let root = placement::root_id(required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?);
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    let (number, event) = front.parts.event_waits.wait(&caller.tenant, request.clone());
    let _withdrawn = Withdrawn { waits: front.parts.event_waits.clone(), number };
    match front.read(&shard, caller, Read::AwaitedEvent(request)).await {
        Ok(thrown) => return Ok(Framed::wrap(&thrown)),
        Err(status) if status.code() == Code::NotFound => {}
        Err(status) => return Err(status),
    }
    match event.await {
        Ok(event) => Ok(Framed::encode(&event)),
        Err(_) => Err(status::shutting_down()),
    }
}

/// Whoever stops waiting, for whatever reason, leaves nothing behind.
struct Withdrawn {
    waits: Arc<dyn EventWaits>,
    number: u64,
}

impl Drop for Withdrawn {
    fn drop(&mut self) {
        self.waits.withdraw(self.number);
    }
}

/// How long the call may take: as long as the client waits, and a minute if it does not say (05/E-66).
pub fn longest_wait(headers: &HeaderMap) -> Duration {
    let said = headers.get(TIMEOUT_HEADER).and_then(|value| value.to_str().ok()).and_then(timeout);
    said.unwrap_or(Duration::from_secs(limits::RPC_DEADLINE_S))
}

/// At most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// 05/E-66: the client's deadline counts, also one beyond a minute; without one, or with nonsense, it is a minute.
    #[test]
    fn the_clients_deadline_counts() {
        for (text, expected) in [
            ("75S", Duration::from_secs(75)),
            ("3500m", Duration::from_millis(3500)),
            ("2H", Duration::from_secs(7200)),
            ("1M", Duration::from_secs(60)),
            ("100000u", Duration::from_millis(100)),
            ("5n", Duration::from_nanos(5)),
            ("", Duration::from_secs(60)),
            ("S", Duration::from_secs(60)),
            ("-5S", Duration::from_secs(60)),
            ("5s", Duration::from_secs(60)),
            ("123456789S", Duration::from_secs(60)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT_HEADER, text.parse().unwrap());
            assert_eq!(longest_wait(&headers), expected, "{text}");
        }
        assert_eq!(longest_wait(&HeaderMap::new()), Duration::from_secs(60));
    }
}

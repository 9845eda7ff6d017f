//! `lh_load start`: many runs of a WfSpec that exists already, as fast as the server takes them; nothing is polled.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lh_proto::littlehorse::{RunWfRequest, WfRun};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    connection::Connection,
    definitions::text,
    ledger::payload,
    report::{Outcome, percentiles},
};

/// Pause before a refused start is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Then the start is given up, and the drive is not sound.
const ATTEMPTS: u32 = 50;
/// Bytes of the STR that a run gets.
const PAYLOAD_BYTES: usize = 16;

/// What to start.
#[derive(Clone, Debug)]
pub struct Starts {
    /// `HOST:PORT` of the server.
    pub server: String,
    /// Name of the WfSpec.
    pub wf_spec: String,
    /// How many runs.
    pub count: u64,
    /// Calls that wait for their answer at any time.
    pub in_flight: usize,
    /// HTTP/2 connections.
    pub connections: usize,
    /// A STR variable that each run gives another value.
    pub variable: Option<String>,
}

/// What happened so far, shared by all callers.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    started: AtomicU64,
    micros: Mutex<Vec<u32>>,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// Starts them all. Errors: what kept it from beginning, as a sentence.
pub async fn run(starts: Starts) -> Result<Outcome, String> {
    let mut connections = Vec::new();
    for _ in 0..starts.connections {
        connections.push(Connection::open(&starts.server).await?);
    }
    let starts = Arc::new(starts);
    let tally = Arc::new(Tally::default());
    let begin = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..starts.in_flight {
        let connection = connections[caller % connections.len()].clone();
        callers.spawn(call(Arc::clone(&starts), Arc::clone(&tally), connection));
    }
    while callers.join_next().await.is_some() {}
    let seconds = begin.elapsed().as_secs_f64();
    let started = tally.started.load(Ordering::Relaxed);
    let micros = tally.micros.lock().unwrap_or_else(PoisonError::into_inner);
    let errors = tally.errors.lock().unwrap_or_else(PoisonError::into_inner);
    let json = json!({
        "case": "start", "wf_spec": starts.wf_spec, "count": starts.count, "in_flight": starts.in_flight,
        "connections": starts.connections, "started": started, "seconds": seconds,
        "starts_per_s": started as f64 / seconds, "start_ms": percentiles(&micros), "errors": *errors,
    });
    Ok(Outcome { json, sound: started == starts.count })
}

/// One caller: takes the next number as long as there is one.
async fn call(starts: Arc<Starts>, tally: Arc<Tally>, connection: Connection) {
    loop {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number >= starts.count {
            return;
        }
        let value = |name: &String| (name.clone(), text(payload(number, PAYLOAD_BYTES)));
        let request = RunWfRequest {
            wf_spec_name: starts.wf_spec.clone(),
            variables: starts.variable.iter().map(value).collect(),
            ..RunWfRequest::default()
        };
        for _ in 0..ATTEMPTS {
            let sent = Instant::now();
            match connection.unary::<_, WfRun>("/littlehorse.LittleHorse/RunWf", request.clone()).await {
                Ok(_) => {
                    let micros = sent.elapsed().as_micros().try_into().unwrap_or(u32::MAX);
                    tally.micros.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
                    tally.started.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(status) => {
                    let name = format!("RunWf {:?}", status.code());
                    *tally.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}

//! A run to and from its record; encoded by reference, so that a flush copies nothing but bytes.

use std::sync::Arc;

use prost::{Message, encoding};

use super::{Run, Stored, correlation, guid_suffix};
use crate::{
    internal::{self, deadline::Kind},
    key,
    mutants::{self, Mutant},
    pb::{self, thread_halt_reason::Reason},
    spec::Spec,
    state::Corrupt,
};

/// How many closed NodeRuns a live run keeps inside its own record. Above it they get records of their own, so that
/// a run with 100,000 NodeRuns does not rewrite them at every flush; below it a finished run is one write.
pub const CLOSED_NODES_KEPT: usize = 64;

/// Serializes the run record (format byte, then `internal.RunRecord`).
pub fn encode(run: &Run) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(run.stored.record_bytes.max(512));
    buffer.push(key::FORMAT);
    encoding::message::encode(1, &run.wf_run, &mut buffer);
    for node in run.nodes.values() {
        encoding::message::encode(2, node, &mut buffer);
    }
    for variable in run.variables.values() {
        encoding::message::encode(3, variable, &mut buffer);
    }
    encoding::uint64::encode(4, &run.spec.uid, &mut buffer);
    for thread in run.threads.values() {
        encoding::message::encode(5, thread, &mut buffer);
    }
    for deadline in &run.deadlines {
        encoding::message::encode(6, deadline, &mut buffer);
    }
    encoding::int64::encode(7, &run.armed_ms, &mut buffer);
    encoding::string::encode(8, &String::from(&*run.tenant), &mut buffer);
    for child in run.children.values() {
        encoding::message::encode(9, child, &mut buffer);
    }
    for thread in run.archived.values() {
        encoding::message::encode(10, thread, &mut buffer);
    }
    for thread in run.queued.values() {
        encoding::message::encode(11, thread, &mut buffer);
    }
    if run.moved_ms != 0 {
        encoding::int64::encode(12, &run.moved_ms, &mut buffer);
    }
    let is_kept = |posted: &&internal::PostedEvent| {
        !mutants::is_on(Mutant::ClaimedEventLostAtFlush) || posted.event.as_ref().is_some_and(|event| !event.claimed)
    };
    for posted in run.events.posted().filter(is_kept) {
        encoding::message::encode(20, posted, &mut buffer);
    }
    for thrown in run.events.thrown() {
        encoding::message::encode(21, thrown, &mut buffer);
    }
    for count in run.events.counts_to_store() {
        encoding::message::encode(22, &count, &mut buffer);
    }
    for registration in correlation::records(run) {
        encoding::message::encode(50, &registration, &mut buffer);
    }
    if let Some(correlation) = &run.correlation {
        encoding::message::encode(51, &**correlation, &mut buffer);
    }
    buffer
}

/// Strips the format byte of a stored value.
pub fn payload(value: &[u8]) -> Result<&[u8], Corrupt> {
    match value.split_first() {
        Some((&key::FORMAT, rest)) => Ok(rest),
        Some((other, _)) => Err(Corrupt(format!("unknown format version {other} of a stored record"))),
        None => Err(Corrupt("empty stored record".to_owned())),
    }
}

/// Reads a stored run record.
pub fn decode(value: &[u8]) -> Result<internal::RunRecord, Corrupt> {
    internal::RunRecord::decode(payload(value)?).map_err(|error| Corrupt(format!("run record: {error}")))
}

/// Reads a stored record of one NodeRun.
pub fn decode_node(value: &[u8]) -> Result<internal::NodeRecord, Corrupt> {
    internal::NodeRecord::decode(payload(value)?).map_err(|error| Corrupt(format!("node record: {error}")))
}

/// Reads a stored record of one WorkflowEvent.
pub fn decode_thrown(value: &[u8]) -> Result<pb::WorkflowEvent, Corrupt> {
    pb::WorkflowEvent::decode(payload(value)?).map_err(|error| Corrupt(format!("WorkflowEvent record: {error}")))
}

/// Serializes a message with the format byte in front.
pub fn with_format(message: &impl Message) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(message.encoded_len() + 1);
    buffer.push(key::FORMAT);
    message.encode_raw(&mut buffer);
    buffer
}

/// Makes a run of its record, bound to `spec`.
pub fn into_run(key: Vec<u8>, record: internal::RunRecord, spec: Arc<Spec>, record_bytes: usize) -> Run {
    let wf_run = record.wf_run.unwrap_or_default();
    let children = super::family::by_id(record.children);
    let mut run = Run {
        key,
        tenant: record.tenant.into(),
        spec,
        guid_suffix: wf_run.id.as_ref().map(guid_suffix).unwrap_or_default(),
        wf_run,
        nodes: record.nodes.into_iter().filter_map(|node| Some((node_key(&node)?, Box::new(node)))).collect(),
        variables: record
            .variables
            .into_iter()
            .filter_map(|variable| {
                let id = variable.id.as_ref()?;
                Some(((id.thread_run_number, id.name.clone()), variable))
            })
            .collect(),
        threads: record.threads.into_iter().map(|thread| (thread.number, thread)).collect(),
        has_ahead: super::family::has_ahead(&children),
        children,
        archived: record.archived.into_iter().map(|thread| (thread.number, thread)).collect(),
        queued: record.queued.into_iter().filter_map(|queued| Some((queued.thread.as_ref()?.number, queued))).collect(),
        cursor: 0,
        deadlines: record.deadlines,
        armed_ms: record.armed_ms,
        moved_ms: record.moved_ms,
        events: super::events::Events::of_record(record.external_events, record.workflow_events, record.thrown),
        registrations: correlation::of_records(record.registrations),
        correlation: record.correlation.map(Box::new),
        stored: Stored { record_bytes, armed: record.armed_ms != 0, ..Stored::default() },
    };
    forget_by_mutation(&mut run);
    run.stored.index = crate::index::of_run(&run).into_keys().collect();
    run.stored.bytes = run.footprint();
    run
}

/// What planted bugs forget of a run that comes from the store; nothing without them.
fn forget_by_mutation(run: &mut Run) {
    if mutants::is_on(Mutant::UserTaskDeadlineLostAtRestart) {
        let is_of_user_task = |kind: &Option<Kind>| matches!(kind, Some(Kind::UserTaskTrigger(_)));
        run.deadlines.retain(|deadline| !is_of_user_task(&deadline.kind));
    }
    if mutants::is_on(Mutant::StopLostAtRestart) {
        for thread in &mut run.wf_run.thread_runs {
            thread.halt_reasons.retain(|present| !matches!(present.reason, Some(Reason::ManualHalt(_))));
        }
    }
}

fn node_key(node: &internal::NodeRecord) -> Option<(i32, i32)> {
    let id = node.node_run.as_ref()?.id.as_ref()?;
    Some((id.thread_run_number, id.position))
}

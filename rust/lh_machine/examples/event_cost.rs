//! What one more event costs a run that has unclaimed ones, or has thrown some, already: ns of the command, and ns and bytes
//! of a flush behind it.
//!
//! `cargo run --release -p lh_machine --example event_cost -- [NUMBER]...` prints two lines of JSON for each number.
#![allow(clippy::disallowed_types, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../tests/scripted/language.rs"]
#[allow(dead_code)]
mod language;

use std::time::Instant;

use lh_machine::{
    Command, MachineConfig, Stamp, State, apply,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    needs, pb,
};
use prost::Message;

/// Events that are measured, each with a flush of its own.
const MEASURED: usize = 100;
const START_MS: i64 = 1_700_000_000_000;

struct Bench {
    state: State,
    definitions: u64,
    events: usize,
}

impl Bench {
    fn new() -> Self {
        let state = State::new(MachineConfig { shard: 0, run_shards: 1 });
        let mut bench = Self { state, definitions: 0, events: 0 };
        let task_def = language::task_def(&["work"]);
        bench.define(key::meta(MetaKind::TaskDef, "default", "work", &[]), task_def.encode_to_vec());
        for name in ["awaited", "other"] {
            let event_def = language::event_def(&[name]);
            bench.define(key::meta(MetaKind::ExternalEventDef, "default", name, &[]), event_def.encode_to_vec());
        }
        let wf_spec = language::wf_spec("waits", "", "event awaited -> exit");
        bench.define(key::meta(MetaKind::WfSpec, "default", "waits", &[0, 0]), wf_spec.encode_to_vec());
        let id = Some("0190a7b8c9d0e1f20190a7b8c9d0e1f2".to_owned());
        let request = pb::RunWfRequest { id, wf_spec_name: "waits".to_owned(), ..Default::default() };
        bench.apply(Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: true }));
        bench
    }

    fn define(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.definitions += 1;
        let writes = vec![meta_write::Write { key, value: Some(value) }];
        let sequence = self.definitions;
        self.apply(Kind::DefinitionsArrived(internal::DefinitionsArrived { sequence, writes }));
    }

    /// Applies one command; returns its nanoseconds.
    fn apply(&mut self, kind: Kind) -> u128 {
        let command = Command { tenant: "default".to_owned(), kind: Some(kind) };
        for key in needs(&self.state, &command, 0) {
            self.state.insert(&key, None).unwrap();
        }
        let begin = Instant::now();
        let effects = apply(&mut self.state, &Stamp { now_ms: START_MS, seed: 1 }, &command);
        let spent = begin.elapsed().as_nanos();
        assert!(matches!(effects.reply, Some(Ok(_))), "{:?}", effects.reply);
        spent
    }

    /// One more event that nobody waits for.
    fn post(&mut self) -> u128 {
        self.events += 1;
        self.apply(Kind::PutExternalEvent(pb::PutExternalEventRequest {
            wf_run_id: key::wf_run_id(["0190a7b8c9d0e1f20190a7b8c9d0e1f2"]),
            external_event_def_id: Some(pb::ExternalEventDefId { name: "other".to_owned() }),
            guid: Some(format!("{:032x}", self.events)),
            content: Some(language::literal("str:hello")),
            ..Default::default()
        }))
    }

    /// A run whose children throw so many hundreds of events at once; later each report of a task throws one more.
    fn throw_hundreds(&mut self, hundreds: usize) {
        let list = vec!["1"; hundreds].join(",");
        let later = "task work -> throw told str:hello -> ".repeat(MEASURED);
        let body = format!(
            "start_many child over=$l -> {later}exit | child INPUT:INT : {}exit",
            "throw told str:hello -> ".repeat(100)
        );
        let wf_spec = language::wf_spec("throws", &format!("l:JSON_ARR=json:[{list}]"), &body);
        self.define(key::meta(MetaKind::WfSpec, "default", "throws", &[0, 0]), wf_spec.encode_to_vec());
        let id = Some("0190a7b8c9d0e1f20190a7b8c9d0e1f3".to_owned());
        let request = pb::RunWfRequest { id, wf_spec_name: "throws".to_owned(), ..Default::default() };
        self.apply(Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: true }));
    }

    /// The next task is reported, which throws an event.
    fn throw(&mut self) -> u128 {
        let claim = internal::ClaimTask { task_def_name: "work".to_owned(), poll_id: 1, ..Default::default() };
        let command = Command { tenant: "default".to_owned(), kind: Some(Kind::ClaimTask(claim)) };
        let claimed = apply(&mut self.state, &Stamp { now_ms: START_MS, seed: 1 }, &command);
        let task = claimed.tasks[0].task.clone();
        self.flush();
        self.apply(Kind::ReportTask(pb::ReportTaskRun {
            task_run_id: task.task_run_id,
            attempt_number: task.attempt_number,
            status: pb::TaskStatus::TaskSuccess as i32,
            ..Default::default()
        }))
    }

    /// Nanoseconds and bytes of a flush.
    fn flush(&mut self) -> (u128, usize) {
        let begin = Instant::now();
        let set = self.state.take_flush();
        self.state.flushed();
        let spent = begin.elapsed().as_nanos();
        let size = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        (spent, set.writes.iter().map(size).sum())
    }
}

/// Does one more thing, then flushes, again and again; prints what that costs.
fn measure(bench: &mut Bench, kind: &str, before: usize, more: fn(&mut Bench) -> u128) {
    bench.flush();
    let (mut command_ns, mut flush_ns, mut bytes) = (0, 0, 0);
    for _ in 0..MEASURED {
        command_ns += more(bench);
        let flushed = bench.flush();
        flush_ns += flushed.0;
        bytes += flushed.1;
    }
    let each = MEASURED as u128;
    println!(
        "{{\"{kind}\": {before}, \"command_ns\": {}, \"flush_ns\": {}, \"flush_bytes\": {}}}",
        command_ns / each,
        flush_ns / each,
        bytes / MEASURED
    );
}

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().unwrap()).collect();
    for number in if given.is_empty() { vec![100, 10_000] } else { given } {
        let mut bench = Bench::new();
        (0..number).for_each(|_| {
            bench.post();
        });
        measure(&mut bench, "unclaimed", number, Bench::post);
        let mut bench = Bench::new();
        bench.throw_hundreds(number / 100);
        measure(&mut bench, "thrown", number, Bench::throw);
    }
}

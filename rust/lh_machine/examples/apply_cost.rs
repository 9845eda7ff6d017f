//! Cost of the machine alone: ns per command over 10-task chains, and of the flush sets they leave.
//!
//! `cargo run --release -p lh_machine --example apply_cost` prints one line of JSON.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../tests/scripted/language.rs"]
#[allow(dead_code)]
mod language;

use std::time::Instant;

use lh_machine::{
    Command, MachineConfig, Stamp, State, apply,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    pb,
};
use prost::Message;

const RUNS: usize = 20_000;
const LENGTH: usize = 10;
/// Runs between two flush sets: about what 100 ms bring.
const RUNS_PER_FLUSH: usize = 100;

fn command(kind: Kind) -> Command {
    Command { tenant: "default".to_owned(), kind: Some(kind) }
}

fn define(state: &mut State, sequence: u64, key: Vec<u8>, value: Vec<u8>) {
    let writes = vec![meta_write::Write { key, value: Some(value) }];
    let arrived = internal::DefinitionsArrived { sequence, writes };
    apply(state, &Stamp::default(), &command(Kind::DefinitionsArrived(arrived)));
}

fn main() {
    let mut state = State::new(MachineConfig { shard: 0, run_shards: 1 });
    let task_def = language::task_def(&["work", "x:STR", "returns=STR"]);
    define(&mut state, 1, key::meta(MetaKind::TaskDef, "default", "work", &[]), task_def.encode_to_vec());
    let body = ["task work in=$x"; LENGTH].join(" -> ") + " -> exit";
    let wf_spec = language::wf_spec("chain", "x:STR", &body);
    define(&mut state, 2, key::meta(MetaKind::WfSpec, "default", "chain", &[0, 0]), wf_spec.encode_to_vec());
    let (mut run_ns, mut claim_ns, mut report_ns, mut flush_ns) = (0, 0, 0, 0);
    let (mut puts, mut bytes) = (0, 0);
    for number in 0..RUNS {
        let stamp = Stamp { now_ms: 1_700_000_000_000 + number as i64, seed: 1 };
        let mut request = pb::RunWfRequest {
            id: Some(format!("0190a7b8c9d0e1f2{number:016x}")),
            wf_spec_name: "chain".to_owned(),
            ..Default::default()
        };
        request.variables.insert("x".to_owned(), language::literal("str:hello"));
        let start = command(Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: true }));
        let begin = Instant::now();
        apply(&mut state, &stamp, &start);
        run_ns += begin.elapsed().as_nanos();
        for _ in 0..LENGTH {
            let claim = internal::ClaimTask { task_def_name: "work".to_owned(), poll_id: 1, ..Default::default() };
            let claim = command(Kind::ClaimTask(claim));
            let begin = Instant::now();
            let effects = apply(&mut state, &stamp, &claim);
            claim_ns += begin.elapsed().as_nanos();
            let task = &effects.tasks[0].task;
            let report = command(Kind::ReportTask(pb::ReportTaskRun {
                task_run_id: task.task_run_id.clone(),
                attempt_number: task.attempt_number,
                status: pb::TaskStatus::TaskSuccess as i32,
                result: Some(pb::report_task_run::Result::Output(language::literal("str:done"))),
                ..Default::default()
            }));
            let begin = Instant::now();
            apply(&mut state, &stamp, &report);
            report_ns += begin.elapsed().as_nanos();
        }
        if number % RUNS_PER_FLUSH == RUNS_PER_FLUSH - 1 {
            let begin = Instant::now();
            let set = state.take_flush();
            state.flushed();
            flush_ns += begin.elapsed().as_nanos();
            puts += set.writes.len();
            bytes +=
                set.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum::<usize>();
        }
    }
    let tasks = (RUNS * LENGTH) as f64;
    println!(
        "{{\"run_wf_ns\": {:.0}, \"claim_ns\": {:.0}, \"report_ns\": {:.0}, \"flush_ns_per_task\": {:.0}, \
         \"puts_per_task\": {:.2}, \"bytes_per_task\": {:.0}}}",
        run_ns as f64 / RUNS as f64,
        claim_ns as f64 / tasks,
        report_ns as f64 / tasks,
        flush_ns as f64 / tasks,
        puts as f64 / tasks,
        bytes as f64 / tasks,
    );
}

//! Cost of the machine alone, for each kind of node: ns per command and per node, and of the flush sets they leave.
//!
//! `cargo run --release -p lh_machine --example apply_cost -- [--runs N] [--kind NAME] [--flush-sets FILE]` prints one line
//! of JSON. With `--flush-sets` the flush sets of the 10-task chain are written to FILE, for whoever measures what a store
//! takes to write them: per set its number of entries, per entry key length, value length + 1 (0 = delete), key, value;
//! all numbers are little-endian u32.
#![allow(clippy::disallowed_types, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../tests/scripted/language.rs"]
#[allow(dead_code)]
mod language;

use std::{io::Write as _, time::Instant};

use lh_machine::{
    Command, Effects, MachineConfig, Stamp, State, apply,
    effects::{Arm, Reply},
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    needs, pb,
};
use prost::Message;

/// Nodes of the measured kind in one run.
const LENGTH: usize = 10;
/// Runs between two flush sets: about what 100 ms bring.
const RUNS_PER_FLUSH: usize = 100;
/// Times that each kind is measured.
const PASSES: usize = 3;
const START_MS: i64 = 1_700_000_000_000;

/// Kind, and its node in the words of `language.rs`. Two nodes stand for a START_THREAD and its WAIT_FOR_THREADS.
const KINDS: [(&str, &str); 7] = [
    ("none", ""),
    ("nop", "nop"),
    ("assign", "nop set=x:str:changed"),
    ("task", "task work in=$x"),
    ("sleep", "sleep int:1"),
    ("condition", "until int:1 EQUALS int:1"),
    ("threads", "start child"),
];

#[derive(Default)]
struct Measured {
    runs: usize,
    /// Per kind of command: how many, and their nanoseconds.
    commands: Vec<(&'static str, u64, u128)>,
    flush_ns: u128,
    puts: usize,
    bytes: usize,
    unfinished: usize,
}

struct Bench {
    state: State,
    now_ms: i64,
    measured: Measured,
    sets: Option<std::io::BufWriter<std::fs::File>>,
}

impl Bench {
    fn new(body: &str) -> Self {
        let state = State::new(MachineConfig { shard: 0, run_shards: 1 });
        let mut bench = Self { state, now_ms: START_MS, measured: Measured::default(), sets: None };
        let task_def = language::task_def(&["work", "x:STR", "returns=STR"]);
        bench.define(1, key::meta(MetaKind::TaskDef, "default", "work", &[]), task_def.encode_to_vec());
        let wf_spec = language::wf_spec("measured", "x:STR", body);
        bench.define(2, key::meta(MetaKind::WfSpec, "default", "measured", &[0, 0]), wf_spec.encode_to_vec());
        bench
    }

    fn define(&mut self, sequence: u64, key: Vec<u8>, value: Vec<u8>) {
        let writes = vec![meta_write::Write { key, value: Some(value) }];
        let arrived = internal::DefinitionsArrived { sequence, writes };
        apply(&mut self.state, &Stamp::default(), &command(Kind::DefinitionsArrived(arrived)));
    }

    /// Applies one command. Only `apply` is measured: that nothing is missing is the shard's business, on arrival.
    fn apply(&mut self, name: &'static str, kind: Kind) -> Effects {
        let command = command(kind);
        for key in needs(&self.state, &command, 0) {
            self.state.insert(&key, None).unwrap();
        }
        let stamp = Stamp { now_ms: self.now_ms, seed: 1 };
        let begin = Instant::now();
        let effects = apply(&mut self.state, &stamp, &command);
        let spent = begin.elapsed().as_nanos();
        match self.measured.commands.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, count, ns)) => {
                *count += 1;
                *ns += spent;
            }
            None => self.measured.commands.push((name, 1, spent)),
        }
        if let Some(Err(rejected)) = &effects.reply {
            panic!("{name} was refused: {rejected:?}");
        }
        effects
    }

    /// One run from its start to its end, its tasks done and its sleeps slept.
    fn run(&mut self, number: usize, has_tasks: bool) {
        let mut request = pb::RunWfRequest {
            id: Some(format!("0190a7b8c9d0e1f2{number:016x}")),
            wf_spec_name: "measured".to_owned(),
            ..Default::default()
        };
        request.variables.insert("x".to_owned(), language::literal("str:hello"));
        let start = Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: true });
        let mut effects = self.apply("run_wf", start);
        let is_over = match &effects.reply {
            Some(Ok(Reply::WfRun(run))) => run.status() == pb::LhStatus::Completed,
            _ => false,
        };
        if has_tasks {
            (0..LENGTH).for_each(|_| self.task());
        } else if !is_over {
            for _ in 0..LENGTH {
                match effects.timers.pop() {
                    Some(arm) if arm.is_wanted => effects = self.wake(arm),
                    _ => break,
                }
            }
        }
        self.measured.runs += 1;
    }

    fn task(&mut self) {
        let claim = internal::ClaimTask { task_def_name: "work".to_owned(), poll_id: 1, ..Default::default() };
        let mut claimed = self.apply("claim_task", Kind::ClaimTask(claim));
        let task = claimed.tasks.remove(0).task;
        let report = pb::ReportTaskRun {
            task_run_id: task.task_run_id,
            attempt_number: task.attempt_number,
            status: pb::TaskStatus::TaskSuccess as i32,
            result: Some(pb::report_task_run::Result::Output(language::literal("str:done"))),
            ..Default::default()
        };
        self.apply("report_task", Kind::ReportTask(report));
    }

    fn wake(&mut self, arm: Arm) -> Effects {
        self.now_ms = self.now_ms.max(arm.due_ms);
        let due = internal::TimerDue { wf_run_id: Some(arm.wf_run_id), due_ms: arm.due_ms };
        self.apply("timer_due", Kind::TimerDue(due))
    }

    fn flush(&mut self) {
        let begin = Instant::now();
        let set = self.state.take_flush();
        self.state.flushed();
        self.measured.flush_ns += begin.elapsed().as_nanos();
        self.measured.puts += set.writes.len();
        let size = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        self.measured.bytes += set.writes.iter().map(size).sum::<usize>();
        if let Some(file) = &mut self.sets {
            let mut number = |value: usize| file.write_all(&u32::try_from(value).unwrap().to_le_bytes()).unwrap();
            number(set.writes.len());
            for (key, value) in &set.writes {
                let mut number = |value: usize| file.write_all(&u32::try_from(value).unwrap().to_le_bytes()).unwrap();
                number(key.len());
                number(value.as_ref().map_or(0, |value| value.len() + 1));
                file.write_all(key).unwrap();
                file.write_all(value.as_deref().unwrap_or_default()).unwrap();
            }
        }
    }
}

fn command(kind: Kind) -> Command {
    Command { tenant: "default".to_owned(), kind: Some(kind) }
}

fn body(kind: &str, node: &str) -> String {
    match kind {
        "none" => "exit".to_owned(),
        "threads" => {
            let pairs: Vec<String> =
                (0..LENGTH).map(|index| format!("{node} -> wait @{}-start", 2 * index + 1)).collect();
            format!("{} -> exit | child : exit", pairs.join(" -> "))
        }
        _ => [node; LENGTH].join(" -> ") + " -> exit",
    }
}

fn measure(kind: &str, node: &str, runs: usize, sets: Option<&str>) -> Measured {
    let mut bench = Bench::new(&body(kind, node));
    bench.sets = sets.map(|path| std::io::BufWriter::new(std::fs::File::create(path).unwrap()));
    for number in 0..runs {
        bench.run(number, kind == "task");
        if number % RUNS_PER_FLUSH == RUNS_PER_FLUSH - 1 || number + 1 == runs {
            bench.flush();
        }
    }
    let last = bench.state.wakes().len() + bench.state.queues().len();
    bench.measured.unfinished = last;
    bench.measured
}

/// The fastest of some passes: whatever else the machine did can only have made a pass slower.
fn best(kind: &str, node: &str, runs: usize, sets: Option<&str>) -> Measured {
    let total = |measured: &Measured| measured.commands.iter().map(|(_, _, ns)| *ns).sum::<u128>();
    (0..PASSES).map(|_| measure(kind, node, runs, sets)).min_by_key(total).unwrap()
}

/// One kind as JSON; `empty_ns` is what a run without such nodes costs, taken off to get the cost of a node.
fn json(measured: &Measured, empty_ns: f64) -> (String, f64) {
    let runs = measured.runs as f64;
    let run_ns = measured.commands.iter().map(|(_, _, ns)| *ns).sum::<u128>() as f64 / runs;
    let commands: Vec<String> = measured
        .commands
        .iter()
        .map(|(name, count, ns)| format!("\"{name}\": {:.0}", *ns as f64 / *count as f64))
        .collect();
    let per_node = |total: f64| total / runs / LENGTH as f64;
    let text = format!(
        "{{\"ns_per_node\": {:.0}, \"ns_per_run\": {run_ns:.0}, \"ns_per_command\": {{{}}}, \"flush_ns_per_node\": {:.0}, \
         \"puts_per_node\": {:.3}, \"bytes_per_node\": {:.0}, \"unfinished\": {}}}",
        (run_ns - empty_ns) / LENGTH as f64,
        commands.join(", "),
        per_node(measured.flush_ns as f64),
        per_node(measured.puts as f64),
        per_node(measured.bytes as f64),
        measured.unfinished,
    );
    (text, run_ns)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].as_str());
    let runs: usize = option("--runs").map_or(20_000, |text| text.parse().unwrap());
    let (only, sets) = (option("--kind"), option("--flush-sets"));
    // The first pass of all would pay for cold caches and a cold allocator.
    measure("task", "task work in=$x", runs.min(1_000), None);
    let (_, empty_ns) = json(&best("none", "", runs, None), 0.0);
    let mut kinds = Vec::new();
    for (kind, node) in KINDS.iter().filter(|(kind, _)| *kind != "none" && only.is_none_or(|only| only == *kind)) {
        let measured = best(kind, node, runs, sets.filter(|_| *kind == "task"));
        kinds.push(format!("\"{kind}\": {}", json(&measured, empty_ns).0));
    }
    println!(
        "{{\"runs\": {runs}, \"nodes_per_run\": {LENGTH}, \"empty_run_ns\": {empty_ns:.0}, {}}}",
        kinds.join(", ")
    );
}

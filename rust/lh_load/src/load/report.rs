//! The JSON object that a drive prints. Every key is described in `bench/README.md`.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ledger::Entries,
    plan::{Pace, Plan},
    verify::Verified,
};

/// The measured window.
#[derive(Debug)]
pub struct Window {
    /// Its exact length.
    pub elapsed: Duration,
    /// CPU time of the server in it, if asked for and known.
    pub server_cpu: Option<Duration>,
    /// CPU time of this process in it, if known.
    pub driver_cpu: Option<Duration>,
}

/// What a drive ends with.
#[derive(Debug)]
pub struct Outcome {
    /// The object to print.
    pub json: Value,
    /// True if every run finished, nothing was delivered wrongly, and all runs read back were COMPLETED.
    pub sound: bool,
}

/// Sums a drive up.
pub fn outcome(plan: &Plan, entries: &Entries, window: &Window, verified: &Verified) -> Outcome {
    let seconds = window.elapsed.as_secs_f64();
    let per_second = |count: u64| rounded(count as f64 / seconds);
    let per_task = |cpu: Option<Duration>| {
        cpu.filter(|_| entries.window_tasks > 0)
            .map(|cpu| rounded(cpu.as_micros() as f64 / entries.window_tasks as f64))
    };
    let report = percentiles(&entries.report_micros);
    let schedule = percentiles(&entries.schedule_micros);
    let headline = if plan.case == "latency" { &schedule } else { &report };
    let (in_flight, rate) = match plan.pace {
        Pace::InFlight(runs) => (Some(runs), None),
        Pace::PerSecond(rate) => (None, Some(rate)),
    };
    let json = json!({
        "case": plan.case, "length": plan.length, "in_flight": in_flight, "rate_per_s": rate,
        "payload_bytes": plan.payload_bytes, "task_timeout_s": plan.task_timeout_s, "loop": plan.is_loop,
        "connections": plan.connections, "streams_per_connection": plan.streams,
        "polls": plan.polls, "warmup_s": rounded(plan.warmup.as_secs_f64()), "window_s": rounded(seconds),
        "tasks": entries.window_tasks, "runs": entries.window_runs,
        "tasks_per_s": per_second(entries.window_tasks), "wf_per_s": per_second(entries.window_runs),
        "server_cpu_us_per_task": per_task(window.server_cpu), "driver_cpu_us_per_task": per_task(window.driver_cpu),
        "p50_ms": headline["p50"], "p95_ms": headline["p95"], "p99_ms": headline["p99"], "max_ms": headline["max"],
        "report_ms": report, "schedule_ms": schedule,
        "total": {
            "runs_started": entries.runs_started, "runs_finished": entries.runs_finished,
            "runs_unfinished": entries.live, "tasks_received": entries.tasks_received,
            "tasks_reported": entries.tasks_reported, "misdelivered": entries.misdelivered,
            "empty_polls": entries.empty_polls,
        },
        "refused": entries.refused, "errors": entries.errors,
        "verified": { "runs": verified.read, "wrong": verified.wrong },
    });
    let sound =
        entries.runs_finished > 0 && entries.live == 0 && entries.misdelivered == 0 && verified.wrong.is_empty();
    Outcome { json, sound }
}

/// Nearest-rank percentiles in milliseconds; null without samples.
pub fn percentiles(micros: &[u32]) -> Value {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).map(|micros| f64::from(*micros) / 1000.0)
    };
    json!({ "count": sorted.len(), "p50": at(50), "p95": at(95), "p99": at(99), "max": at(100) })
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_in_milliseconds() {
        let micros: Vec<u32> = (1..=200).rev().map(|number| number * 1000).collect();
        assert_eq!(percentiles(&micros), json!({"count": 200, "p50": 100.0, "p95": 190.0, "p99": 198.0, "max": 200.0}));
        assert_eq!(percentiles(&[]), json!({"count": 0, "p50": null, "p95": null, "p99": null, "max": null}));
    }
}

//! Command line → [`Plan`]: `--name value` pairs, each with a default that `USAGE` in `main.rs` names.
use std::{collections::BTreeMap, str::FromStr, time::Duration};

use crate::{
    attack::Attack,
    load::{
        plan::{Pace, Plan},
        start::Starts,
    },
    transport::server::Listen,
};

/// Shortest payload: it carries the run's sequence number as 16 hex digits.
const SMALLEST_PAYLOAD_BYTES: usize = 16;
const SHARED: [&str; 15] = [
    "server",
    "server-pid",
    "length",
    "loop",
    "seconds",
    "warmup",
    "tasks",
    "warmup-tasks",
    "connections",
    "streams",
    "polls",
    "payload",
    "task-timeout",
    "drain",
    "verify",
];

/// Options as written, not yet typed.
struct Options(BTreeMap<String, String>);

impl Options {
    fn parse(words: &[String], known: &[&str]) -> Result<Self, String> {
        let mut options = BTreeMap::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("expected an option, found '{word}'"))?;
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (name, words.next().cloned().ok_or_else(|| format!("--{name} needs a value"))?),
            };
            if !known.contains(&name) {
                return Err(format!("unknown option --{name}; known here: --{}", known.join(" --")));
            }
            options.insert(name.to_owned(), value);
        }
        Ok(Self(options))
    }

    fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.0.get(name).map(|text| text.parse().map_err(|_| format!("--{name}: cannot read '{text}'"))).transpose()
    }

    fn at_least<T: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        default: T,
        least: T,
    ) -> Result<T, String> {
        let value = self.get(name)?.unwrap_or(default);
        if value >= least { Ok(value) } else { Err(format!("--{name} must be at least {least}")) }
    }

    fn seconds(&self, name: &str, default: f64) -> Result<Duration, String> {
        let seconds: f64 = self.at_least(name, default, 0.0)?;
        Duration::try_from_secs_f64(seconds).map_err(|error| format!("--{name}: {error}"))
    }

    fn plan(&self, case: &'static str, pace: Pace, length: u32, polls: usize) -> Result<Plan, String> {
        Ok(Plan {
            case,
            pace,
            server: self.get("server")?.unwrap_or_default(),
            server_process: self.get("server-pid")?,
            length: self.at_least("length", length, 1)?,
            is_loop: self.get("loop")?.unwrap_or(false),
            task_timeout_s: self.at_least("task-timeout", 60, 1)?,
            window: self.seconds("seconds", 10.0)?,
            warmup: self.seconds("warmup", 2.0)?,
            warmup_tasks: self.get("warmup-tasks")?,
            window_tasks: self.get("tasks")?,
            connections: self.at_least("connections", 3, 1)?,
            streams: self.at_least("streams", 2, 1)?,
            polls: self.at_least("polls", polls, 1)?,
            payload_bytes: self.at_least("payload", SMALLEST_PAYLOAD_BYTES, SMALLEST_PAYLOAD_BYTES)?,
            drain: self.seconds("drain", 30.0)?,
            verify: self.at_least("verify", 200, 0)?,
        })
    }

    fn chain_plan(&self, case: &'static str) -> Result<Plan, String> {
        let in_flight: usize = self.at_least("in-flight", 64, 1)?;
        self.plan(case, Pace::InFlight(in_flight), 10, in_flight)
    }
}

/// `lh_load chain`.
pub fn chain(words: &[String]) -> Result<Plan, String> {
    with_server(Options::parse(words, &[&SHARED[..], &["in-flight"]].concat())?.chain_plan("chain")?)
}

/// `lh_load latency`.
pub fn latency(words: &[String]) -> Result<Plan, String> {
    let options = Options::parse(words, &[&SHARED[..], &["rate"]].concat())?;
    let rate: f64 = options.at_least("rate", 10.0, 0.001)?;
    with_server(options.plan("latency", Pace::PerSecond(rate), 1, 64)?)
}

/// `lh_load start`.
pub fn start(words: &[String]) -> Result<Starts, String> {
    let options = Options::parse(words, &["server", "wf-spec", "count", "in-flight", "connections", "variable"])?;
    Ok(Starts {
        server: options.get("server")?.ok_or("--server HOST:PORT is missing")?,
        wf_spec: options.get("wf-spec")?.ok_or("--wf-spec NAME is missing")?,
        count: options.at_least("count", 1000, 1)?,
        in_flight: options.at_least("in-flight", 64, 1)?,
        connections: options.at_least("connections", 3, 1)?,
        variable: options.get("variable")?,
    })
}

/// `lh_load attack`.
pub fn attack(words: &[String]) -> Result<Attack, String> {
    let options = Options::parse(words, &["server", "kind", "count", "seconds"])?;
    Ok(Attack {
        kind: options.get("kind")?.ok_or("--kind KIND is missing")?,
        server: options.get("server")?.ok_or("--server HOST:PORT is missing")?,
        count: options.at_least("count", 4, 1)?,
        length: options.seconds("seconds", 10.0)?,
    })
}

/// `lh_load transport`: no server to name, and nothing to read back, since that server keeps no runs.
pub fn transport(words: &[String]) -> Result<Plan, String> {
    let known: Vec<&str> =
        SHARED.iter().copied().filter(|name| !["server", "server-pid", "verify"].contains(name)).collect();
    let options = Options::parse(words, &[&known[..], &["in-flight"]].concat())?;
    Ok(Plan { verify: 0, ..options.chain_plan("transport")? })
}

/// `lh_load transport-server`.
pub fn transport_server(words: &[String]) -> Result<Listen, String> {
    let options = Options::parse(words, &["listen", "exit-with-stdin"])?;
    Ok(Listen {
        address: options.get("listen")?.unwrap_or_else(|| "127.0.0.1:0".to_owned()),
        exit_with_stdin: options.get("exit-with-stdin")?.unwrap_or(false),
    })
}

fn with_server(plan: Plan) -> Result<Plan, String> {
    if plan.server.is_empty() { Err("--server HOST:PORT is missing".to_owned()) } else { Ok(plan) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_typed_and_defaults_follow_the_runs_in_flight() {
        let plan = chain(&words("--server h:1 --in-flight 512 --seconds=1.5")).unwrap();
        assert!(matches!(plan.pace, Pace::InFlight(512)));
        assert_eq!((plan.polls, plan.length, plan.window), (512, 10, Duration::from_millis(1500)));
        assert_eq!(latency(&words("--server h:1 --rate 2.5")).unwrap().length, 1);
    }

    #[test]
    fn windows_may_be_counted_in_tasks() {
        let plan = chain(&words("--server h:1 --loop true --tasks 5 --warmup-tasks 9")).unwrap();
        assert!(plan.is_loop);
        assert_eq!((plan.warmup_tasks, plan.window_tasks), (Some(9), Some(5)));
    }

    #[test]
    fn starts_need_a_server_and_a_wf_spec() {
        assert!(start(&words("--server h:1")).err().unwrap().contains("--wf-spec"));
        assert!(start(&words("--wf-spec w")).err().unwrap().contains("--server"));
        let starts = start(&words("--server h:1 --wf-spec w --count 7 --variable v")).unwrap();
        assert_eq!((starts.count, starts.in_flight, starts.variable.as_deref()), (7, 64, Some("v")));
    }

    #[test]
    fn attacks_have_a_kind() {
        assert!(attack(&words("--server h:1")).err().unwrap().contains("--kind"));
        assert!(attack(&words("--server h:1 --kind nonsense")).is_err());
        let attack = attack(&words("--server h:1 --kind slow-readers --count 7 --seconds 0.5")).unwrap();
        assert_eq!((attack.kind, attack.count), (crate::attack::Kind::SlowReaders, 7));
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        for (line, part) in [
            ("--in-flight 64", "--server"),
            ("--server h:1 --rate 3", "--rate"),
            ("--server h:1 --length zero", "--length"),
            ("--server h:1 --length 0", "at least 1"),
            ("--server h:1 --payload 3", "at least 16"),
            ("--server h:1 --polls", "--polls"),
            ("--server h:1 64", "'64'"),
        ] {
            let message = chain(&words(line)).err().unwrap();
            assert!(message.contains(part), "{line}: {message}");
        }
        assert!(transport(&words("--server h:1")).is_err());
    }
}

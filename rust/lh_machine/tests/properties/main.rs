//! Random WfSpecs under random commands. After every command: statuses moved only along allowed edges, nothing began after
//! its thread had ended, whoever can go on has gone on. The same log gives the same bytes again, also to a machine that
//! forgets every run after every command, and to one that crashes now and then. At the end everything is helped on, and
//! nobody is left who could go on. Proves 03/E-202, E-220, E-221, E-301, E-960, E-961, E-962, 04/TW-3, 06/U-49.
//!
//! `PROPERTY_SEEDS=100000` runs more seeds, `PROPERTY_SEED=7` one.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../scripted/language.rs"]
#[allow(dead_code)]
mod language;
mod model;
mod outside;
mod random;
mod replica;
mod shape;
mod specs;

use std::collections::VecDeque;

use lh_machine::{
    Command, Effects, Outgoing,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    pb,
};
use model::{Allowed, Model, Seen};
use outside::Outside;
use prost::Message;
use random::Random;
use replica::{Replica, TENANT};

/// Commands per seed, before the end.
const STEPS: usize = 120;

/// Seeds of an ordinary test run: some seconds without optimisation.
const SEEDS: u64 = 40;

/// How often everything is helped on at the end; runs that loop for ever are given up then.
const ROUNDS: usize = 60;

/// Of so many seeds, one may be given up: in what is given up, nobody who waits for nothing is found. Of the ordinary
/// 40 seeds 6 are.
const SEEDS_PER_GIVEN_UP: u64 = 5;

#[test]
fn properties_hold() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds = match number("PROPERTY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PROPERTY_SEEDS").unwrap_or(SEEDS),
    };
    let most_given_up = (seeds.end - seeds.start).div_ceil(SEEDS_PER_GIVEN_UP);
    let mut given_up = Vec::new();
    for seed in seeds {
        let lines = specs::lines(&mut Random::new(seed));
        let outcome = std::panic::catch_unwind(|| Case::new(seed, &lines).run());
        let Ok(is_settled) = outcome else { panic!("seed {seed} with\n{}", lines.join("\n")) };
        if !is_settled {
            given_up.push(seed);
        }
    }
    assert!(given_up.len() as u64 <= most_given_up, "{} were given up: seeds {given_up:?}", given_up.len());
}

/// One seed: the machines, what is seen of them, and what is sent.
struct Case {
    random: Random,
    /// Keeps everything in memory until the end.
    keeps: Replica,
    /// Writes and forgets everything after every command.
    forgets: Replica,
    /// Starts anew on its store now and then.
    crashes: Replica,
    log: Vec<(i64, Command)>,
    model: Model,
    outside: Outside,
    /// Messages on their way, the one that is being delivered first.
    sent: VecDeque<Outgoing>,
    now_ms: i64,
}

impl Case {
    fn new(seed: u64, lines: &[String]) -> Self {
        let mut case = Self {
            random: Random::new(seed ^ 0x5eed),
            keeps: Replica::new(),
            forgets: Replica::new(),
            crashes: Replica::new(),
            log: Vec::new(),
            model: Model::default(),
            outside: Outside::default(),
            sent: VecDeque::new(),
            now_ms: 1_000,
        };
        for (sequence, (key, value)) in definitions(lines).into_iter().enumerate() {
            let writes = vec![meta_write::Write { key, value: Some(value) }];
            let arrived = internal::DefinitionsArrived { sequence: sequence as u64 + 1, writes };
            case.command(Kind::DefinitionsArrived(arrived));
        }
        case
    }

    /// False if it never came to rest.
    fn run(mut self) -> bool {
        for _ in 0..STEPS {
            self.now_ms += self.random.below(80) as i64;
            let kind = self.outside.next(&mut self.random, &self.model, self.now_ms);
            let changed = self.command(kind);
            if self.random.one_in(3) {
                self.look_again(&changed);
            }
        }
        let is_settled = self.finish();
        self.compare_stores();
        is_settled
    }

    /// Applies a command everywhere; returns the runs that changed.
    fn command(&mut self, kind: Kind) -> Vec<Vec<u8>> {
        let allowed =
            Allowed { rescue: matches!(kind, Kind::RescueThreadRun(_)), unclaim: matches!(kind, Kind::UnclaimTask(_)) };
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        let effects = self.keeps.apply(self.now_ms, &command);
        for other in [&mut self.forgets, &mut self.crashes] {
            let same = other.apply(self.now_ms, &command);
            assert_eq!(shown(&effects), shown(&same), "{command:?}");
        }
        self.outside.note(&effects);
        if self.random.one_in(9) {
            self.crashes.flush();
            self.crashes.restart();
        }
        let writes = self.forgets.flush();
        self.forgets.state.evict(0);
        self.log.push((self.now_ms, command));
        let mut changed = self.model.update(&writes, allowed);
        changed.iter().for_each(|key| shape::check(&self.model.runs[key]));
        changed.extend(self.deliver(effects.outbox));
        changed.retain(|key| self.model.runs.contains_key(key));
        changed
    }

    /// Brings messages to the shard that sent them to itself, in order, and those that they cause; returns the runs that
    /// changed.
    fn deliver(&mut self, messages: Vec<Outgoing>) -> Vec<Vec<u8>> {
        let is_delivering = !self.sent.is_empty();
        self.sent.extend(messages);
        let mut changed = Vec::new();
        while let Some(message) = self.sent.front().filter(|_| !is_delivering).cloned() {
            changed.extend(self.command(message.command.kind.unwrap()));
            let (target_shard, sequence) = (message.target_shard, message.sequence);
            self.command(Kind::OutboxAcknowledged(internal::OutboxAcknowledged { target_shard, sequence }));
            self.sent.pop_front();
        }
        changed
    }

    /// A command that only makes a run look at itself changes nothing: it had gone as far as it could (03/E-301).
    fn look_again(&mut self, changed: &[Vec<u8>]) {
        for key in changed {
            let Some(seen) = self.model.runs.get(key) else { continue };
            let Some(thread) = seen.wf_run().thread_runs.iter().find(|thread| !shape::has_manual_halt(thread)) else {
                continue;
            };
            let request = pb::ResumeWfRunRequest { wf_run_id: Some(seen.id()), thread_run_number: thread.number };
            let before = digest(seen);
            self.command(Kind::ResumeWfRun(request));
            assert_eq!(before, digest(&self.model.runs[key]), "a run had not gone as far as it could");
        }
    }

    /// Helps everything on until nothing moves any more; false if that did not come.
    fn finish(&mut self) -> bool {
        for _ in 0..ROUNDS {
            let mut moved = false;
            for kind in self.outside.help(&self.model) {
                moved |= !self.command(kind).is_empty();
            }
            // Places of deleted runs are dropped one by one (04/TW-18).
            if moved || self.keeps.state.queues().iter().any(|(_, _, length)| *length > 0) {
                continue;
            }
            let Some((due_ms, timer)) = outside::earliest(&self.model) else {
                self.model.runs.values().for_each(|seen| shape::check_stuck(&self.model, seen));
                return true;
            };
            self.now_ms = self.now_ms.max(due_ms);
            self.command(timer);
        }
        false
    }

    /// Whoever kept, forgot or crashed has the same store, and so has one that reads the log again.
    fn compare_stores(mut self) {
        self.keeps.flush();
        self.crashes.flush();
        assert_eq!(replica::difference(&self.keeps, &self.forgets), Vec::<String>::new(), "keeping and forgetting");
        assert_eq!(replica::difference(&self.keeps, &self.crashes), Vec::<String>::new(), "keeping and crashing");
        let mut again = Replica::new();
        for (now_ms, command) in &self.log {
            again.apply(*now_ms, command);
        }
        again.flush();
        assert!(again.store == self.keeps.store, "the log read again gives other bytes");
    }
}

fn shown(effects: &Effects) -> String {
    format!("{effects:?}")
}

fn digest(seen: &Seen) -> Vec<u8> {
    let nodes = seen.nodes.values().flat_map(Message::encode_to_vec);
    seen.record.encode_to_vec().into_iter().chain(nodes).collect()
}

fn definitions(lines: &[String]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let key = |kind, name: &str, numbers: &[i32]| key::meta(kind, TENANT, name, numbers);
    let mut definitions = Vec::new();
    for words in [["work"].as_slice(), &["other", "n:INT"]] {
        definitions.push((key(MetaKind::TaskDef, words[0], &[]), language::task_def(words).encode_to_vec()));
    }
    for words in [["paid", "INT"].as_slice(), &["brief", "retention=1"], &["stop", "INT", "retention=3"]] {
        definitions.push((key(MetaKind::ExternalEventDef, words[0], &[]), language::event_def(words).encode_to_vec()));
    }
    let told = language::workflow_event_def(&["told", "INT"]);
    definitions.push((key(MetaKind::WorkflowEventDef, "told", &[]), told.encode_to_vec()));
    let field = pb::UserTaskField {
        name: "ok".to_owned(),
        r#type: pb::VariableType::Bool as i32,
        required: true,
        ..Default::default()
    };
    let form = pb::UserTaskDef { name: "form".to_owned(), fields: vec![field], ..Default::default() };
    definitions.push((key(MetaKind::UserTaskDef, "form", &[0]), form.encode_to_vec()));
    for line in lines {
        let (head, body) = line.split_once(" : ").unwrap();
        let mut words = head.splitn(3, ' ').skip(1);
        let name = words.next().unwrap();
        let wf_spec = language::wf_spec(name, words.next().unwrap_or(""), body);
        definitions.push((key(MetaKind::WfSpec, name, &[0, 0]), wf_spec.encode_to_vec()));
    }
    definitions
}

//! Generated WfSpecs. `thread` = a thread step by step · `steps` = what waits for events, people and other runs · `words` = parts
//! of messages.

mod steps;
mod thread;
mod words;

use std::collections::BTreeMap;

use lh_machine::{
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    pb::{self, variable_value::Value},
};
use prost::Message;

pub use self::steps::shared_key;
use self::thread::ThreadBuilder;
use crate::random::Random;

/// The tenant of all runs.
pub const TENANT: &str = "default";

/// The variable to which every task appends its output, and whoever waits for an event or for a person what came.
pub const TRAIL: &str = "trail";

/// The input that branches look at.
pub const INPUT: &str = "input";

/// The input that is the run's own correlation key.
pub const OWN_KEY: &str = "own-key";

/// The field of the form that people fill in.
pub const RESULT: &str = "result";

/// Events that NodeRuns wait for.
pub const PAID: &str = "paid";

/// Events that interrupt.
pub const STOP: &str = "stop";

/// Correlated events that everybody gets who waits for their key, whenever that is.
pub const SHARED: &str = "shared";

/// Correlated events that are gone once somebody got them.
pub const ONCE: &str = "once";

/// What runs throw.
pub const TOLD: &str = "told";

/// Correlation keys of `SHARED` events: `key-0` and so on.
pub const SHARED_KEYS: u64 = 3;

const COUNTER: &str = "counter";
const ENTRYPOINT: &str = "entrypoint";
const FORM: &str = "form";

/// What a spec may contain; each has its own.
#[derive(Clone, Copy, Debug)]
struct Palette<'a> {
    task_defs: u64,
    /// Name of a ThreadSpec that is started as a child.
    child: Option<&'a str>,
    /// Name of the ThreadSpec that handles failures.
    handler: Option<&'a str>,
    /// WfSpecs that may be run: `spec-0` and so on, so many.
    child_runs: u64,
    has_events: bool,
    has_people: bool,
}

/// Name of TaskDef `number`.
pub fn task_def(number: u64) -> String {
    format!("task-{number}")
}

/// Name of WfSpec `number`.
pub fn spec_name(number: u64) -> String {
    format!("spec-{number}")
}

/// The command that defines WfSpec `number`, by chance, and everything that specs use; and how long its runs are kept once
/// they have ended.
pub fn definitions(number: u64, task_defs: u64, random: &mut Random) -> (Kind, Option<i64>) {
    let mut writes = Vec::new();
    let mut write = |kind, name: &str, numbers: &[i32], value: Vec<u8>| {
        writes.push(meta_write::Write { key: key::meta(kind, TENANT, name, numbers), value: Some(value) });
    };
    for number in 0..task_defs {
        let name = task_def(number);
        let definition = pb::TaskDef {
            id: Some(pb::TaskDefId { name: name.clone() }),
            return_type: Some(pb::ReturnType { return_type: Some(words::primitive(pb::VariableType::Str)) }),
            ..Default::default()
        };
        write(MetaKind::TaskDef, &name, &[], definition.encode_to_vec());
    }
    for definition in words::event_defs() {
        let name = definition.id.as_ref().map_or("", |id| &id.name);
        write(MetaKind::ExternalEventDef, name, &[], definition.encode_to_vec());
    }
    let told = pb::WorkflowEventDef { id: Some(words::told()), ..Default::default() };
    write(MetaKind::WorkflowEventDef, TOLD, &[], told.encode_to_vec());
    write(MetaKind::UserTaskDef, FORM, &[0], words::form().encode_to_vec());
    let name = spec_name(number);
    let retention_s = random.chance(15).then(|| random.within(1..6) as i64);
    let wf_spec =
        pb::WfSpec { retention_policy: retention_s.map(words::retention), ..wf_spec(number, task_defs, random) };
    write(MetaKind::WfSpec, &name, &[0, 0], wf_spec.encode_to_vec());
    (Kind::MetaWrite(internal::MetaWrite { expects: Vec::new(), writes }), retention_s.map(|seconds| seconds * 1_000))
}

/// The command that defines a TaskDef that no WfSpec uses.
pub fn spare(name: &str) -> Kind {
    let definition = pb::TaskDef { id: Some(pb::TaskDefId { name: name.to_owned() }), ..Default::default() };
    let key = key::meta(MetaKind::TaskDef, TENANT, name, &[]);
    let write = meta_write::Write { key, value: Some(definition.encode_to_vec()) };
    Kind::MetaWrite(internal::MetaWrite { expects: Vec::new(), writes: vec![write] })
}

fn wf_spec(number: u64, task_defs: u64, random: &mut Random) -> pb::WfSpec {
    let mut thread_specs = BTreeMap::new();
    let all = Palette {
        task_defs,
        child: random.chance(40).then_some("child"),
        handler: random.chance(60).then_some("handler"),
        // Children of children would be many.
        child_runs: if number > 0 && random.chance(50) { 1 } else { 0 },
        has_events: random.chance(50),
        has_people: random.chance(50),
    };
    let mut thread = body(all, 1..6, random);
    thread.variable_defs = vec![
        words::variable(TRAIL, pb::VariableType::JsonArr, Value::JsonArr("[]".to_owned())),
        words::variable(COUNTER, pb::VariableType::Int, Value::Int(0)),
        words::variable(INPUT, pb::VariableType::Int, Value::Int(0)),
        words::variable(OWN_KEY, pb::VariableType::Str, Value::Str("nobody".to_owned())),
    ];
    let quiet = Palette { child: None, handler: None, child_runs: 0, has_events: false, has_people: false, ..all };
    if random.chance(30) {
        thread.interrupt_defs = vec![words::interrupt(STOP, "interrupts")];
        thread_specs.insert("interrupts".to_owned(), body(quiet, 0..3, random));
    }
    thread_specs.insert(ENTRYPOINT.to_owned(), thread);
    if all.child.is_some() {
        let palette = Palette { child: None, child_runs: 0, ..all };
        thread_specs.insert("child".to_owned(), body(palette, 1..3, random));
    }
    if all.handler.is_some() {
        thread_specs.insert("handler".to_owned(), body(quiet, 0..3, random));
    }
    pb::WfSpec {
        id: Some(pb::WfSpecId { name: spec_name(number), major_version: 0, revision: 0 }),
        thread_specs,
        entrypoint_thread_name: ENTRYPOINT.to_owned(),
        ..Default::default()
    }
}

fn body(palette: Palette<'_>, steps: std::ops::Range<u64>, random: &mut Random) -> pb::ThreadSpec {
    let mut thread = ThreadBuilder::new(palette);
    for _ in 0..random.within(steps) {
        thread.step(random);
    }
    thread.finish(random)
}

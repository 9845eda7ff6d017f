//! The store reader: damaged records are refused by a machine that opens on them, or read as something; never a panic.

use lh_machine::{
    MachineConfig, State,
    internal::{self, command::Kind},
    key::{self, MetaKind},
    pb,
};
use prost::Message;

use crate::{
    source::Source,
    specs,
    world::{START_MS, TENANT, World},
};

/// Runs a few tasks, damages what was stored, opens a machine on it and reads everything.
pub fn store(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut world = prepared();
    for _ in 0..1 + source.below(4) {
        damage(&mut source, &mut world);
    }
    world.state = State::new(MachineConfig { shard: 0, run_shards: 1 });
    for (key, value) in &world.store {
        if key::RESIDENT_TABLES.contains(&key[0]) && world.state.load(key, value).is_err() {
            return;
        }
    }
    drop((world.state.wakes(), world.state.outbox(), world.state.applied().clone()));
    let ids = ["r1", "r2"].map(|id| pb::WfRunId { id: id.to_owned(), parent_wf_run_id: None });
    // Read from the store, then from memory.
    for id in &ids {
        drop(world.read_all(id));
    }
    let stored: Vec<_> = world.store.iter().filter(|(key, _)| key[0] == key::TABLE_TREE).collect();
    for (key, value) in stored {
        drop(world.state.insert(key, Some(value)));
    }
    for id in &ids {
        drop(world.read_all(id));
    }
    world.state.evict(0);
    drop(world.state.take_flush());
}

/// Two runs of a task and an exit; one is done, one waits for its second attempt.
fn prepared() -> World {
    let mut world = World::new();
    let wf_spec = specs::one_task();
    let key = key::meta(MetaKind::WfSpec, TENANT, "spec0", &[0, 0]);
    world.define(key, Some(wf_spec.encode_to_vec()));
    for (id, status) in [("r1", pb::TaskStatus::TaskSuccess), ("r2", pb::TaskStatus::TaskFailed)] {
        let request = pb::RunWfRequest { wf_spec_name: "spec0".into(), id: Some(id.into()), ..Default::default() };
        world.apply(START_MS, Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false }));
        let claim = internal::ClaimTask { task_def_name: "nothing".into(), poll_id: 1, ..Default::default() };
        let effects = world.apply(START_MS, Kind::ClaimTask(claim));
        let task = &effects.tasks[0].task;
        let report =
            pb::ReportTaskRun { task_run_id: task.task_run_id.clone(), status: status as i32, ..Default::default() };
        world.apply(START_MS, Kind::ReportTask(report));
    }
    world.flush();
    world
}

/// Changes one entry: bytes of its value, the whole value, or its key.
fn damage(source: &mut Source<'_>, world: &mut World) {
    let which = source.below(world.store.len());
    let Some((key, value)) = world.store.iter().nth(which).map(|(key, value)| (key.clone(), value.clone())) else {
        return;
    };
    let (mut changed_key, mut changed) = (key.clone(), value);
    match source.below(5) {
        0 => {
            for _ in 0..1 + source.below(4) {
                let at = source.below(changed.len());
                if let Some(byte) = changed.get_mut(at) {
                    *byte = source.byte();
                }
            }
        }
        1 => changed.truncate(source.below(changed.len())),
        2 => {
            let length = source.below(64);
            changed = [&[key::FORMAT], source.take(length)].concat();
        }
        3 => {
            let length = source.below(8);
            let at = source.below(changed.len());
            changed.splice(at..at, source.take(length).iter().copied());
        }
        _ => {
            let at = 1 + source.below(key.len());
            if let Some(byte) = changed_key.get_mut(at) {
                *byte = source.byte();
            }
        }
    }
    world.store.remove(&key);
    world.store.insert(changed_key, changed);
}

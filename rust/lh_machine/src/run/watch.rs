//! Runs whose nodes look at inherited variables while they wait: they look again when a run above writes one (03/E-461,
//! E-463, E-802).
//!
//! A run knows which of its children watch, because they tell it: so a write costs nothing where nobody does. A child that
//! takes part in the command looks again within it; any other is told by message, for a command has no run in memory that
//! is not above its own.

use super::Run;
use crate::{
    effects::Unsent,
    internal::{self, from_shard::Message},
    key,
    pb::{self, LhStatus, node::Node, sleep_node::SleepLength},
    placement,
    state::Context,
};

/// True if a node of the run, or of a run below it, waits for something that an inherited variable may change.
pub fn watches(run: &Run) -> bool {
    run.spec.inherits && (run.wf_run.thread_runs.iter().any(|thread| looks(run, thread)) || has_watching_child(run))
}

fn has_watching_child(run: &Run) -> bool {
    run.children.values().any(|child| child.watches)
}

/// A thread that halts or has halted looks when it goes on.
fn looks(run: &Run, thread: &pb::ThreadRun) -> bool {
    if thread.status() != LhStatus::Running {
        return false;
    }
    let node_run = run.current_node(thread).and_then(|record| record.node_run.as_ref());
    let node = node_run.and_then(|it| run.spec.node(&it.thread_spec_name, &it.node_name)?.node.as_ref());
    match node {
        Some(Node::Sleep(sleep)) => !matches!(sleep.sleep_length, Some(SleepLength::RawSeconds(_))),
        Some(Node::WaitForCondition(_)) => true,
        _ => false,
    }
}

/// If a variable of the run was written that runs below can see, those that watch look again.
pub fn tell_children(run: &Run, context: &mut Context<'_>) {
    if !context.family.take_written(&run.key) {
        return;
    }
    for child in run.children.values().filter(|child| child.watches) {
        let id = pb::WfRunId { id: child.id.clone(), parent_wf_run_id: Some(Box::new(run.id())) };
        if context.family.look_again(key::run(&run.tenant, &id)) {
            continue;
        }
        let root = key::root_id(&id);
        let target_shard = placement::shard_of(&run.tenant, root, context.run_shards as usize) as u32;
        let message = Message::VariableWritten(internal::VariableWritten { wf_run_id: Some(id) });
        context.effects.unsent.push(Unsent { target_shard, tenant: run.tenant.to_string(), message });
    }
}

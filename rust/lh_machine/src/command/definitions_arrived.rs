//! DefinitionsArrived: a change of definitions reaches a run shard, in order, each sequence once.

use crate::{
    Rejected, Reply, State, internal,
    key::{self, MetaKind},
};

/// Takes in the writes; a sequence seen before is acknowledged again without effect.
pub fn apply(state: &mut State, command: &internal::DefinitionsArrived) -> Result<Reply, Rejected> {
    if command.sequence <= state.applied.definitions_sequence {
        return Ok(Reply::Empty);
    }
    state.applied.definitions_sequence = command.sequence;
    for (index, write) in command.writes.iter().enumerate() {
        // A number that no other definition ever gets, the same on every replica.
        let uid = (command.sequence << 16) + index as u64 + 1;
        match &write.value {
            Some(value) => state.definitions.put(&write.key, value, uid, &mut state.writes)?,
            None => {
                state.definitions.delete(&write.key, &mut state.writes);
                drop_worker_group(state, &write.key);
            }
        }
    }
    Ok(Reply::Empty)
}

/// The workers of a deleted TaskDef are forgotten with it (02/TD-4).
fn drop_worker_group(state: &mut State, meta_key: &[u8]) {
    if meta_key.first().and_then(|byte| MetaKind::from_byte(*byte)) != Some(MetaKind::TaskDef) {
        return;
    }
    let group = key::with_table(key::TABLE_WORKER_GROUP, &meta_key[1..]);
    if state.worker_groups.remove(&group).is_some() {
        state.writes.insert(group, None);
    }
}

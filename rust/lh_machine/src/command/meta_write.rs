//! MetaWrite: compare-and-write on the metadata group; changes go to every run shard through the outbox, in order.

use std::sync::Arc;

use crate::{
    Code, Effects, Rejected, Reply, State,
    internal::{self, command::Kind},
    key, outbox,
    run::record,
    state::MetaValue,
};

/// Writes all or nothing: `Aborted` if an expected version differs.
pub fn apply(
    state: &mut State,
    tenant: &str,
    command: &internal::MetaWrite,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    for expect in &command.expects {
        let version = state.meta.get(&expect.key).map_or(0, |entry| entry.version);
        if version != expect.version {
            return Err(Rejected::new(Code::Aborted, "The metadata changed meanwhile."));
        }
    }
    state.applied.outbox_sequence += 1;
    let sequence = state.applied.outbox_sequence;
    let meta = Arc::make_mut(&mut state.meta);
    for write in &command.writes {
        let stored = key::with_table(key::TABLE_META, &write.key);
        match &write.value {
            Some(value) => {
                let entry = MetaValue { version: sequence, value: value.clone().into() };
                let record = internal::MetaEntry { version: sequence, value: value.clone() };
                meta.insert(write.key.clone(), entry);
                state.writes.insert(stored, Some(record::with_format(&record)));
            }
            None => {
                meta.remove(&write.key);
                state.writes.insert(stored, None);
            }
        }
    }
    for target_shard in 0..state.config.run_shards {
        let arrived = internal::DefinitionsArrived { sequence, writes: command.writes.clone() };
        let command = internal::Command { tenant: tenant.to_owned(), kind: Some(Kind::DefinitionsArrived(arrived)) };
        outbox::keep(state, target_shard, sequence, command, effects);
    }
    Ok(Reply::MetaWritten { sequence })
}

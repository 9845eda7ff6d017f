//! Messages to other shards: kept until the target has applied them (decision 013).

use prost::Message as _;

use crate::{
    Command, Effects, Outgoing, State,
    internal::{self, command::Kind, from_shard::Message},
    key,
    run::record,
};

/// Keeps a message under its place in the outbox until [`acknowledged`], and has it sent after the commit.
pub(crate) fn keep(state: &mut State, target_shard: u32, sequence: u64, command: Command, effects: &mut Effects) {
    let entry = internal::OutboxEntry { sequence, target_shard, command: command.encode_to_vec() };
    state.writes.insert(key::outbox(target_shard, sequence), Some(record::with_format(&entry)));
    state.outbox.insert((target_shard, sequence), command.clone());
    effects.outbox.push(Outgoing { target_shard, sequence, command });
}

/// Sends a message of this run shard; returns its sequence.
pub(crate) fn send(state: &mut State, target_shard: u32, tenant: &str, message: Message, effects: &mut Effects) -> u64 {
    state.applied.outbox_sequence += 1;
    let sequence = state.applied.outbox_sequence;
    let message = internal::FromShard { source_shard: state.config.shard, sequence, message: Some(message) };
    let command = Command { tenant: tenant.to_owned(), kind: Some(Kind::FromShard(message)) };
    keep(state, target_shard, sequence, command, effects);
    sequence
}

/// Sends what a command has left in `unsent`, in order.
pub(crate) fn send_unsent(state: &mut State, effects: &mut Effects) {
    for unsent in std::mem::take(&mut effects.unsent) {
        send(state, unsent.target_shard, &unsent.tenant, unsent.message, effects);
    }
}

/// The target has everything up to the sequence: forgotten here.
pub(crate) fn acknowledged(state: &mut State, command: &internal::OutboxAcknowledged) {
    let (target, last) = (command.target_shard, command.sequence);
    let done: Vec<_> = state.outbox.range((target, 0)..=(target, last)).map(|(place, _)| *place).collect();
    for (target, sequence) in done {
        state.outbox.remove(&(target, sequence));
        state.writes.insert(key::outbox(target, sequence), None);
    }
}

//! Which run records must be in memory before a command is applied.

use crate::{Command, State};

/// Keys of run records that `command` touches and that the state does not have: the shard fetches them (from the set
/// being flushed, else from the store) and calls [`State::insert`].
///
/// `claims_before` is the number of claims of the same queue that precede this command in its batch.
pub fn needs(_state: &State, _command: &Command, _claims_before: usize) -> Vec<Vec<u8>> {
    todo!()
}

//! The only door: no await, no clock, no I/O. Same state, stamp and command: same effects.

use crate::{Command, Effects, Stamp, State};

/// Applies one command of a batch. A rejected command leaves the state untouched and fills only `reply`.
///
/// Everything that [`crate::needs`] named must have been inserted before.
pub fn apply(_state: &mut State, _stamp: &Stamp, _command: &Command) -> Effects {
    todo!()
}

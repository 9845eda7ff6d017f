//! Applies what the log has beyond the store, in memory only: what a start would do.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use lh_machine::{Command, State, apply, internal::Batch, needs};
use prost::Message;

use crate::{ports::Store, shard::log::LogEntry};

/// Brings `state` to the end of the log. `Err` = a sentence that says where and why a start would fail.
pub fn replay(state: &mut State, store: &Arc<dyn Store>, entries: &[LogEntry]) -> Result<(), String> {
    let applied = state.applied().index;
    for entry in entries.iter().filter(|entry| entry.index > applied) {
        let failed = |why: String| format!("log entry {} cannot be applied: {why}", entry.index);
        if !entry.members && !entry.data.is_empty() {
            let batch = Batch::decode(entry.data.as_slice()).map_err(|error| failed(error.to_string()))?;
            let stamp = batch.stamp.unwrap_or_default();
            for command in &batch.commands {
                fetch(state, store, command).map_err(failed)?;
                // A panic is what stops a server at this entry; the state is given up then.
                catch_unwind(AssertUnwindSafe(|| apply(state, &stamp, command)))
                    .map_err(|_| failed("the machine panicked (its message is above)".to_owned()))?;
            }
        }
        state.set_applied(entry.index, entry.term);
    }
    Ok(())
}

fn fetch(state: &mut State, store: &Arc<dyn Store>, command: &Command) -> Result<(), String> {
    let keys = needs(state, command, 0);
    if keys.is_empty() {
        return Ok(());
    }
    let values = store.get_many(&keys).map_err(|error| error.to_string())?;
    for (key, value) in keys.iter().zip(values) {
        state.insert(key, value.as_deref()).map_err(|corrupt| corrupt.0)?;
    }
    Ok(())
}

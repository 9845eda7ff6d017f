//! The ways to all shards, known only after the shards have opened, while their first effects come before that.

use lh_machine::{Command, MachineConfig};
use tokio::sync::{SetOnce, oneshot};

use crate::ports::{Failure, ShardHandle, ShardMessage};

/// Handles of the run shards by number, and of the metadata group.
#[derive(Debug)]
pub struct ShardHandles {
    /// Run shards; the index is the number.
    pub run: Vec<ShardHandle>,
    /// The metadata group.
    pub meta: ShardHandle,
}

/// Set once, when the shards have opened; effects that come earlier wait.
#[derive(Debug, Default)]
pub struct Shards {
    handles: SetOnce<ShardHandles>,
}

impl Shards {
    /// Makes the shards reachable. Only the first call counts.
    pub fn connect(&self, handles: ShardHandles) {
        let first = self.handles.set(handles).is_ok();
        debug_assert!(first, "shards are connected once");
    }

    /// The run shards, or none before [`Shards::connect`].
    pub fn run(&self) -> &[ShardHandle] {
        self.handles.get().map_or(&[], |handles| &handles.run)
    }

    /// Waits for [`Shards::connect`].
    pub async fn connected(&self) -> &ShardHandles {
        self.handles.wait().await
    }

    fn get(&self, shard: u32) -> Option<&ShardHandle> {
        let handles = self.handles.get()?;
        if shard == MachineConfig::META_SHARD { Some(&handles.meta) } else { handles.run.get(shard as usize) }
    }

    /// Sends a message; false if the shard is unknown or has stopped.
    pub fn send(&self, shard: u32, message: ShardMessage) -> bool {
        self.get(shard).is_some_and(|handle| handle.inbox.send(message).is_ok())
    }

    /// Proposes a command; the receiver gets the outcome, or is closed if the shard has stopped.
    pub fn propose(&self, shard: u32, command: Command) -> oneshot::Receiver<Result<lh_machine::Reply, Failure>> {
        let (answer, answered) = oneshot::channel();
        self.send(shard, ShardMessage::Propose { command: Box::new(command), answer: Some(answer) });
        answered
    }
}

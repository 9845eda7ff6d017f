//! What a shard wants from a consensus algorithm, and nothing of how it is done.
//!
//! ```text
//!   propose, step, tick, read_barrier, transfer, change_members ──► Consensus ──ready──► entries to persist, messages,
//!                                            persisted, applied ──►                      committed entries
//! ```

use super::log::{HardState, LogEntry};

/// Index and term of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Index in the log of the group.
    pub index: u64,
    /// Term of its leader.
    pub term: u64,
}

/// Why something was not done. It did not happen, and may be tried elsewhere or again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Whether a read may be answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// Now: everything that was acknowledged is applied here.
    Passed,
    /// When [`Ready::barriers`] names its token and that index is applied.
    Pending,
    /// Not here: this peer is not a leader that knows what is committed.
    NotLeader,
}

/// A change of the members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// The peer votes from now on.
    AddVoter(u64),
    /// The peer receives the log but does not vote.
    AddLearner(u64),
    /// The peer is out.
    Remove(u64),
}

/// An encoded message for another peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMessage {
    /// Receiver.
    pub to: u64,
    /// Bytes for its [`Consensus::step`].
    pub bytes: Vec<u8>,
}

/// A committed entry, to be applied in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where it stands.
    pub position: Position,
    /// What it carries.
    pub content: Content,
}

/// What a committed entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A batch, as proposed.
    Batch(Vec<u8>),
    /// The first entry of a new leader: carries nothing, but shows what is committed.
    NewLeader,
    /// The group changed; the encoded state of its members is to be stored with the applied index.
    Members(Vec<u8>),
}

/// What must be done next, in the order of the fields.
#[derive(Debug, Default)]
pub struct Ready {
    /// Names this to [`Consensus::persisted`].
    pub number: u64,
    /// 1. Messages that may leave at once.
    pub messages: Vec<PeerMessage>,
    /// 2. To be synced to the log, in this order with other readies: term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// 2. To be synced together with it: new entries.
    pub entries: Vec<LogEntry>,
    /// 3. Messages that may leave only after 2 is synced.
    pub messages_after_sync: Vec<PeerMessage>,
    /// 4. Entries to apply; they are committed already.
    pub committed: Vec<Committed>,
    /// 5. Read barriers that are passed once this index is applied.
    pub barriers: Vec<(u64, u64)>,
}

impl Ready {
    /// True if the log has to be told of this ready.
    pub fn wants_sync(&self) -> bool {
        self.hard_state.is_some() || !self.entries.is_empty() || !self.messages_after_sync.is_empty()
    }
}

/// One peer of one group: a pure core without clock, thread or disk.
pub trait Consensus {
    /// Starts an election now. Alone in its group, a peer leads at once.
    fn campaign(&mut self) -> Result<(), Refused>;
    /// Appends an entry; it is committed when [`Ready::committed`] brings it with this very position.
    fn propose(&mut self, payload: Vec<u8>) -> Result<Position, Refused>;
    /// Takes a message of another peer.
    fn step(&mut self, message: &[u8]) -> Result<(), Refused>;
    /// A tick of the clock has passed.
    fn tick(&mut self);
    /// Asks whether reads may be answered; `token` comes back in [`Ready::barriers`].
    fn read_barrier(&mut self, token: u64) -> Barrier;
    /// Hands the leadership to another voter.
    fn transfer(&mut self, peer: u64);
    /// Proposes a change of the members.
    fn change_members(&mut self, changes: &[MemberChange]) -> Result<Position, Refused>;
    /// What must be done next; `None` = nothing.
    fn ready(&mut self) -> Option<Ready>;
    /// Everything up to this ready is synced.
    fn persisted(&mut self, ready: u64);
    /// Everything up to this index is applied.
    fn applied(&mut self, index: u64);
    /// True while this peer leads.
    fn is_leader(&self) -> bool;
    /// The latest term this peer has seen: a leader that has applied an entry of it has applied all that was committed
    /// before.
    fn term(&self) -> u64;
}

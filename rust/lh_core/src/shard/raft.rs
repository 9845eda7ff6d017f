//! TiKV's raft-rs behind [`Consensus`]: the only file, with its storage in [`super::tail`], that knows its types.

use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, Entry, EntryType, Message},
};
use raft_prost::Message as _;
use slog::{Discard, Logger, o};

use super::{
    consensus::{Barrier, Committed, Consensus, Content, MemberChange, PeerMessage, Position, Ready, Refused},
    limits,
    log::{HardState, LogEntry},
    tail::Tail,
};

/// Ticks without a leader after which a peer asks for votes.
const ELECTION_TICKS: usize = 20;

/// Ticks between heartbeats.
const HEARTBEAT_TICKS: usize = 2;

/// What a group is started from.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// This peer; not 0.
    pub peer: u64,
    /// Members as stored with the applied index; empty = a new group of this peer alone.
    pub members: Vec<u8>,
    /// What the store stands at.
    pub applied: Position,
    /// Last hard state of the log.
    pub hard_state: HardState,
    /// Entries of the log behind `applied`, contiguous.
    pub entries: Vec<LogEntry>,
}

/// One peer of one group.
pub struct Raft {
    node: RawNode<Tail>,
    /// Term and vote as handed out last: only their changes must be synced, the commit index may lag.
    synced: (u64, u64),
}

impl Raft {
    /// A peer that stands where the store and the log stand.
    pub fn new(start: Start) -> Result<Self, Refused> {
        let members = match start.members.as_slice() {
            [] => ConfState { voters: vec![start.peer], ..ConfState::default() },
            bytes => ConfState::decode(bytes).map_err(|error| Refused(format!("stored members: {error}")))?,
        };
        let config = Config {
            id: start.peer,
            applied: start.applied.index,
            election_tick: ELECTION_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            // The one random number of the library, pinned: a run is a function of its inputs. Peers differ by their id.
            min_election_tick: ELECTION_TICKS + start.peer as usize % ELECTION_TICKS,
            max_election_tick: ELECTION_TICKS + start.peer as usize % ELECTION_TICKS + 1,
            check_quorum: true,
            pre_vote: true,
            max_committed_size_per_ready: limits::APPLY_BYTES,
            ..Config::default()
        };
        let hard_state = start.hard_state;
        let tail = Tail::new(members, hard_state, start.applied, start.entries.into_iter().map(to_raft).collect());
        let node = RawNode::new(&config, tail, &Logger::root(Discard, o!())).map_err(refused)?;
        Ok(Self { node, synced: (hard_state.term, hard_state.vote) })
    }

    fn last(&self) -> Position {
        Position { index: self.node.raft.raft_log.last_index(), term: self.node.raft.term }
    }

    fn committed(&mut self, entry: Entry) -> Result<Committed, Refused> {
        let position = Position { index: entry.index, term: entry.term };
        let content = match EntryType::from_i32(entry.entry_type) {
            Some(EntryType::EntryConfChangeV2) => {
                let change = ConfChangeV2::decode(entry.data.as_slice()).map_err(|error| Refused(error.to_string()))?;
                let members = self.node.apply_conf_change(&change).map_err(refused)?;
                Content::Members(members.encode_to_vec())
            }
            _ if entry.data.is_empty() => Content::NewLeader,
            _ => Content::Batch(entry.data),
        };
        Ok(Committed { position, content })
    }
}

impl Consensus for Raft {
    fn campaign(&mut self) -> Result<(), Refused> {
        self.node.campaign().map_err(refused)
    }

    fn propose(&mut self, payload: Vec<u8>) -> Result<Position, Refused> {
        self.node.propose(Vec::new(), payload).map_err(refused)?;
        Ok(self.last())
    }

    fn step(&mut self, message: &[u8]) -> Result<(), Refused> {
        let message = Message::decode(message).map_err(|error| Refused(error.to_string()))?;
        self.node.step(message).map_err(refused)
    }

    fn tick(&mut self) {
        self.node.tick();
    }

    fn read_barrier(&mut self, token: u64) -> Barrier {
        if !self.is_leader() || !self.node.raft.commit_to_current_term() {
            return Barrier::NotLeader;
        }
        if self.node.raft.prs().is_singleton() {
            return Barrier::Passed;
        }
        self.node.read_index(token.to_le_bytes().to_vec());
        Barrier::Pending
    }

    fn transfer(&mut self, peer: u64) {
        self.node.transfer_leader(peer);
    }

    fn change_members(&mut self, changes: &[MemberChange]) -> Result<Position, Refused> {
        let changes = changes.iter().map(to_single).collect();
        let change = ConfChangeV2 { changes, ..ConfChangeV2::default() };
        self.node.propose_conf_change(Vec::new(), change).map_err(refused)?;
        Ok(self.last())
    }

    fn ready(&mut self) -> Option<Ready> {
        if !self.node.has_ready() {
            return None;
        }
        let mut ready = self.node.ready();
        let mut out = Ready { number: ready.number(), ..Ready::default() };
        out.messages = ready.take_messages().iter().map(to_message).collect();
        out.messages_after_sync = ready.take_persisted_messages().iter().map(to_message).collect();
        if let Some(state) = ready.hs() {
            let state = HardState { term: state.term, vote: state.vote, commit: state.commit };
            self.node.mut_store().set_hard_state(state);
            if self.synced != (state.term, state.vote) {
                self.synced = (state.term, state.vote);
                out.hard_state = Some(state);
            }
        }
        let entries = ready.take_entries();
        out.entries = entries.iter().map(to_log).collect();
        self.node.mut_store().append(entries);
        for state in ready.take_read_states() {
            if let Ok(token) = state.request_ctx.as_slice().try_into() {
                out.barriers.push((u64::from_le_bytes(token), state.index));
            }
        }
        let committed = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        for entry in committed {
            // A committed change that cannot be read or done is our bug, and the group would split over it.
            out.committed.push(self.committed(entry).expect("committed entries are readable"));
        }
        Some(out)
    }

    fn persisted(&mut self, ready: u64) {
        self.node.on_persist_ready(ready);
    }

    fn applied(&mut self, index: u64) {
        self.node.advance_apply_to(index);
        self.node.mut_store().compact(index);
    }

    fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    fn term(&self) -> u64 {
        self.node.raft.term
    }
}

fn refused(error: raft::Error) -> Refused {
    Refused(error.to_string())
}

fn to_raft(entry: LogEntry) -> Entry {
    let kind = if entry.members { EntryType::EntryConfChangeV2 } else { EntryType::EntryNormal };
    Entry { entry_type: kind as i32, term: entry.term, index: entry.index, data: entry.data, ..Entry::default() }
}

fn to_log(entry: &Entry) -> LogEntry {
    let members = entry.entry_type != EntryType::EntryNormal as i32;
    LogEntry { term: entry.term, index: entry.index, members, data: entry.data.clone() }
}

fn to_message(message: &Message) -> PeerMessage {
    PeerMessage { to: message.to, bytes: message.encode_to_vec() }
}

fn to_single(change: &MemberChange) -> ConfChangeSingle {
    let (kind, peer) = match *change {
        MemberChange::AddVoter(peer) => (ConfChangeType::AddNode, peer),
        MemberChange::AddLearner(peer) => (ConfChangeType::AddLearnerNode, peer),
        MemberChange::Remove(peer) => (ConfChangeType::RemoveNode, peer),
    };
    ConfChangeSingle { change_type: kind as i32, node_id: peer }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Persists and applies until nothing is left to do; returns what was committed and what was synced.
    fn settle(raft: &mut Raft) -> (Vec<Committed>, Vec<LogEntry>) {
        let (mut committed, mut synced) = (Vec::new(), Vec::new());
        while let Some(ready) = raft.ready() {
            synced.extend(ready.entries);
            raft.persisted(ready.number);
            for entry in ready.committed {
                raft.applied(entry.position.index);
                committed.push(entry);
            }
        }
        (committed, synced)
    }

    fn alone(start: Start) -> Raft {
        let mut raft = Raft::new(Start { peer: 1, ..start }).unwrap();
        raft.campaign().unwrap();
        raft
    }

    /// A group of one leads at once, without an election timeout, and commits what it synced.
    #[test]
    fn a_group_of_one_leads_at_once() {
        let mut raft = alone(Start::default());
        let (committed, _) = settle(&mut raft);
        assert_eq!(committed, [Committed { position: Position { index: 1, term: 1 }, content: Content::NewLeader }]);
        assert!(raft.is_leader());
        assert_eq!(raft.read_barrier(1), Barrier::Passed);
        let position = raft.propose(b"batch".to_vec()).unwrap();
        let ready = raft.ready().unwrap();
        assert!(ready.committed.is_empty(), "I1: nothing is committed before its sync");
        assert!(raft.ready().is_none());
        raft.persisted(ready.number);
        let (committed, _) = settle(&mut raft);
        assert_eq!(committed, [Committed { position, content: Content::Batch(b"batch".to_vec()) }]);
    }

    /// Before the election is synced, nothing may be read or believed to be committed (I6).
    #[test]
    fn no_read_before_the_first_entry_is_committed() {
        let mut raft = alone(Start::default());
        assert_eq!(raft.read_barrier(1), Barrier::NotLeader);
    }

    /// After a restart the entries behind the store come first, in order, then the new leader's own (I16, I19).
    #[test]
    fn a_restart_commits_the_rest_of_the_log() {
        let mut raft = alone(Start::default());
        settle(&mut raft);
        let mut log = Vec::new();
        for data in [b"a", b"b", b"c"] {
            raft.propose(data.to_vec()).unwrap();
            log.extend(settle(&mut raft).1);
        }
        let hard_state = HardState { term: 1, vote: 1, commit: 0 };
        let applied = Position { index: 2, term: 1 };
        let entries = log.into_iter().filter(|entry| entry.index > 2).collect();
        let mut raft = alone(Start { hard_state, applied, entries, ..Start::default() });
        let (committed, _) = settle(&mut raft);
        let contents: Vec<_> = committed.iter().map(|entry| (entry.position.index, entry.content.clone())).collect();
        assert_eq!(
            contents,
            [(3, Content::Batch(b"b".to_vec())), (4, Content::Batch(b"c".to_vec())), (5, Content::NewLeader)]
        );
        assert_eq!(committed[2].position.term, 2);
    }

    /// Members are encoded opaquely and understood again.
    #[test]
    fn a_change_of_members_is_committed_with_the_new_state() {
        let mut raft = alone(Start::default());
        settle(&mut raft);
        raft.change_members(&[MemberChange::AddLearner(2)]).unwrap();
        let (committed, synced) = settle(&mut raft);
        assert!(synced[0].members);
        let Content::Members(members) = &committed[0].content else { panic!("{committed:?}") };
        let start = Start { members: members.clone(), applied: committed[0].position, ..Start::default() };
        let mut raft = alone(start);
        settle(&mut raft);
        assert!(raft.is_leader());
    }
}

//! When the store is brought up to date, and the cut of the log behind it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    consensus::{Consensus, Position},
    limits,
    log::{Kind, Record},
    replica::{Replica, applied},
};
use crate::ports::Failure;

/// Who waits for a flush.
type Asker = oneshot::Sender<Result<(), Failure>>;

/// Time between two counts of what is dirty: counting looks at every dirty run.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// Progress of flushes.
pub struct Checkpoint {
    /// When the oldest change that no flush set has was made.
    dirty_since: Option<Instant>,
    /// When it was counted last what is dirty.
    counted: Instant,
    /// The flush that is under way.
    flushing: Option<Flushing>,
    /// Its set is in the store.
    written: bool,
    /// The store has no room for it.
    has_no_room: bool,
    /// Who wants everything that is applied by now in the store.
    askers: Vec<Asker>,
    /// The log may be too long; looked at with every tick.
    pub(super) look_at_log: bool,
    /// Index up to which the log is cut.
    cut: u64,
    /// The last flush of a stopping shard was begun.
    last_begun: bool,
}

struct Flushing {
    /// The set is still being encoded, in turns with batches.
    is_encoding: bool,
    /// What the store stands at afterwards.
    position: Position,
    persist: bool,
    askers: Vec<Asker>,
}

impl Checkpoint {
    /// Nothing to flush yet; the log is cut up to `cut`.
    pub fn new(cut: u64) -> Self {
        Self {
            dirty_since: None,
            counted: Instant::now(),
            flushing: None,
            written: false,
            has_no_room: false,
            askers: Vec::new(),
            look_at_log: true,
            cut,
            last_begun: false,
        }
    }

    /// Something was applied.
    pub fn dirty(&mut self) {
        self.dirty_since.get_or_insert_with(Instant::now);
    }

    /// Somebody wants to scan the store.
    pub fn ask(&mut self, asker: Asker) {
        self.askers.push(asker);
        if self.has_no_room {
            self.refuse_askers();
        }
    }

    /// The set is in the store.
    pub fn flushed(&mut self) {
        self.written = true;
        self.has_no_room = false;
    }

    /// The store has no room: who wants to scan it is told so instead of waiting for somebody to make room (fault 7).
    pub fn refuse_askers(&mut self) {
        self.has_no_room = true;
        let waiting = self.flushing.iter_mut().flat_map(|flushing| std::mem::take(&mut flushing.askers));
        for asker in waiting.chain(std::mem::take(&mut self.askers)) {
            let reason =
                "the disk of the server is full; what was written last cannot be searched until space is freed";
            // Whoever asked may be gone.
            let _ = asker.send(Err(Failure::Exhausted(reason.to_owned())));
        }
    }

    /// True while a flush set is being encoded.
    pub fn is_encoding(&self) -> bool {
        self.flushing.as_ref().is_some_and(|flushing| flushing.is_encoding)
    }

    /// When to look again whether a flush is due.
    pub fn alarm(&self) -> Option<Instant> {
        let since = self.dirty_since.filter(|_| self.flushing.is_none())?;
        let soon = (since + Duration::from_millis(limits::FLUSH_CLOSED_AFTER_MS)).max(self.counted + COUNT_EVERY);
        Some(soon.min(since + Duration::from_millis(limits::FLUSH_AFTER_MS)))
    }
}

impl<C: Consensus> Replica<C> {
    /// Begins a flush if one is due and none is under way.
    pub(super) fn checkpoint(&mut self) {
        self.encode();
        if !self.serving || self.failed || self.checkpoint.flushing.is_some() {
            return;
        }
        let persist = std::mem::take(&mut self.checkpoint.look_at_log)
            && self.parts.log.lags(self.parts.shard)
            && applied(&self.parts.state).index > self.checkpoint.cut;
        let asked = !self.checkpoint.askers.is_empty();
        if asked && !self.parts.state.is_dirty() {
            answer(std::mem::take(&mut self.checkpoint.askers));
        } else if persist || asked || self.is_flush_due() {
            self.flush(persist);
        }
    }

    fn is_flush_due(&mut self) -> bool {
        let Some(since) = self.checkpoint.dirty_since else { return false };
        let now = Instant::now();
        if now >= since + Duration::from_millis(limits::FLUSH_AFTER_MS)
            || self.is_oversize(limits::OVERSIZE_SHARE_BEFORE_FLUSH)
        {
            return true;
        }
        let pays = now >= since + Duration::from_millis(limits::FLUSH_CLOSED_AFTER_MS)
            || self.parts.state.dirty_runs() >= limits::FLUSH_RECORDS;
        if !pays || now < self.checkpoint.counted + COUNT_EVERY {
            return false;
        }
        self.checkpoint.counted = now;
        let (closed, live) = self.parts.state.dirty_counts();
        closed >= limits::FLUSH_CLOSED_PER_LIVE * live
    }

    /// Whether the runs in memory take more than they may, by this share of it (1 / `share`). What is dirty cannot leave.
    pub(super) fn is_oversize(&self, share: usize) -> bool {
        let limit = self.parts.memory_bytes.max(limits::RUNS_BYTES_MIN);
        self.parts.state.memory_bytes() > limit.saturating_add(limit / share)
    }

    fn flush(&mut self, persist: bool) {
        self.parts.state.begin_flush();
        self.checkpoint.dirty_since = None;
        let askers = std::mem::take(&mut self.checkpoint.askers);
        let position = applied(&self.parts.state);
        self.checkpoint.flushing = Some(Flushing { is_encoding: true, position, persist, askers });
        self.encode();
    }

    /// Encodes the next slice of the flush set; hands the set over after the last one.
    fn encode(&mut self) {
        let Some(flushing) = self.checkpoint.flushing.as_mut().filter(|flushing| flushing.is_encoding) else { return };
        let Some(set) = self.parts.state.continue_flush(self.parts.flush_slice) else { return };
        flushing.is_encoding = false;
        let set = Arc::new(set);
        self.parts.being_written.set(Some(set.clone()));
        self.parts.flusher.flush(set, flushing.persist);
    }

    /// Between two batches: takes note of a finished flush and lets runs leave memory.
    pub(super) fn settle(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        if self.parts.state.sweep(self.parts.flush_slice) {
            self.departures += 1;
        }
        if !self.checkpoint.written {
            return;
        }
        self.checkpoint.written = false;
        let Some(done) = self.checkpoint.flushing.take() else { return };
        self.epoch += 1;
        self.departures += 1;
        self.parts.state.flushed();
        if self.parts.state.memory_bytes() > self.parts.memory_bytes {
            self.parts.state.sweep(usize::MAX);
            // A little more than asked for, so that the next flush does not have to search again.
            self.parts.state.evict(self.parts.memory_bytes / 10 * 9);
        }
        if done.persist {
            let Position { index, term } = done.position;
            let shard = self.parts.shard;
            self.checkpoint.cut = index;
            let cut = Record { shard, kind: Kind::Cut, term, index, payload: Vec::new() };
            self.parts.log.append(vec![cut], None);
        }
        answer(done.askers);
    }

    /// Brings everything into the store before the shard stops; true once it is there.
    pub(super) fn finish_checkpoint(&mut self) -> bool {
        if self.checkpoint.flushing.is_some() {
            return false;
        }
        if !self.checkpoint.last_begun {
            self.checkpoint.last_begun = true;
            self.flush(true);
            return false;
        }
        true
    }
}

/// Whoever asked may be gone.
fn answer(askers: Vec<Asker>) {
    for asker in askers {
        let _ = asker.send(Ok(()));
    }
}

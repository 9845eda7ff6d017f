//! Every limit of a shard and of the log, with its reason.

/// Size of a log segment file in bytes: small enough that recycling keeps little space, large enough that a busy server
/// starts about one a second.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// Free space in bytes below which work that grows the data (new runs, new definitions) is refused: what is running can
/// still be finished and the store can still be compacted (fault 7).
pub const RESERVE_BYTES: u64 = 64 << 20;

/// Free space in bytes below which nothing is proposed any more: two segments' worth, so that a segment that is being
/// prepared cannot fail half-way.
pub const FULL_BYTES: u64 = 2 * SEGMENT_BYTES;

/// How often the free space is looked at, in ms: 200 ms of full speed write a few MiB, far less than the reserve.
pub const SPACE_CHECK_MS: u64 = 200;

/// Log bytes that a shard may have beyond what its store persisted; then the store is asked to persist and the log is
/// cut. Bounds both the disk that the log takes and the time that a start-up replays.
pub const LOG_BYTES_BEFORE_PERSIST: u64 = 64 << 20;

/// Segments that wait to be used again; more are removed.
pub const RETIRED_SEGMENTS: usize = 3;

/// A batch is closed at this size in bytes, whatever else waits: keeps log entries far below a segment.
pub const BATCH_BYTES: usize = 1 << 20;

/// Commands per batch: bounds the time that one apply keeps the front waiting (they may share a thread).
pub const BATCH_COMMANDS: usize = 4096;

/// Entries of one queue that one batch may claim beside those that its own commands make: finding the k-th costs k steps.
pub const CLAIMS_PER_QUEUE: usize = 1024;

/// Above this rate (commands per ms) batches are spaced by [`BATCH_WINDOW_NS`]; below it the wait would be latency for
/// nothing.
pub const BUSY_COMMANDS_PER_MS: f64 = 8.0;

/// Below this rate (commands per ms) a shard waits awake for its sync: at most a tenth of a processor.
pub const AWAKE_COMMANDS_PER_MS: f64 = 0.2;

/// How long it does so, in ns: syncs of a disk without load take half of that.
pub const AWAKE_NS: u64 = 1_000_000;

/// Shortest distance of two closes of a busy shard, in ns: 1 ms adds half a millisecond to the median and costs
/// throughput, none costs 60 % more fsyncs.
pub const BATCH_WINDOW_NS: u64 = 500_000;

/// Commands that may wait in a shard before new runs are refused: about a third of a second of full speed.
pub const QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED: usize = 8192;

/// Commands that may wait in a shard before every command that somebody waits for is refused.
pub const QUEUED_BEFORE_ALL_IS_REFUSED: usize = 65_536;

/// The part of a shard's memory for runs that waiting commands may take, encoded, before new runs are refused: 1 / this.
pub const QUEUED_SHARE_BEFORE_NEW_RUNS_ARE_REFUSED: usize = 4;

/// The same before every command that somebody waits for is refused.
pub const QUEUED_SHARE_BEFORE_ALL_IS_REFUSED: usize = 2;

/// Bytes that may always wait, however little memory there is: some of the largest commands.
pub const QUEUED_BYTES_MIN: usize = 4 << 20;

/// How far runs may go beyond the memory that they may take before a flush is due, so that some can leave: 1 / this.
pub const OVERSIZE_SHARE_BEFORE_FLUSH: usize = 4;

/// The same before new runs are refused: the store does not keep up.
pub const OVERSIZE_SHARE_BEFORE_NEW_RUNS_ARE_REFUSED: usize = 1;

/// Bytes that runs may always take before either happens: some of the largest.
pub const RUNS_BYTES_MIN: usize = 8 << 20;

/// From this time of a batch on, in ns, a shard counts as slow: its log or its thread has more to do than is good for
/// anybody's latency.
pub const SLOW_BATCH_NS: f64 = 1_500_000.0;

/// From this many claims per batch on workers count as waiting for the server, and not the server for workers.
pub const CLAIMS_OF_BUSY_WORKERS: f64 = 8.0;

/// Below this many claims per ms a server is not at its limit, whatever its disk takes for a batch: it is not refused a burst.
pub const CLAIMS_PER_MS_OF_A_BUSY_SERVER: f64 = 4.0;

/// Tasks that may wait, as a share of the claims of a batch, before a slow shard with busy workers refuses new runs: the
/// reports of those workers bring the next tasks, so refusing costs no throughput. Waiting costs much: each run lives
/// longer, so more flushes write it (with what is claimed in 50 ms, 0.59 of the best rate was left).
pub const SHARE_OF_CLAIMS_THAT_MAY_WAIT: f64 = 0.5;

/// Tasks that may always wait.
pub const TASKS_THAT_MAY_WAIT: f64 = 32.0;

/// Claims for each of which an overloaded shard still takes a new run: a long queue drains, and new work is not starved.
pub const CLAIMS_PER_START: f64 = 64.0;

/// Weight of the latest batch in what is known of the usual one.
pub const BATCH_WEIGHT: f64 = 0.125;

/// From this encoded size on a command is large: the log takes longer for it than for hundreds of usual ones.
pub const LARGE_COMMAND_BYTES: usize = 64 << 10;

/// Large commands that one batch may have in bytes, the last one not counted.
pub const LARGE_BYTES_PER_BATCH: usize = 256 << 10;

/// Time that others get after a batch with large commands, in times of what it took: with equal parts others' p99 was four
/// times that without the large ones, with three to one it is one and a half times.
pub const REST_AFTER_LARGE: u64 = 3;

/// The same after a run of a WfSpec that loops until it is stopped: nobody needs such runs, and each takes a millisecond.
pub const REST_AFTER_LOOPING: u64 = 99;

/// How long a WfSpec counts as looping after a run of it was stopped for that, in ns.
pub const LOOPER_NS: u64 = 10_000_000_000;

/// WfSpecs that may count as looping at a time.
pub const LOOPERS: usize = 1_024;

/// Heavy commands wait for nobody once others had nothing to do for so long, in ns.
pub const OTHERS_ACTIVE_NS: u64 = 1_000_000_000;

/// Commands whose records are being fetched at one time; more wait their turn, so that a hundred thousand sleepers that
/// wake at once do not sit in memory at once.
pub const FETCHING_COMMANDS: usize = 2048;

/// Keys per crossing to the store: bounds how long one fetch keeps the others waiting.
pub const FETCH_KEYS: usize = 1024;

/// Dirty records from which a flush pays, if most of them are closed for good.
pub const FLUSH_RECORDS: usize = 1500;

/// Objects (runs, their NodeRuns, ThreadRuns, ...) of a flush set that are encoded at a time, and that leave memory at a
/// time, between two looks for what has arrived: some 0.2 ms.
pub const FLUSH_SLICE: usize = 512;

/// Closed records per live one from which a flush pays: a live record will be written again, a closed one will not.
pub const FLUSH_CLOSED_PER_LIVE: usize = 2;

/// Time in ms after which a flush pays even for few records, if most of them are closed for good.
pub const FLUSH_CLOSED_AFTER_MS: u64 = 100;

/// Longest time in ms that a change is in memory and log only. Writing live records more often would encode them again
/// and again (with 512 runs in flight on a loaded machine a third of the shard's time); who searches asks for a flush.
pub const FLUSH_AFTER_MS: u64 = 500;

/// Wait in ms before a flush that found the disk full is tried again.
pub const FLUSH_RETRY_MS: u64 = 250;

/// Entries per scan when a shard opens.
pub const SCAN_ENTRIES: usize = 10_000;

/// Raft's clock in ms: heartbeats every two ticks, elections after twenty.
pub const TICK_MS: u64 = 100;

/// Committed entries that are applied at one go in bytes: bounds memory while a long log is replayed.
pub const APPLY_BYTES: u64 = 4 << 20;

/// Rounds of a read in which the memory changed under it before it is refused: each round needs a flush in between, so
/// this many mean that the store is far too slow.
pub const READ_RESTARTS: u32 = 16;

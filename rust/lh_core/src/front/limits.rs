//! Every limit of the front with its name and reason; nothing about a connection is left to a library's default.

use std::time::Duration;

/// Streams (calls) at a time per connection: pollers hold one each, callers rarely more than a few dozen.
pub const MAX_STREAMS_PER_CONNECTION: u32 = 1_000;

/// Decoded size of the headers of one request: tokens can be large (08/X-9 asks for 8 KiB), floods must not be.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;

/// Streams that a client reset before we accepted them: more closes the connection (rapid reset, CVE-2023-44487).
pub const MAX_PENDING_ACCEPT_RESET_STREAMS: usize = 20;

/// Streams that we reset because of a client's errors: more closes the connection (MadeYouReset, CVE-2025-8671).
pub const MAX_LOCAL_ERROR_RESET_STREAMS: usize = 1_024;

/// Time from accepting a connection to the HTTP/2 preface: half-open connections must not pile up.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the beginning of a preface that came in pieces is looked at again.
pub const HANDSHAKE_RECHECK: Duration = Duration::from_millis(20);

/// Connections that may wait to be taken, if the system allows as many (Linux: `net.core.somaxconn`).
pub const CONNECTIONS_THAT_WAIT: i32 = 4_096;

/// Connections that are taken per [`ACCEPT_TURN`]: a thousand workers that come back at once are served within a second,
/// and ten thousand connections of an attacker leave most of the thread to others.
pub const ACCEPTS_PER_TURN: u32 = 4;

/// See [`ACCEPTS_PER_TURN`].
pub const ACCEPT_TURN: Duration = Duration::from_millis(2);

/// Connections that are being told that there are too many; further ones are closed without a word.
pub const MAX_REFUSALS: usize = 256;

/// How long calls of a refused connection are answered, and how long its client may then take to close it.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// What a call costs beside its messages: stream, headers, the work on it, what waits in a shard for it.
pub const CALL_BYTES: usize = 4 * 1024;

/// Space that is reserved at a time for a message that is not here yet: what a client announces costs it nothing.
pub const RESERVED_BYTES: usize = 256 * 1024;

/// From this size on a message on its way out counts, and its client must read it in time.
pub const LARGE_MESSAGE_BYTES: usize = 64 * 1024;

/// How long a client may take to read a large message: the largest at 70 KB/s.
pub const SLOW_READER_DEADLINE: Duration = Duration::from_secs(60);

/// How often clients that do not read are looked for.
pub const SLOW_READER_RECHECK: Duration = Duration::from_secs(5);

/// One inbound message (01/SIZ-4, 08/X-1).
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// How long a unary RPC may take (03/E-002).
pub const RPC_DEADLINE_S: u64 = 60;

/// Our own HTTP/2 pings, to find dead peers behind silent poll streams. Pings of clients are always tolerated (04/TW-34j).
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// A peer that does not answer our ping for this long is gone.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Receive window per stream: a whole small request without a round trip.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;

/// Receive window per connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// What a slow reader may make us hold per stream.
pub const MAX_SEND_BUFFER_BYTES: usize = 1024 * 1024;

/// Unanswered polls per stream: published clients keep one; each costs memory.
pub const MAX_WAITING_POLLS_PER_STREAM: usize = 10_000;

/// One poll as a message: ids and names.
pub const MAX_POLL_BYTES: usize = 64 * 1024;

/// What a waiting poll costs beside its texts.
pub const POLL_BYTES: usize = 256;

/// Tasks that a stream may leave unread, in bytes, before it gets no more: some of the largest.
pub const MAX_UNREAD_TASK_BYTES: usize = 4 * 1024 * 1024;

/// Requests that wait for a Python lane; more are refused with RetryInfo instead of piling up.
pub const MAX_WAITING_COLD_CALLS: usize = 1_024;

/// How long an overloaded client should wait before it repeats a call (08/Q-8).
pub const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How long a claim for a waiting poll may take before its stream is cut (04/TW-25).
pub const CLAIM_DEADLINE: Duration = Duration::from_secs(10);

/// How often claims that take long are looked for.
pub const CLAIM_RECHECK: Duration = Duration::from_secs(1);

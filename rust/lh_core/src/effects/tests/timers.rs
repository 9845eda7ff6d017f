//! Wake-ups with a clock that the test moves.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use lh_machine::{MachineConfig, pb};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::{
    effects::shards::ShardHandles,
    ports::{ShardHandle, ShardMessage},
};

/// A clock that follows tokio's time, which the runtime moves on when everything sleeps.
struct FakeClock {
    start: tokio::time::Instant,
    offset_ms: AtomicI64,
}

impl Clock for FakeClock {
    fn wall_ms(&self) -> i64 {
        self.offset_ms.load(SeqCst) + self.start.elapsed().as_millis() as i64
    }
    fn monotonic_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

struct Bench {
    clock: Arc<FakeClock>,
    timers: Arc<Timers>,
    inbox: UnboundedReceiver<ShardMessage>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(FakeClock { start: tokio::time::Instant::now(), offset_ms: AtomicI64::new(1_000_000) });
        let shards = Arc::new(Shards::default());
        let (sender, inbox) = unbounded_channel();
        let meta = ShardHandle { shard: MachineConfig::META_SHARD, inbox: unbounded_channel().0 };
        shards.connect(ShardHandles { run: vec![ShardHandle { shard: 0, inbox: sender }], meta });
        let timers = Arc::new(Timers::new(clock.clone(), shards));
        tokio::spawn(timers.clone().run());
        Self { clock, timers, inbox }
    }

    fn arm(&self, due_in_ms: i64, id: &str) {
        self.timers.arm(0, vec![arm(self.clock.wall_ms() + due_in_ms, id, true)]);
    }

    /// The next wake-up: run, how late it is in ms, and the way to answer it.
    async fn woken(&mut self) -> (String, i64, oneshot::Sender<Result<lh_machine::Reply, Failure>>) {
        let Some(ShardMessage::Propose { command, answer: Some(answer) }) = self.inbox.recv().await else {
            panic!("not a proposal")
        };
        let Some(command::Kind::TimerDue(due)) = command.kind else { panic!("not a wake-up") };
        assert_eq!(command.tenant, "default");
        (due.wf_run_id.unwrap().id, self.clock.wall_ms() - due.due_ms, answer)
    }
}

fn arm(due_ms: i64, id: &str, is_wanted: bool) -> Arm {
    let wf_run_id = pb::WfRunId { id: id.into(), parent_wf_run_id: None };
    Arm { due_ms, tenant: "default".into(), wf_run_id, is_wanted }
}

/// 03, sleeps and 04, timeouts: never early, at most 20 ms late, earliest first, although armed in another order.
#[tokio::test(start_paused = true)]
async fn in_order_and_never_early() {
    let mut bench = Bench::new();
    for (due_in_ms, id) in [(700, "third"), (5, "first"), (30_000, "fourth"), (70, "second"), (-50, "overdue")] {
        bench.arm(due_in_ms, id);
    }
    for expected in ["overdue", "first", "second", "third", "fourth"] {
        let (id, late_ms, _answer) = bench.woken().await;
        assert_eq!(id, expected);
        let allowed = if id == "overdue" { 50..=70 } else { 0..=20 };
        assert!(allowed.contains(&late_ms), "{id} is {late_ms} ms late");
    }
}

/// A deadline armed while the timers sleep for a later one is not missed.
#[tokio::test(start_paused = true)]
async fn an_earlier_deadline_wakes_the_sleeper() {
    let mut bench = Bench::new();
    bench.arm(60_000, "later");
    sleep(Duration::from_millis(300)).await;
    bench.arm(100, "earlier");
    let (id, late_ms, _answer) = bench.woken().await;
    assert_eq!(id, "earlier");
    assert!((0..=20).contains(&late_ms), "{late_ms} ms late");
}

/// The wall clock decides: set forward, what is due then comes without waiting for it.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward() {
    let mut bench = Bench::new();
    bench.arm(3_600_000, "in an hour");
    sleep(Duration::from_millis(10)).await;
    bench.clock.offset_ms.fetch_add(3_600_000, SeqCst);
    let before = bench.clock.wall_ms();
    assert_eq!(bench.woken().await.0, "in an hour");
    assert!(bench.clock.wall_ms() - before <= LONGEST_SLEEP.as_millis() as i64 + 20);
}

/// A wake-up that its shard could not take comes again; one that was taken does not.
#[tokio::test(start_paused = true)]
async fn refused_wake_ups_come_again() {
    let mut bench = Bench::new();
    bench.arm(10, "run");
    bench.arm(20, "other");
    let (id, _, answer) = bench.woken().await;
    assert_eq!(id, "run");
    answer.send(Err(Failure::Unavailable("not the leader".into()))).unwrap();
    let (id, _, answer) = bench.woken().await;
    assert_eq!(id, "other");
    answer.send(Ok(lh_machine::Reply::Empty)).unwrap();
    let (id, late_ms, answer) = bench.woken().await;
    assert_eq!(id, "run");
    assert!(late_ms >= RETRY_MS);
    answer.send(Ok(lh_machine::Reply::Empty)).unwrap();
    bench.arm(10_000, "sentinel");
    assert_eq!(bench.woken().await.0, "sentinel");
}

/// Many sleepers that are due at once all wake, in the order of their deadlines.
#[tokio::test(start_paused = true)]
async fn many_at_once() {
    let mut bench = Bench::new();
    let count = 3 * DUE_PER_TURN as i64 + 7;
    for number in (0..count).rev() {
        bench.arm(number - count, &format!("run-{number:05}"));
    }
    for number in 0..count {
        let (id, _, answer) = bench.woken().await;
        assert_eq!(id, format!("run-{number:05}"));
        answer.send(Ok(lh_machine::Reply::Empty)).unwrap();
    }
}

/// A wake-up that is not needed any more does not come; the same one armed again does.
#[tokio::test(start_paused = true)]
async fn forgotten_wake_ups_do_not_come() {
    let mut bench = Bench::new();
    let due_ms = bench.clock.wall_ms() + 50;
    bench
        .timers
        .arm(0, vec![arm(due_ms, "finished", true), arm(due_ms, "again", true), arm(due_ms + 9, "later", true)]);
    bench.timers.arm(0, vec![arm(due_ms, "finished", false), arm(due_ms, "again", false), arm(due_ms, "again", true)]);
    bench.timers.arm(0, vec![arm(due_ms, "never armed", false)]);
    for expected in ["again", "later"] {
        assert_eq!(bench.woken().await.0, expected);
    }
}

//! The dispatcher with fake shards: who gets which task, and what happens to polls whose stream goes.
#![allow(clippy::unwrap_used)]

use lh_machine::MachineConfig;
use tokio::sync::mpsc::{UnboundedReceiver, error::TryRecvError, unbounded_channel};

use super::*;
use crate::{effects::shards::ShardHandles, ports::ShardHandle};

const POLL_BYTES_MAX: usize = 10_000_000;

/// A dispatcher over two run shards whose inboxes the test reads.
struct Bench {
    dispatcher: Dispatcher,
    inboxes: Vec<UnboundedReceiver<ShardMessage>>,
}

impl Bench {
    fn new() -> Self {
        let shards = Arc::new(Shards::default());
        let (mut run, mut inboxes) = (Vec::new(), Vec::new());
        for shard in 0..2 {
            let (inbox, receiver) = unbounded_channel();
            run.push(ShardHandle { shard, inbox });
            inboxes.push(receiver);
        }
        let meta = ShardHandle { shard: MachineConfig::META_SHARD, inbox: unbounded_channel().0 };
        shards.connect(ShardHandles { run, meta });
        Self { dispatcher: Dispatcher::new(shards, POLL_BYTES_MAX), inboxes }
    }

    fn poll(&self, stream: u64, task_def: &str, client: &str) {
        self.dispatcher.poll(stream, request(task_def, client)).unwrap();
    }

    /// Takes up to `limit` polls of `default`/`charge`; returns their numbers and clients.
    fn take(&self, limit: usize) -> (Vec<u64>, Vec<String>) {
        self.dispatcher
            .take("default", "charge", limit)
            .into_iter()
            .map(|claim| (claim.poll_id, claim.client_id))
            .unzip()
    }

    /// What shard 0 or 1 was told since the last call: `wait` for a waiting poll, `unclaim <task>` for an undone claim.
    fn told(&mut self, shard: usize) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(message) = self.inboxes[shard].try_recv() {
            told.push(match message {
                ShardMessage::PollWaits { tenant, task_def } => format!("wait {tenant}/{task_def}"),
                ShardMessage::Propose { command, answer: None } => match command.kind {
                    Some(command::Kind::UnclaimTask(undo)) => {
                        let guid = undo.task_run_id.unwrap().task_guid;
                        format!("unclaim {}/{guid} attempt {}", command.tenant, undo.attempt_number)
                    }
                    other => panic!("unexpected {other:?}"),
                },
                other => panic!("unexpected {other:?}"),
            });
        }
        told
    }
}

fn request(task_def: &str, client: &str) -> pb::PollTaskRequest {
    pb::PollTaskRequest {
        task_def_id: Some(pb::TaskDefId { name: task_def.into() }),
        client_id: client.into(),
        task_worker_version: Some("7".into()),
    }
}

fn dispatch(poll_id: u64, guid: &str) -> Dispatch {
    let task_run_id = pb::TaskRunId { wf_run_id: None, task_guid: guid.into() };
    let task = pb::ScheduledTask { task_run_id: Some(task_run_id), attempt_number: 3, ..Default::default() };
    Dispatch { poll_id, task }
}

/// What a stream received: task guids, `finished`, or `cut <why>`.
fn received(deliveries: &mut UnboundedReceiver<Delivery>) -> Vec<String> {
    let mut received = Vec::new();
    loop {
        received.push(match deliveries.try_recv() {
            Ok(Delivery::Task { task, .. }) => task.task_run_id.unwrap().task_guid,
            Ok(Delivery::Finished) => "finished".into(),
            Ok(Delivery::Cut(why)) => format!("cut {why}"),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return received,
        });
    }
}

/// 04/TW-21: waiting polls are served in the order in which they came, whatever stream they are on.
#[test]
fn first_come_first_served() {
    let bench = Bench::new();
    let (one, _one) = bench.dispatcher.open_stream("default");
    let (two, _two) = bench.dispatcher.open_stream("default");
    bench.poll(one, "charge", "a");
    bench.poll(two, "charge", "b");
    bench.poll(one, "ship", "other");
    bench.poll(one, "charge", "c");
    assert_eq!(bench.take(2).1, ["a", "b"]);
    assert_eq!(bench.take(9).1, ["c"]);
    assert_eq!(bench.take(9).1, [""; 0]);
}

/// 04/TW-34d: tenants and TaskDefs do not mix; the claim carries what the poll said.
#[test]
fn queues_do_not_mix() {
    let bench = Bench::new();
    let (other, _other) = bench.dispatcher.open_stream("acme");
    bench.poll(other, "charge", "a");
    assert_eq!(bench.take(9).1, [""; 0]);
    let claims = bench.dispatcher.take("acme", "charge", 9);
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].task_def_name.as_str(), claims[0].client_id.as_str()), ("charge", "a"));
    assert_eq!(claims[0].task_worker_version.as_deref(), Some("7"));
}

/// 04/TW-34a, TW-34c: several polls on one stream, each answered once, in the order in which tasks come.
#[test]
fn each_poll_is_answered_once() {
    let mut bench = Bench::new();
    let (stream, mut deliveries) = bench.dispatcher.open_stream("default");
    bench.poll(stream, "charge", "a");
    bench.poll(stream, "charge", "a");
    assert!(bench.dispatcher.any_waiting());
    let (polls, _) = bench.take(9);
    assert!(!bench.dispatcher.any_waiting());
    bench.dispatcher.deliver(0, vec![dispatch(polls[1], "second"), dispatch(polls[0], "first")]);
    assert_eq!(received(&mut deliveries), ["second", "first"]);
    assert_eq!(bench.told(0), ["wait default/charge", "wait default/charge"]);
}

/// A poll whose claim found nothing is served before those that came after it, and every shard hears that it waits again.
#[test]
fn a_poll_returns_to_its_place() {
    let mut bench = Bench::new();
    let (stream, _deliveries) = bench.dispatcher.open_stream("default");
    for client in ["a", "b", "c"] {
        bench.poll(stream, "charge", client);
    }
    let (polls, _) = bench.take(2);
    bench.told(0);
    bench.told(1);
    bench.dispatcher.give_back(polls);
    assert_eq!(bench.told(0), ["wait default/charge"]);
    assert_eq!(bench.told(1), ["wait default/charge"]);
    assert_eq!(bench.take(9).1, ["a", "b", "c"]);
}

/// 04/TW-34h: a stream that goes takes its waiting polls along; others stay.
#[test]
fn polls_of_a_closed_stream_are_withdrawn() {
    let bench = Bench::new();
    let (gone, deliveries) = bench.dispatcher.open_stream("default");
    let (stays, _stays) = bench.dispatcher.open_stream("default");
    bench.poll(gone, "charge", "gone");
    bench.poll(stays, "charge", "stays");
    drop(deliveries);
    bench.dispatcher.close(gone, Vec::new());
    assert_eq!(bench.take(9).1, ["stays"]);
    assert!(!bench.dispatcher.any_waiting());
}

/// 04/TW-23: a claim whose stream is gone is undone at the shard that made it; so is a task that was not written.
#[test]
fn a_claim_for_a_gone_stream_is_undone() {
    let mut bench = Bench::new();
    let (stream, deliveries) = bench.dispatcher.open_stream("default");
    bench.poll(stream, "charge", "a");
    bench.poll(stream, "charge", "a");
    let (polls, _) = bench.take(9);
    bench.dispatcher.deliver(1, vec![dispatch(polls[0], "unwritten")]);
    drop(deliveries);
    let unwritten = Box::new(dispatch(polls[0], "unwritten").task);
    bench.dispatcher.close(stream, vec![(1, unwritten)]);
    bench.dispatcher.deliver(1, vec![dispatch(polls[1], "late")]);
    assert_eq!(bench.told(1)[2..], ["unclaim default/unwritten attempt 3", "unclaim default/late attempt 3"]);
    assert_eq!(bench.told(0).len(), 2, "shard 0 made no claim");
}

/// 04/TW-23: a returned poll whose stream is gone is simply gone.
#[test]
fn a_returned_poll_of_a_gone_stream_is_dropped() {
    let bench = Bench::new();
    let (stream, _deliveries) = bench.dispatcher.open_stream("default");
    bench.poll(stream, "charge", "a");
    let (polls, _) = bench.take(9);
    bench.dispatcher.close(stream, Vec::new());
    bench.dispatcher.give_back(polls);
    assert_eq!(bench.take(9).1, [""; 0]);
    assert!(!bench.dispatcher.any_waiting());
}

/// 04/TW-34f: half-close withdraws waiting polls; claims in progress are delivered, then the stream finishes.
#[test]
fn half_close_waits_for_claims_in_progress() {
    let bench = Bench::new();
    let (stream, mut deliveries) = bench.dispatcher.open_stream("default");
    for _ in 0..3 {
        bench.poll(stream, "charge", "a");
    }
    let (polls, _) = bench.take(2);
    bench.dispatcher.half_close(stream);
    assert_eq!(bench.take(9).1, [""; 0], "the waiting poll is withdrawn");
    assert_eq!(received(&mut deliveries), [""; 0]);
    bench.dispatcher.deliver(0, vec![dispatch(polls[0], "task")]);
    assert_eq!(received(&mut deliveries), ["task"]);
    bench.dispatcher.give_back(vec![polls[1]]);
    assert_eq!(received(&mut deliveries), ["finished"]);
    assert_eq!(bench.take(9).1, [""; 0], "a returned poll does not wait again");
}

/// 04/TW-34f: with nothing in progress the stream finishes at once.
#[test]
fn half_close_of_an_idle_stream() {
    let bench = Bench::new();
    let (stream, mut deliveries) = bench.dispatcher.open_stream("default");
    bench.poll(stream, "charge", "a");
    bench.dispatcher.half_close(stream);
    assert_eq!(received(&mut deliveries), ["finished"]);
}

/// 04/TW-34i: shutdown cuts open and new streams, takes no polls and makes no claims.
#[test]
fn shutdown_cuts_streams() {
    let bench = Bench::new();
    let (stream, mut open) = bench.dispatcher.open_stream("default");
    bench.poll(stream, "charge", "a");
    bench.dispatcher.cut_all("going down");
    let (_, mut late) = bench.dispatcher.open_stream("default");
    assert_eq!(received(&mut open), ["cut going down"]);
    assert_eq!(received(&mut late), ["cut going down"]);
    assert_eq!(bench.take(9).1, [""; 0]);
    let refused = bench.dispatcher.poll(stream, request("charge", "a")).unwrap_err();
    assert_eq!(refused, Failure::Unavailable("going down".into()));
}

/// 04/TW-25: a claim that is not settled within 10 s cuts its stream, and no other; comes its task after all, its claim is
/// undone.
#[tokio::test(start_paused = true)]
async fn a_claim_that_takes_too_long_cuts_its_stream() {
    let mut bench = Bench::new();
    let (slow, mut deliveries) = bench.dispatcher.open_stream("default");
    let (other, mut undisturbed) = bench.dispatcher.open_stream("default");
    bench.poll(slow, "charge", "a");
    bench.poll(slow, "charge", "a");
    bench.poll(other, "charge", "b");
    let (polls, _) = bench.take(1);
    tokio::time::advance(limits::CLAIM_DEADLINE - limits::CLAIM_RECHECK).await;
    bench.dispatcher.cut_overdue();
    assert_eq!(received(&mut deliveries), [""; 0]);
    tokio::time::advance(limits::CLAIM_RECHECK).await;
    bench.dispatcher.cut_overdue();
    let why = Failure::Unavailable("Task claim could not be processed in time".into());
    assert_eq!(received(&mut deliveries), [format!("cut {why}")]);
    assert_eq!(received(&mut undisturbed), [""; 0]);
    assert_eq!(bench.take(9).1, ["b"], "its other polls do not wait any longer");
    drop(deliveries);
    bench.dispatcher.close(slow, Vec::new());
    bench.told(0);
    bench.dispatcher.deliver(0, vec![dispatch(polls[0], "late")]);
    assert_eq!(bench.told(0), ["unclaim default/late attempt 3"]);
}

/// A stream cannot make the server hold any number of polls.
#[test]
fn polls_per_stream_are_bounded() {
    let bench = Bench::new();
    let (stream, _deliveries) = bench.dispatcher.open_stream("default");
    for _ in 0..limits::MAX_WAITING_POLLS_PER_STREAM {
        bench.poll(stream, "charge", "a");
    }
    assert!(matches!(bench.dispatcher.poll(stream, request("charge", "a")), Err(Failure::Exhausted(_))));
}

/// All streams together cannot either; a poll that is answered or withdrawn makes room.
#[test]
fn polls_of_all_streams_are_bounded() {
    let bench = Bench::new();
    let long = "c".repeat(1_000_000);
    let mut streams = Vec::new();
    let refused = loop {
        let (stream, deliveries) = bench.dispatcher.open_stream("default");
        streams.push((stream, deliveries));
        if let Err(failure) = bench.dispatcher.poll(stream, request("charge", &long)) {
            break failure;
        }
    };
    assert!(matches!(refused, Failure::Exhausted(_)));
    assert_eq!(streams.len(), 10, "nine polls of a little more than a megabyte");
    let last = streams[9].0;
    bench.dispatcher.close(streams[0].0, Vec::new());
    bench.poll(last, "charge", &long);
    let (polls, _) = bench.take(1);
    bench.dispatcher.deliver(0, vec![dispatch(polls[0], "a")]);
    bench.poll(last, "charge", &long);
    assert!(bench.dispatcher.poll(last, request("charge", &long)).is_err());
}

/// Reliability fault 32: a stream that does not read gets no more tasks than it may leave unread, others get theirs, and
/// it goes on at its old place when it has read.
#[test]
fn a_stream_that_does_not_read_is_passed_over() {
    let mut bench = Bench::new();
    let (slow, mut unread) = bench.dispatcher.open_stream("default");
    let (quick, _read) = bench.dispatcher.open_stream("default");
    for _ in 0..20 {
        bench.poll(slow, "charge", "slow");
    }
    bench.poll(quick, "charge", "quick");
    let megabyte = "x".repeat(1 << 20);
    let (first, _) = bench.take(1);
    bench.dispatcher.deliver(0, vec![dispatch(first[0], &megabyte)]);
    let (polls, clients) = bench.take(10);
    assert_eq!(clients, ["slow", "slow", "slow", "quick"], "four megabytes are unread or on their way to it");
    let tasks = polls.iter().map(|poll| dispatch(*poll, &megabyte)).collect();
    bench.dispatcher.deliver(0, tasks);
    assert!(!bench.dispatcher.any_waiting());
    bench.told(0);
    unread.try_recv().unwrap();
    bench.dispatcher.taken(slow);
    assert_eq!(bench.told(0), ["wait default/charge"]);
    assert_eq!(bench.take(10).1, ["slow"]);
    bench.dispatcher.close(slow, Vec::new());
    assert!(!bench.dispatcher.any_waiting());
}

//! What a running server does: claims in the batch, reads of what was written, refusals, failures.

use std::sync::atomic::Ordering;

use lh_machine::{MachineConfig, Read, Reply, key, pb};
use prost::Message;

use super::server::{Server, Setup, TENANT, report, run_wf, wf_run_id};
use crate::{
    ports::{Failure, ShardMessage},
    shard::limits,
};

async fn server() -> Server {
    let server = Setup::new(1).start();
    server.define("chain", 3).await.unwrap();
    server
}

/// Runs `id` to its end with one poll per task.
pub async fn finish(server: &Server, id: &str) {
    server.run("chain", id).await.unwrap();
    for _ in 0..3 {
        server.poll();
        let task = server.effects.task().await;
        server.report(&task).await.unwrap();
    }
    assert_eq!(server.wf_run(id).await.status(), pb::LhStatus::Completed);
}

/// 04/TW-20, TW-21: a run goes through its tasks; each one goes to a waiting poll; reads see what was acknowledged.
#[tokio::test]
async fn a_run_goes_through_its_tasks() {
    let server = server().await;
    finish(&server, "a").await;
    let missing = server.read(0, Read::WfRun(wf_run_id("b"))).await;
    assert!(matches!(missing, Err(Failure::Rejected(rejected)) if rejected.code == lh_machine::Code::NotFound));
}

/// 04/TW-22 and the design's one round trip per task: the claim of the next task is in the log entry of the report, so a
/// task costs one sync.
#[tokio::test]
async fn the_claim_is_in_the_batch_of_the_report() {
    let server = server().await;
    server.poll();
    server.run("chain", "a").await.unwrap();
    let task = server.effects.task().await;
    server.poll();
    let before = server.setup.disk.syncs();
    server.report(&task).await.unwrap();
    assert_eq!(server.effects.undelivered().len(), 1, "the next task is with its poll when the report is answered");
    assert_eq!(server.setup.disk.syncs(), before + 1);
}

/// 04/TW-21: a poll whose claim found nothing waits on and gets a later task.
#[tokio::test]
async fn a_poll_that_was_claimed_in_vain_waits_on() {
    let server = server().await;
    server.run("chain", "a").await.unwrap();
    let first = server.poll();
    assert_eq!(server.effects.task().await.poll_id, first);
    let second = server.poll();
    // Guessed to feed the queue, but refused: the run exists.
    server.run("chain", "a").await.unwrap_err();
    server.effects.returned(second).await;
    server.run("chain", "b").await.unwrap();
    assert_eq!(server.effects.task().await.poll_id, second);
}

/// 04/TW-20: queued tasks go to a poll that comes later.
#[tokio::test]
async fn a_late_poll_gets_the_oldest_task() {
    let server = server().await;
    for id in ["a", "b", "c"] {
        server.run("chain", id).await.unwrap();
    }
    for id in ["a", "b", "c"] {
        server.poll();
        let task = server.effects.task().await;
        assert_eq!(task.task.task_run_id.unwrap().wf_run_id.unwrap().id, id);
    }
}

/// Read-your-writes for scans: after a flush the store has every record, and the record of its position with them.
#[tokio::test]
async fn a_flush_brings_the_store_up_to_date() {
    let server = server().await;
    server.run("chain", "a").await.unwrap();
    server.flush(0).await;
    let content = server.setup.stores[0].content();
    assert!(content.contains_key(&key::run(TENANT, &wf_run_id("a"))));
    assert!(content.contains_key(&key::applied()));
    let writes = server.setup.stores[0].writes();
    server.flush(0).await;
    assert_eq!(server.setup.stores[0].writes(), writes, "nothing changed, nothing is written");
}

/// I22: runs leave memory; commands, claims and reads bring them back, from the set being written or the store.
#[tokio::test]
async fn cold_runs_are_fetched() {
    let mut setup = Setup::new(1);
    setup.memory_bytes = 0;
    let server = setup.start();
    server.define("chain", 3).await.unwrap();
    let ids: Vec<String> = (0..50).map(|number| format!("run-{number:02}")).collect();
    for id in &ids {
        server.run("chain", id).await.unwrap();
    }
    for _round in 0..3 {
        server.flush(0).await;
        let mut tasks = Vec::new();
        for _ in &ids {
            server.poll();
            tasks.push(server.effects.task().await);
        }
        server.flush(0).await;
        let answers: Vec<_> = tasks.iter().map(|task| server.begin(0, report(task))).collect();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
    }
    server.flush(0).await;
    for id in &ids {
        assert_eq!(server.wf_run(id).await.status(), pb::LhStatus::Completed);
    }
    let again = server.run("chain", "run-07").await;
    assert!(matches!(again, Err(Failure::Rejected(rejected)) if rejected.code == lh_machine::Code::AlreadyExists));
}

/// A change of definitions is answered only when every run shard has applied it.
#[tokio::test]
async fn metadata_is_answered_when_all_shards_have_it() {
    let server = Setup::new(3).start();
    server.effects.hold_outbox.store(true, Ordering::SeqCst);
    let mut answer = Box::pin(server.define("chain", 1));
    let held = tokio::select! {
        biased;
        _ = &mut answer => panic!("answered before the shards have it"),
        snapshot = async { while server.meta().await.is_empty() { tokio::task::yield_now().await } server.meta().await } => snapshot,
    };
    assert_eq!(held.len(), 2);
    server.effects.release_outbox();
    assert!(matches!(answer.await, Ok(Reply::MetaWritten { sequence: 1 })));
    for shard in 0..3 {
        server.propose(shard, run_wf("chain", "a")).await.unwrap();
    }
}

/// I11, fault 11: a wall clock that goes back does not take the shard's time back.
#[tokio::test]
async fn time_never_goes_back() {
    let server = server().await;
    server.run("chain", "a").await.unwrap();
    server.setup.clock.wall_ms.store(5_000, Ordering::SeqCst);
    server.run("chain", "b").await.unwrap();
    let (a, b) = (server.wf_run("a").await, server.wf_run("b").await);
    assert_eq!(a.start_time, b.start_time);
    server.setup.clock.wall_ms.store(2_000_000, Ordering::SeqCst);
    server.run("chain", "c").await.unwrap();
    assert_eq!(server.wf_run("c").await.start_time.unwrap().seconds, 2_000);
}

/// Fault 7, I1: below the reserve new runs are refused, running ones finish; when space comes back, all is as before.
#[tokio::test]
async fn a_disk_below_its_reserve_refuses_new_runs_only() {
    let server = server().await;
    server.poll();
    server.run("chain", "a").await.unwrap();
    let task = server.effects.task().await;
    server.setup.disk.set_free(limits::RESERVE_BYTES - 1);
    let refused = loop {
        match server.run("chain", "probe").await {
            Err(Failure::Exhausted(reason)) => break reason,
            _ => tokio::task::yield_now().await,
        }
    };
    assert!(refused.contains("disk"), "{refused}");
    server.report(&task).await.unwrap();
    assert_eq!(server.wf_run("a").await.status(), pb::LhStatus::Running);
    server.setup.disk.set_free(u64::MAX);
    while let Err(failure) = server.run("chain", "b").await {
        assert!(matches!(failure, Failure::Exhausted(_)), "{failure}");
    }
}

/// Fault 7: a store without room is waited for; nothing is lost, reads go on, and who wants to scan it is refused.
#[tokio::test]
async fn a_store_without_room_is_waited_for() {
    let server = server().await;
    server.setup.stores[0].fail(Some(std::io::ErrorKind::StorageFull));
    server.run("chain", "a").await.unwrap();
    let (answer, flushed) = tokio::sync::oneshot::channel();
    server.send(0, ShardMessage::Flush { answer });
    while !matches!(server.run("chain", "b").await, Err(Failure::Exhausted(_))) {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.wf_run("a").await.status(), pb::LhStatus::Running);
    assert!(matches!(flushed.await.unwrap(), Err(Failure::Exhausted(_))), "whoever waited already");
    let (answer, flushed) = tokio::sync::oneshot::channel();
    server.send(0, ShardMessage::Flush { answer });
    assert!(matches!(flushed.await.unwrap(), Err(Failure::Exhausted(_))), "whoever comes later");
    server.setup.stores[0].fail(None);
    loop {
        let (answer, flushed) = tokio::sync::oneshot::channel();
        server.send(0, ShardMessage::Flush { answer });
        match flushed.await.unwrap() {
            Ok(()) => break,
            Err(failure) => assert!(matches!(failure, Failure::Exhausted(_)), "{failure}"),
        }
        tokio::task::yield_now().await;
    }
    assert!(server.setup.stores[0].content().contains_key(&key::run(TENANT, &wf_run_id("a"))));
    assert!(server.failures.lock().unwrap().is_empty());
}

/// Fault 8, I1: after a failed sync the hook is called and nothing is acknowledged.
#[tokio::test]
async fn a_failed_sync_stops_the_server_loudly() {
    let server = server().await;
    server.setup.disk.fail_sync(1);
    let answer = server.begin(0, run_wf("chain", "a"));
    assert!(server.failure().await.contains("injected sync failure"));
    drop(server.crash());
    assert!(answer.await.is_err(), "nobody is told that it was done");
}

/// A store that fails otherwise than by a full disk stops the shard loudly.
#[tokio::test]
async fn a_failing_store_stops_the_shard_loudly() {
    let server = server().await;
    server.setup.stores[0].fail(Some(std::io::ErrorKind::InvalidData));
    server.run("chain", "a").await.unwrap();
    assert!(server.failure().await.contains("store: writing failed"));
    assert!(matches!(server.run("chain", "b").await, Err(Failure::Unavailable(_))));
}

/// Metadata entries come as a snapshot with versions.
#[tokio::test]
async fn metadata_can_be_read_as_a_snapshot() {
    let server = server().await;
    let before = server.meta().await;
    server.define("other", 1).await.unwrap();
    let after = server.meta().await;
    assert_eq!((before.len(), after.len()), (2, 3));
    let task_def = key::meta(key::MetaKind::TaskDef, TENANT, "task", &[]);
    assert!(after[&task_def].version > before[&task_def].version);
    assert!(pb::TaskDef::decode(&*after[&task_def].value).is_ok());
    assert_eq!(server.effects.undelivered().len(), 0);
    let meta = server.propose(MachineConfig::META_SHARD, run_wf("chain", "a")).await;
    assert!(meta.is_err(), "the metadata group runs nothing");
}

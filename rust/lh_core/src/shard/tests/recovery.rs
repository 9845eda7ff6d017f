//! Restarts: what was acknowledged is there, what was claimed is not claimed again, what does not fit is refused.

use std::collections::BTreeMap;

use lh_machine::{
    internal::{TimerDue, command::Kind},
    key, pb,
};

use super::{
    server::{Server, Setup, report, wf_run_id},
    service::finish,
};
use crate::{
    ports::{Disk, Failure, Store},
    shard::{OpenError, testing::MemoryStore},
};

async fn server() -> Server {
    let server = Setup::new(1).start();
    server.define("chain", 3).await.unwrap();
    server
}

/// The store without the record of its position: a restart adds an entry of its own to the log.
async fn records(server: &Server) -> BTreeMap<Vec<u8>, Vec<u8>> {
    server.flush(0).await;
    let mut content = server.setup.stores[0].content();
    content.remove(&key::applied());
    content
}

/// I1, I16: a crash before anything was persisted: the log alone gives the same records, byte by byte.
#[tokio::test]
async fn the_log_alone_gives_the_same_state() {
    let server = server().await;
    finish(&server, "done").await;
    server.poll();
    server.run("chain", "claimed").await.unwrap();
    server.effects.task().await;
    server.run("chain", "queued").await.unwrap();
    let before = records(&server).await;
    let server = server.crash().start();
    assert_eq!(server.wf_run("done").await.status(), pb::LhStatus::Completed);
    assert_eq!(records(&server).await, before);
}

/// 04/TW-22, TW-23, TW-24: a claimed attempt is not delivered again after a crash and its report still counts; a queued
/// one is delivered.
#[tokio::test]
async fn claims_survive_a_crash() {
    let server = server().await;
    server.poll();
    server.run("chain", "claimed").await.unwrap();
    let claimed = server.effects.task().await;
    server.run("chain", "queued").await.unwrap();
    let server = server.crash().start();
    let poll = server.poll();
    let task = server.effects.task().await;
    assert_eq!(task.poll_id, poll);
    assert_eq!(task.task.task_run_id.as_ref().unwrap().wf_run_id, Some(wf_run_id("queued")));
    server.report(&claimed).await.unwrap();
    server.poll();
    let next = server.effects.task().await;
    assert_eq!(next.task.task_run_id.unwrap().wf_run_id, Some(wf_run_id("claimed")));
    assert!(server.effects.undelivered().is_empty());
}

/// I1: crash after crash with a store that persisted at some point in between; nothing acknowledged is lost.
#[tokio::test]
async fn crash_after_crash_loses_nothing() {
    let mut server = server().await;
    for round in 0..5 {
        for number in 0..20 {
            server.run("chain", &format!("run-{round}-{number}")).await.unwrap();
        }
        if round % 2 == 1 {
            server.flush(0).await;
            server.setup.stores[0].persist().unwrap();
        }
        server = server.crash().start();
    }
    for round in 0..5 {
        for number in 0..20 {
            assert_eq!(server.wf_run(&format!("run-{round}-{number}")).await.status(), pb::LhStatus::Running);
        }
    }
    for _ in 0..100 {
        server.poll();
        server.effects.task().await;
    }
}

/// A polite stop leaves everything in the store; a restart goes on from there.
#[tokio::test]
async fn a_stopped_server_goes_on() {
    let server = server().await;
    server.poll();
    server.run("chain", "a").await.unwrap();
    let task = server.effects.task().await;
    let answer = server.begin(0, report(&task));
    let setup = server.stop().await;
    answer.await.unwrap().unwrap();
    let server = setup.start();
    for _ in 0..2 {
        server.poll();
        let task = server.effects.task().await;
        server.report(&task).await.unwrap();
    }
    assert_eq!(server.wf_run("a").await.status(), pb::LhStatus::Completed);
    assert_eq!(server.meta().await.len(), 2);
}

/// Fault 7: a server whose disk is full still stops, and what it acknowledged is there when it has room again.
#[tokio::test]
async fn a_server_with_a_full_disk_stops() {
    let server = server().await;
    server.run("chain", "a").await.unwrap();
    server.setup.disk.set_free(0);
    while !matches!(server.run("chain", "b").await, Err(Failure::Exhausted(_))) {
        tokio::task::yield_now().await;
    }
    let server = server.stop().await.start();
    assert_eq!(server.wf_run("a").await.status(), pb::LhStatus::Running);
}

/// I10: wake-ups are armed again after a crash, from the log or from the store, and work.
#[tokio::test]
async fn sleepers_are_armed_again() {
    for persisted in [false, true] {
        let server = Setup::new(1).start();
        server.define("sleeper", 0).await.unwrap();
        server.run("sleeper", "a").await.unwrap();
        let arm = server.effects.timer("a").await;
        if persisted {
            server.flush(0).await;
            server.setup.stores[0].persist().unwrap();
        }
        let server = server.crash().start();
        assert_eq!(server.effects.timer("a").await, arm);
        server.setup.clock.wall_ms.store(arm.due_ms, std::sync::atomic::Ordering::SeqCst);
        let due = TimerDue { wf_run_id: Some(wf_run_id("a")), due_ms: arm.due_ms };
        server.propose(0, Kind::TimerDue(due)).await.unwrap();
        assert_eq!(server.wf_run("a").await.status(), pb::LhStatus::Completed);
    }
}

/// An undelivered change of definitions is sent again after a crash and arrives once.
#[tokio::test]
async fn undelivered_definitions_arrive_after_a_crash() {
    let server = Setup::new(2).start();
    server.effects.hold_outbox.store(true, std::sync::atomic::Ordering::SeqCst);
    let define = server.define("chain", 1);
    tokio::select! {
        biased;
        _ = define => panic!("answered before the shards have it"),
        () = async { while server.meta().await.is_empty() { tokio::task::yield_now().await } } => {}
    }
    let server = server.crash().start();
    server.define("other", 1).await.unwrap();
    server.run("chain", "a").await.unwrap();
}

/// I22: the log is cut behind what the store persisted, and a crash after it starts from there.
#[tokio::test]
async fn the_log_is_cut_and_stays_bounded() {
    let mut setup = Setup::new(1);
    setup.log.segment_bytes = 16 << 10;
    setup.log.persist_bytes = 32 << 10;
    let server = setup.start();
    server.define("chain", 3).await.unwrap();
    let first = server.setup.disk.list().unwrap()[0].clone();
    let mut number = 0;
    while server.setup.disk.list().unwrap().contains(&first) {
        number += 1;
        server.run("chain", &format!("run-{number}")).await.unwrap();
        server.flush(0).await;
    }
    let server = server.crash().start();
    for number in 1..=number {
        assert_eq!(server.wf_run(&format!("run-{number}")).await.status(), pb::LhStatus::Running);
    }
    server.run("chain", "after").await.unwrap();
}

/// I21: a store that knows more than the log, or less than the log was cut behind, or another shard count, is refused.
#[tokio::test]
async fn what_does_not_belong_together_is_refused() {
    let server = server().await;
    server.run("chain", "a").await.unwrap();
    let stopped = server.stop().await;

    let mut lost_log = stopped.clone();
    lost_log.disk = Setup::new(1).disk;
    assert!(matches!(lost_log.try_open(), Err(OpenError::StoreAhead { shard: 0, log: 0, .. })));

    let mut lost_store = stopped.clone();
    lost_store.stores[0] = MemoryStore::default();
    assert!(matches!(lost_store.try_open(), Err(OpenError::StoreBehind { shard: 0, store: 0, .. })));

    let mut damaged = stopped.clone();
    damaged.stores[0] = stopped.stores[0].crash();
    damaged.stores[0].write(&[(key::applied(), Some(vec![1, 0xFF]))].into()).unwrap();
    assert!(matches!(damaged.try_open(), Err(OpenError::Damaged { shard: 0, .. })));

    let server = Setup::new(2).start();
    server.define("chain", 1).await.unwrap();
    let mut fewer = server.stop().await;
    fewer.stores.remove(0);
    assert!(matches!(fewer.try_open(), Err(OpenError::UnknownShard { shard: 1, run_shards: 1 })));
    assert!(stopped.try_open().is_ok());
}

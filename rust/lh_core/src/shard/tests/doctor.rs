//! The doctor finds nothing on what servers leave behind, and each thing that was broken on purpose (I18, I19, I21).

use std::sync::Arc;

use lh_machine::key;

use super::{
    server::{Server, Setup, wf_run_id},
    service::finish,
};
use crate::{
    ports::{Disk, Store},
    shard::{
        doctor::{Finding, Patient, examine},
        log::Kind,
    },
};

const TENANT: &str = "default";

fn look(setup: &Setup) -> Vec<Finding> {
    look_with(setup, None)
}

fn look_with(setup: &Setup, whole_log: Option<Arc<dyn Disk>>) -> Vec<Finding> {
    let stores = setup.stores.iter().map(|store| Some(Arc::new(store.clone()) as Arc<dyn Store>)).collect();
    let disk = Arc::new(setup.disk.clone());
    let cluster = setup.log.cluster;
    examine(&Patient { disk, whole_log, cluster, run_shards: 1, stores, shard_of: &|_, _| 0 })
}

fn problems(setup: &Setup) -> Vec<String> {
    let bad = look(setup).into_iter().filter(|finding| !finding.is_sound);
    bad.map(|finding| format!("{}: {}", finding.part, finding.text)).collect()
}

fn only_problem(setup: &Setup) -> String {
    let problems = problems(setup);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

/// A server with a finished, a queued, a claimed and a sleeping run.
async fn busy() -> Server {
    let server = Setup::new(1).start();
    server.define("chain", 3).await.unwrap();
    server.define("sleeper", 0).await.unwrap();
    finish(&server, "done").await;
    server.run("sleeper", "asleep").await.unwrap();
    server.poll();
    server.run("chain", "claimed").await.unwrap();
    server.effects.task().await;
    server.run("chain", "queued").await.unwrap();
    server
}

/// The same, stopped politely: everything is in the stores.
async fn stopped() -> Setup {
    busy().await.stop().await
}

/// The one key of this table that holds the text.
fn key_with(setup: &Setup, table: u8, text: &str) -> Vec<u8> {
    let content = setup.stores[0].content();
    let holds = |key: &Vec<u8>| key[0] == table && key.windows(text.len()).any(|part| part == text.as_bytes());
    content.into_keys().find(holds).unwrap()
}

fn write(setup: &Setup, key: Vec<u8>, value: Option<Vec<u8>>) {
    setup.stores[0].write(&[(key, value)].into()).unwrap();
}

#[tokio::test]
async fn nothing_is_wrong_with_what_servers_leave() {
    let stopped = stopped().await;
    assert_eq!(problems(&stopped), Vec::<String>::new());
    let text = look(&stopped).into_iter().map(|finding| finding.text).collect::<Vec<_>>().join("\n");
    assert!(text.contains("4 runs (3 live)") && text.contains("1 queued tasks, 2 wake-ups"), "{text}");
    let crashed = busy().await.crash();
    assert_eq!(problems(&crashed), Vec::<String>::new(), "replayed from the log alone");
    let server = busy().await;
    server.flush(0).await;
    server.setup.stores[0].persist().unwrap();
    server.run("chain", "later").await.unwrap();
    let text = format!("{:?}", look(&server.crash()));
    assert!(
        text.contains("4 runs (3 live)") && text.contains("5 runs (4 live)"),
        "before and after the replay: {text}"
    );
}

/// I16: from the first entry on, whether the store has everything or the log goes on behind it.
#[tokio::test]
async fn the_whole_log_gives_what_the_store_holds() {
    let server = busy().await;
    server.flush(0).await;
    server.setup.stores[0].persist().unwrap();
    server.run("chain", "later").await.unwrap();
    for setup in [stopped().await, server.crash()] {
        let log = Arc::new(setup.disk.clone());
        let findings = look_with(&setup, Some(log.clone()));
        assert!(findings.iter().all(|finding| finding.is_sound), "{findings:?}");
        let same = findings.iter().filter(|finding| finding.text.contains("byte for byte"));
        assert_eq!(same.count(), 2, "a run shard and metadata: {findings:?}");
        // An outcome that no entry of the log has.
        let key = key_with(&setup, key::TABLE_TREE, "done");
        let mut record = setup.stores[0].content()[&key].clone();
        record.extend(b"\xFA\x7F\x00");
        write(&setup, key, Some(record));
        let text = format!("{:?}", look_with(&setup, Some(log)));
        assert!(text.contains("1 records differ") && text.contains("differs between store and replay"), "{text}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    for (table, text, words) in [
        (key::TABLE_INDEX, "done", "index entry"),
        (key::TABLE_QUEUE, "task", "queue entry"),
        (key::TABLE_WAKE, "asleep", "wake-up"),
    ] {
        let setup = stopped().await;
        write(&setup, key_with(&setup, table, text), None);
        let problem = only_problem(&setup);
        assert!(problem.contains(words) && problem.contains("is missing"), "{problem}");
        assert!(problem.contains(text), "{problem}");
    }
}

#[tokio::test]
async fn what_belongs_to_nobody_is_named() {
    let setup = stopped().await;
    write(&setup, key::wake(5, TENANT, &wf_run_id("nobody")), Some(Vec::new()));
    let problem = only_problem(&setup);
    assert!(
        problem.contains("wake-up") && problem.contains("nobody") && problem.contains("belongs to no run"),
        "{problem}"
    );

    // A run without its record: its index entries are left, of which every one is told.
    let setup = stopped().await;
    write(&setup, key::run(TENANT, &wf_run_id("done")), None);
    let problems = problems(&setup);
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem.contains("done")), "{problems:?}");
}

#[tokio::test]
async fn a_stale_place_in_a_queue_is_no_problem() {
    let setup = stopped().await;
    let queued = key_with(&setup, key::TABLE_QUEUE, "task");
    let value = setup.stores[0].content()[&queued].clone();
    write(&setup, key::queue(TENANT, "task", 7), Some(value));
    assert_eq!(problems(&setup), Vec::<String>::new(), "04/TW-18: dropped when it is claimed");
}

#[tokio::test]
async fn records_that_cannot_be_read_are_named() {
    let setup = stopped().await;
    write(&setup, key::run(TENANT, &wf_run_id("done")), Some(vec![key::FORMAT, 0xFF]));
    assert!(problems(&setup)[0].contains("run record"), "{:?}", problems(&setup));
    let setup = stopped().await;
    write(&setup, key_with(&setup, key::TABLE_QUEUE, "task"), Some(vec![9]));
    let problem = only_problem(&setup);
    assert!(problem.contains("damaged") && problem.contains("format version 9"), "{problem}");
    let setup = stopped().await;
    let run = setup.stores[0].content()[&key::run(TENANT, &wf_run_id("done"))].clone();
    write(&setup, key::run(TENANT, &wf_run_id("other")), Some(run));
    assert!(only_problem(&setup).contains("the record is that of another run"));
}

#[tokio::test]
async fn definitions_that_never_arrived_are_named() {
    let setup = stopped().await;
    let key = key_with(&setup, key::TABLE_DEFINITION, "task");
    write(&setup, key, None);
    let problem = only_problem(&setup);
    assert!(problem.contains("TaskDef task") && problem.contains("differs from metadata"), "{problem}");
}

/// Faults 36 and 37: a store and a log of different age.
#[tokio::test]
async fn what_does_not_belong_together_is_named() {
    let setup = stopped().await;
    let empty = Setup::new(1);
    let lost_log = Setup { disk: empty.disk.clone(), ..setup.clone() };
    let told = problems(&lost_log);
    assert!(told[0].contains("stands at entry"), "{told:?}");
    let record = lh_machine::key::applied();
    assert!(setup.stores[0].content().contains_key(&record));
    let lost_store = Setup { stores: empty.stores, ..setup };
    let told = problems(&lost_store);
    assert!(told.len() == 2 && told.iter().all(|text| text.contains("older than its log or was lost")), "{told:?}");
}

/// Fault 4: the doctor says what a start would say, and looks at the stores all the same.
#[tokio::test]
async fn a_damaged_log_is_named() {
    let setup = stopped().await;
    setup.disk.damage("log-0000000000000001.seg", |bytes| bytes[300] ^= 1);
    let problem = only_problem(&setup);
    assert!(problem.starts_with("log: ") && problem.contains("is damaged at offset"), "{problem}");
    assert!(look(&setup).iter().any(|finding| finding.is_sound && finding.part == "shard 0"));
}

/// A batch that a newer version wrote, or a bug: told with its place.
#[tokio::test]
async fn an_entry_that_cannot_be_read_is_named() {
    let setup = stopped().await;
    let (mut log, recovered) = crate::shard::log::Log::open(Arc::new(setup.disk.clone()), setup.log).unwrap();
    let index = recovered[&0].last_index() + 1;
    let record = |index, payload| crate::shard::log::Record { shard: 0, kind: Kind::Entry, term: 9, index, payload };
    log.append(&[record(index, vec![0xFF; 9])]).unwrap();
    let problem = only_problem(&setup);
    assert!(problem.contains(&format!("log entry {index} cannot be read")), "{problem}");
}

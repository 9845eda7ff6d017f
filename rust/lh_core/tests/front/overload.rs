//! More than the front takes: connections, calls, large answers that nobody reads. Each is refused clearly, and others are
//! served.

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use lh_machine::pb;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::bench::Bench;

const MEBIBYTE: usize = 1 << 20;
const VERSION: &str = "/littlehorse.LittleHorse/GetServerVersion";

/// A connection whose client reads nothing of a stream beyond the smallest window, unless asked to.
async fn connect(bench: &Bench) -> (SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(bench.address).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    (requests, tokio::spawn(connection))
}

async fn send(
    bench: &Bench,
    requests: &SendRequest<Bytes>,
    rpc: &str,
    message: Bytes,
) -> Result<h2::client::ResponseFuture, h2::Error> {
    let request = Request::builder()
        .method("POST")
        .uri(format!("http://{}/littlehorse.LittleHorse/{rpc}", bench.address))
        .header("content-type", "application/grpc");
    let mut ready = requests.clone().ready().await?;
    let (response, mut body) = ready.send_request(request.body(()).unwrap(), false)?;
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    body.send_data(framed.into(), true)?;
    Ok(response)
}

fn assert_retryable(refused: &Status) {
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_millis() > 0, "08/Q-7, Q-8");
}

/// Reliability 4.1: the calls of a connection too many are refused with RetryInfo, and it is closed; those that are there
/// are served, and a place that becomes free is given away.
#[tokio::test]
async fn connections_beyond_the_limit() {
    let bench = Bench::start_with(2, 1 << 30).await;
    let client = bench.client().await;
    let _: pb::LittleHorseVersion = client.call(VERSION, ()).await.unwrap();
    let (second, served) = connect(&bench).await;
    let answer = send(&bench, &second, "GetServerVersion", Bytes::new()).await.unwrap().await.unwrap();
    assert!(Status::from_header_map(answer.headers()).is_none());
    for _ in 0..3 {
        let (third, refused) = connect(&bench).await;
        let answer = send(&bench, &third, "GetServerVersion", Bytes::new()).await.unwrap().await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_retryable(&status);
        assert!(status.message().contains("too many connections"), "{status}");
        // The server ends it, although the client would stay.
        let _ = refused.await.unwrap();
    }
    let _: pb::LittleHorseVersion = client.call(VERSION, ()).await.unwrap();
    served.abort();
    loop {
        let (third, _connection) = connect(&bench).await;
        let answer = send(&bench, &third, "GetServerVersion", Bytes::new()).await.unwrap().await.unwrap();
        match Status::from_header_map(answer.headers()) {
            Some(refused) => assert_retryable(&refused),
            None => break,
        }
    }
}

/// 08/Q-8: a call too many, over all connections, is refused with RetryInfo; one that ends makes room.
#[tokio::test]
async fn calls_beyond_the_limit() {
    let bench = Bench::start_with(10, 16 * 4096).await;
    let mut streams = Vec::new();
    let refused = loop {
        match bench.client().await.poll_task().await {
            Ok(stream) => streams.push(stream),
            Err(refused) => break refused,
        }
    };
    assert_retryable(&refused);
    assert_eq!(streams.len(), 8, "half of the memory is for calls of 4 KiB");
    let client = bench.client().await;
    assert_retryable(&client.call::<_, pb::LittleHorseVersion>(VERSION, ()).await.unwrap_err());
    streams.pop();
    while let Err(refused) = client.call::<_, pb::LittleHorseVersion>(VERSION, ()).await {
        assert_retryable(&refused);
    }
}

/// Reliability fault 32: large answers that clients do not read are bounded together; a read beyond it is refused with
/// RetryInfo, what was done is answered all the same, and small answers go on.
#[tokio::test]
async fn large_answers_that_nobody_reads() {
    let mut bench = Bench::start_with(10, 16 * MEBIBYTE).await;
    let (requests, _connection) = connect(&bench).await;
    let mut unread = Vec::new();
    let refused = loop {
        let answer = send(&bench, &requests, "GetWfSpec", Bytes::new()).await.unwrap();
        let call = bench.cold.recv().await.unwrap();
        call.answer.send(Ok(vec![7; MEBIBYTE])).unwrap();
        drop(call.charge);
        let response = answer.await.unwrap();
        if let Some(status) = Status::from_header_map(response.headers()) {
            break status;
        }
        unread.push(response);
    };
    assert_retryable(&refused);
    assert_eq!(unread.len(), 7, "half of the memory is for large messages, which are framed");
    let done = send(&bench, &requests, "PutWfSpec", Bytes::new()).await.unwrap();
    bench.cold.recv().await.unwrap().answer.send(Ok(vec![7; MEBIBYTE])).unwrap();
    unread.push(done.await.unwrap());
    let _: pb::LittleHorseVersion = bench.client().await.call(VERSION, ()).await.unwrap();
    unread.clear();
    loop {
        let answer = send(&bench, &requests, "GetWfSpec", Bytes::new()).await.unwrap();
        bench.cold.recv().await.unwrap().answer.send(Ok(vec![7; MEBIBYTE])).unwrap();
        match Status::from_header_map(answer.await.unwrap().headers()) {
            Some(refused) => assert_retryable(&refused),
            None => break,
        }
    }
}

/// Large requests wait for Python within the same bound, also when their callers have gone (08/X-4).
#[tokio::test]
async fn large_requests_that_wait() {
    let mut bench = Bench::start_with(10, 16 * MEBIBYTE).await;
    let (requests, connection) = connect(&bench).await;
    let mut waiting = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..7 {
        answers.push(send(&bench, &requests, "PutWfSpec", vec![7; MEBIBYTE].into()).await.unwrap());
        waiting.push(bench.cold.recv().await.unwrap());
    }
    let (other, _connection) = connect(&bench).await;
    let too_many = send(&bench, &other, "PutWfSpec", vec![7; 2 * MEBIBYTE].into()).await.unwrap();
    assert_retryable(&Status::from_header_map(too_many.await.unwrap().headers()).unwrap());
    connection.abort();
    let still = send(&bench, &other, "PutWfSpec", vec![7; 2 * MEBIBYTE].into()).await.unwrap();
    assert_retryable(&Status::from_header_map(still.await.unwrap().headers()).unwrap());
    waiting.clear();
    let _taken = send(&bench, &other, "PutWfSpec", vec![7; 2 * MEBIBYTE].into()).await.unwrap();
    assert_eq!(bench.cold.recv().await.unwrap().request.len(), 2 * MEBIBYTE);
}

/// A poll is ids and names; what is larger is refused, and its stream with it.
#[tokio::test]
async fn a_huge_poll() {
    let bench = Bench::start().await;
    let mut stream = bench.client().await.poll_task().await.unwrap();
    stream.poll(&"x".repeat(100_000));
    assert_eq!(stream.end().await.0, Code::InvalidArgument);
}

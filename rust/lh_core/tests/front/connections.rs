//! Connections: limits, pings, things that are not gRPC, the health service.

use std::time::Duration;

use h2::Reason;
use http::{Request, StatusCode};
use lh_machine::pb;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};

use crate::bench::Bench;

async fn http2(
    bench: &Bench,
) -> (h2::client::SendRequest<bytes::Bytes>, h2::client::Connection<TcpStream, bytes::Bytes>) {
    let stream = TcpStream::connect(bench.address).await.unwrap();
    h2::client::handshake(stream).await.unwrap()
}

fn request(bench: &Bench, method: &str, content_type: &str) -> Request<()> {
    Request::builder()
        .method(method)
        .uri(format!("http://{}/littlehorse.LittleHorse/GetServerVersion", bench.address))
        .header("content-type", content_type)
        .body(())
        .unwrap()
}

/// 04/TW-34j, 08/X-6: pings without any call, far more often than clients send them, never end the connection.
#[tokio::test]
async fn pings_are_tolerated() {
    let bench = Bench::start().await;
    let (_requests, mut connection) = http2(&bench).await;
    let mut pings = connection.ping_pong().unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..500 {
        pings.ping(h2::Ping::opaque()).await.unwrap();
    }
    assert!(!connection.is_finished());
}

/// The settings that a client is told: streams per connection and header size (08/X-9: at least 8 KiB of metadata).
#[tokio::test]
async fn limits_are_announced() {
    let bench = Bench::start().await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut header = [0; 9];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header[3], 4, "the first frame is SETTINGS");
    let mut settings = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let value = |id: u16| {
        let setting = settings.chunks(6).find(|setting| setting[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(setting[2..].try_into().unwrap()))
    };
    assert_eq!(value(3), Some(1_000), "MAX_CONCURRENT_STREAMS");
    assert_eq!(value(6), Some(16 * 1024), "MAX_HEADER_LIST_SIZE");
}

/// 08/X-9: 8 KiB of metadata pass; more than the limit is refused, and the connection goes on.
#[tokio::test]
async fn header_size() {
    let bench = Bench::start().await;
    let (requests, connection) = http2(&bench).await;
    tokio::spawn(connection);
    for (length, expected) in [(8 * 1024, StatusCode::OK), (20 * 1024, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
        let mut request = request(&bench, "POST", "application/grpc");
        request.headers_mut().insert("authorization", "t".repeat(length).parse().unwrap());
        let mut ready = requests.clone().ready().await.unwrap();
        let (response, mut body) = ready.send_request(request, false).unwrap();
        let _ = body.send_data(bytes::Bytes::from_static(&[0; 5]), true);
        assert_eq!(response.await.unwrap().status(), expected, "{length}");
    }
}

/// What is not gRPC gets a plain HTTP status.
#[tokio::test]
async fn plain_http_requests() {
    let bench = Bench::start().await;
    let (requests, connection) = http2(&bench).await;
    tokio::spawn(connection);
    for (method, content_type, expected) in [
        ("GET", "application/grpc", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "application/json", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let mut ready = requests.clone().ready().await.unwrap();
        let (response, _) = ready.send_request(request(&bench, method, content_type), true).unwrap();
        assert_eq!(response.await.unwrap().status(), expected);
    }
}

/// Reliability 4.1, rapid reset: a client that opens and resets streams without end loses its connection, others do not.
#[tokio::test]
async fn rapid_reset() {
    let bench = Bench::start().await;
    let (requests, connection) = http2(&bench).await;
    let connection = tokio::spawn(connection);
    for _ in 0..100_000 {
        let Ok(mut ready) = requests.clone().ready().await else { break };
        let Ok((_, mut body)) = ready.send_request(request(&bench, "POST", "application/grpc"), false) else { break };
        body.send_reset(Reason::CANCEL);
    }
    let ended = tokio::time::timeout(Duration::from_secs(60), connection).await.unwrap().unwrap();
    assert!(ended.is_err(), "the connection ends with an error: GOAWAY, or a closed socket if that came first");
    let version: pb::LittleHorseVersion =
        bench.client().await.call("/littlehorse.LittleHorse/GetServerVersion", ()).await.unwrap();
    assert_eq!(version.major_version, 1);
}

/// 08/H-2: the standard health service on the same port.
#[tokio::test]
async fn health() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    for service in ["", "littlehorse.LittleHorse"] {
        let request = HealthCheckRequest { service: service.into() };
        let answer: HealthCheckResponse = client.call("/grpc.health.v1.Health/Check", request).await.unwrap();
        assert_eq!(answer.status, ServingStatus::Serving as i32);
    }
}

/// A frame of a message that is cut off by the end of the request is an error of that call only.
#[tokio::test]
async fn a_message_that_is_cut_off() {
    let bench = Bench::start().await;
    let (requests, connection) = http2(&bench).await;
    tokio::spawn(connection);
    let mut ready = requests.clone().ready().await.unwrap();
    let (response, mut body) = ready.send_request(request(&bench, "POST", "application/grpc"), false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0, 0, 0, 0, 9, 1]), true).unwrap();
    let headers = response.await.unwrap();
    assert_eq!(headers.headers()["grpc-status"], "13");
    let version: pb::LittleHorseVersion =
        bench.client().await.call("/littlehorse.LittleHorse/GetServerVersion", ()).await.unwrap();
    assert!(version.encoded_len() > 0);
}

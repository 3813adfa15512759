//! Clients and backends of HTTP/2 that are slow or silent inside an exchange.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::{Body, Bytes, Frame as Piece, Incoming},
    client::conn::http2::{SendRequest, handshake},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::{
    backend::Backend,
    frames::{
        Client, DATA, END_STREAM, HEADERS, PREFACE, RST_STREAM, WINDOW,
        WINDOW_UPDATE, frame, settings,
    },
    stage::{DEADLINE, Stage, one_response, status},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

fn config(backend: SocketAddr, to_http2: &str, limits: &str) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{backend}'], \
         http2: {to_http2}, timeouts: {{first_byte: 2s, idle: 2s}}}}]\n\
         limits: {{{limits}}}\n"
    )
}

pub(crate) async fn stage(backend: SocketAddr, limits: &str) -> Stage {
    Stage::of(&config(backend, "false", limits)).await
}

/// Requests under way at the backend.
fn active(stage: &Stage) -> bool {
    let text = stage.gateway.metrics_text().unwrap();
    let name = "backend_connections{backend=\"app\",state=\"active\"}";
    !text.contains(&format!("{name} 0"))
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_stream_and_frees_the_backend() {
    let backend = Backend::start().await;
    let stage = stage(backend.address, "").await;
    let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
    client.ask(1, "GET", "/big/3000000").await;
    client.find(HEADERS, 1).await;
    assert!(active(&stage));
    let begun = Instant::now();
    let reset = client.find(RST_STREAM, 1).await;
    assert_eq!(reset.payload, 8_u32.to_be_bytes(), "CANCEL");
    assert!(begun.elapsed() >= 9 * SECOND, "in a hurry");
    assert!(begun.elapsed() < 20 * SECOND, "too late");
    assert!(!active(&stage), "the backend is still held");
    // The connection lives: another stream of it is answered.
    client.ask(3, "GET", "/status/204").await;
    client.find(HEADERS, 3).await;
}

/// All answers are short, so the gateway has given all of them to hyper long
/// before the client has read them.
#[tokio::test]
async fn a_client_that_reads_slowly_gets_the_rest_of_its_answers() {
    const STREAMS: usize = 250;
    const LENGTH: usize = 32_000;
    const PORTION: usize = 16_000;
    let backend = Backend::start().await;
    let limits = "idle_timeout: 1s, h2_streams: 250";
    let stage = stage(backend.address, limits).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(stage.address()).await.unwrap();
    let mut client = Client::silent(stream);
    let room = 1_u32 << 30;
    client.send(PREFACE).await;
    client.send(&settings(&[(WINDOW, room)])).await;
    client.send(&frame(WINDOW_UPDATE, 0, 0, &room.to_be_bytes())).await;
    for at in 0..STREAMS {
        let stream = u32::try_from(2 * at + 1).unwrap();
        client.ask(stream, "GET", &format!("/big/{LENGTH}")).await;
    }
    // Longer than `idle_timeout` and the farewell.
    let (begun, mut read, mut ends) = (Instant::now(), 0, 0);
    while ends < STREAMS {
        let frame = client.next().await.expect("all answers are whole");
        if frame.kind == DATA {
            let portions = read / PORTION;
            read += frame.payload.len();
            ends += usize::from(frame.flags & END_STREAM);
            if read / PORTION > portions && begun.elapsed() < 14 * SECOND {
                tokio::time::sleep(SECOND / 20).await;
            }
        }
    }
    assert_eq!(read, STREAMS * LENGTH);
    assert!(begun.elapsed() >= 14 * SECOND, "it was not slow");
    // Now it is idle.
    client.end(15 * SECOND).await;
}

type Sent = BoxBody<Bytes, Infallible>;

async fn library(address: SocketAddr) -> SendRequest<Sent> {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) =
        handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A body that sends a piece now and then.
struct Drip {
    pieces: usize,
    size: usize,
    every: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Drip {
    fn of(pieces: usize, size: usize, every: Duration) -> Sent {
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        BoxBody::new(Self { pieces, size, every, sleep })
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Infallible>>> {
        if self.pieces == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.sleep.as_mut().poll(cx));
        let next = tokio::time::Instant::now() + self.every;
        self.sleep.as_mut().reset(next);
        self.pieces -= 1;
        let piece = Bytes::from(vec![b'x'; self.size]);
        Poll::Ready(Some(Ok(Piece::data(piece))))
    }
}

fn post(path: &str, body: Sent) -> Request<Sent> {
    let uri = format!("http://shop.example{path}");
    Request::builder().method("POST").uri(uri).body(body).unwrap()
}

fn get(path: &str) -> Request<Sent> {
    let uri = format!("http://shop.example{path}");
    Request::builder().uri(uri).body(Full::default().boxed()).unwrap()
}

async fn outcome(
    sender: &mut SendRequest<Sent>,
    request: Request<Sent>,
) -> (u16, Option<Bytes>) {
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    (status, body.ok().map(http_body_util::Collected::to_bytes))
}

/// What a backend of HTTP/2 does, by the path.
async fn behave(
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/hang" => {
            tokio::time::sleep(60 * SECOND).await;
        }
        "/silent" => {
            // Three seconds of a body, then none for a minute.
            let body =
                [Drip::of(6, 10, SECOND / 2), Drip::of(2, 10, 60 * SECOND)];
            let [first, second] = body;
            return Ok(Response::new(BoxBody::new(Chain(first, second))));
        }
        "/talk" => {
            // The head at once, the body when the request is whole.
            let whole = tokio::spawn(request.into_body().collect());
            return Ok(Response::new(BoxBody::new(Later(Some(whole)))));
        }
        "/held" => {
            // A large body, and what is sent is not read; until it is reset.
            let held = Held(request.into_body());
            return Ok(Response::new(BoxBody::new(held)));
        }
        "/big" => {
            let large = Full::new(Bytes::from(vec![b'x'; 3_000_000]));
            return Ok(Response::new(large.boxed()));
        }
        _ => {}
    }
    let body = request.into_body().collect().await;
    let length = body.map_or(0, |body| body.to_bytes().len());
    let count = Full::new(Bytes::from(length.to_string()));
    Ok(Response::new(count.boxed()))
}

/// Without an end, and what is sent meanwhile is left where it is.
struct Held(Incoming);

/// Of those, how many are there no longer.
static LET_GO: AtomicUsize = AtomicUsize::new(0);

impl Drop for Held {
    fn drop(&mut self) {
        LET_GO.fetch_add(1, Relaxed);
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Infallible>>> {
        assert!(!self.0.is_end_stream(), "the request is never whole");
        Poll::Ready(Some(Ok(Piece::data(Bytes::from(vec![b'x'; 16_000])))))
    }
}

/// One that has an upload open, which nobody reads, over HTTP/2 on both sides.
#[tokio::test]
async fn a_client_that_does_not_read_does_not_keep_its_upload_either() {
    let backend = http2_backend().await;
    // So that what was sent pays for no time.
    let limits = "min_rate_bytes: 1000000";
    let stage = Stage::of(&config(backend, "true", limits)).await;
    // With room at the backend, and without.
    for parts in [1, 120] {
        let before = LET_GO.load(Relaxed);
        let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
        client.ask(1, "POST", "/held").await;
        client.find(HEADERS, 1).await;
        for _ in 0..parts {
            client.send(&frame(DATA, 0, 1, &[b'x'; 10_000])).await;
            tokio::time::sleep(SECOND / 500).await;
        }
        assert!(active(&stage));
        let reset = client.find(RST_STREAM, 1).await;
        assert_eq!(reset.payload, 8_u32.to_be_bytes(), "CANCEL");
        assert!(!active(&stage), "the backend is still held");
        let begun = Instant::now();
        while LET_GO.load(Relaxed) == before {
            assert!(begun.elapsed() < 5 * SECOND, "not reset at the backend");
            tokio::time::sleep(SECOND / 20).await;
        }
    }
}

/// One body after the other.
struct Chain(Sent, Sent);

impl Body for Chain {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Infallible>>> {
        let first = std::task::ready!(Pin::new(&mut self.0).poll_frame(cx));
        match first {
            Some(piece) => Poll::Ready(Some(piece)),
            None => Pin::new(&mut self.1).poll_frame(cx),
        }
    }
}

type Collected = http_body_util::Collected<Bytes>;

/// The length of a request, once it is there.
struct Later(Option<tokio::task::JoinHandle<Result<Collected, hyper::Error>>>);

impl Body for Later {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Infallible>>> {
        let Some(whole) = &mut self.0 else { return Poll::Ready(None) };
        let whole = std::task::ready!(Pin::new(whole).poll(cx)).unwrap();
        self.0 = None;
        let length = whole.map_or(0, |body| body.to_bytes().len());
        let piece = Piece::data(Bytes::from(length.to_string()));
        Poll::Ready(Some(Ok(piece)))
    }
}

async fn http2_backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(behave)),
            );
        }
    });
    address
}

/// Uploads: one that drips is refused, one that is slow but steady outlasts the
/// patience of the backend.
async fn uploads_keep_a_pace(stage: Stage) {
    let mut sender = library(stage.address()).await;
    let mut steady = sender.clone();
    let steady = tokio::spawn(async move {
        let body = Drip::of(12, 1_000, SECOND / 2);
        outcome(&mut steady, post("/count", body)).await
    });
    let begun = Instant::now();
    let drips = Drip::of(60, 10, SECOND);
    let (status, _) = outcome(&mut sender, post("/count", drips)).await;
    assert_eq!(status, 408);
    assert!(begun.elapsed() >= 9 * SECOND, "in a hurry");
    assert!(begun.elapsed() < 25 * SECOND, "too late");
    let steady = steady.await.unwrap();
    assert_eq!(steady, (200, Some("12000".into())), "it kept its pace");
}

#[tokio::test]
async fn uploads_to_a_backend_of_http_1_keep_a_pace() {
    let backend = Backend::start().await;
    uploads_keep_a_pace(stage(backend.address, "").await).await;
}

#[tokio::test]
async fn uploads_to_a_backend_of_http_2_keep_a_pace() {
    let backend = http2_backend().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    uploads_keep_a_pace(stage).await;
}

#[tokio::test]
async fn uploads_of_http_1_to_a_backend_of_http_2_keep_a_pace() {
    let backend = http2_backend().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    let head =
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n";
    let mut drips = stage.connect().await;
    drips.write_all(head.as_bytes()).await.unwrap();
    let mut steady = stage.connect().await;
    steady.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = drips.into_split();
    let dripping = tokio::spawn(async move {
        // A byte in time, every time.
        while writes.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SECOND).await;
        }
    });
    for _ in 0..6 {
        steady.write_all(&[b'x'; 1_000]).await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
    }
    let answer = one_response(&mut steady).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let mut answer = String::new();
    let read = async {
        use tokio::io::AsyncReadExt;
        let _ = reads.read_to_string(&mut answer).await;
    };
    tokio::time::timeout(25 * SECOND, read).await.expect("it is cut");
    assert_eq!(status(&answer), 408, "{answer}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_backend_of_http_2_that_hangs_is_given_up() {
    let backend = http2_backend().await;
    let limits = "body_bytes: 10000";
    let stage = Stage::of(&config(backend, "true", limits)).await;
    let mut sender = library(stage.address()).await;
    let begun = Instant::now();
    assert_eq!(outcome(&mut sender, get("/hang")).await.0, 504);
    assert!(begun.elapsed() >= 2 * SECOND);
    let begun = Instant::now();
    let (status, body) = outcome(&mut sender, get("/silent")).await;
    assert_eq!((status, body), (200, None), "half a body is none");
    assert!(begun.elapsed() >= 4 * SECOND, "it was given up too early");
    assert!(begun.elapsed() < 20 * SECOND, "too late");
    let text = stage.gateway.metrics_text().unwrap();
    for reason in ["first_byte_timeout", "idle_timeout"] {
        let name = "backend_errors_total{backend=\"app\"";
        let line = format!("{name},reason=\"{reason}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
    let large = Drip::of(30, 1_000, Duration::ZERO);
    assert_eq!(outcome(&mut sender, post("/count", large)).await.0, 413);
    // A client that does not read frees a backend of HTTP/2, too.
    let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
    client.ask(1, "GET", "/big").await;
    client.find(HEADERS, 1).await;
    assert!(active(&stage));
    client.find(RST_STREAM, 1).await;
    assert!(!active(&stage), "the backend is still held");
}

#[tokio::test]
async fn a_backend_that_waits_for_the_rest_of_a_request_is_not_silent() {
    let backend = http2_backend().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    // Longer than `timeouts.idle`, over both protocols.
    let mut sender = library(stage.address()).await;
    let over_http2 = tokio::spawn(async move {
        let body = Drip::of(12, 1_000, SECOND / 2);
        outcome(&mut sender, post("/talk", body)).await
    });
    let mut stream = stage.connect().await;
    let head = "POST /talk HTTP/1.1\r\nHost: a\r\nContent-Length: 12000\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..12 {
            writes.write_all(&[b'x'; 1_000]).await.unwrap();
            tokio::time::sleep(SECOND / 2).await;
        }
        writes
    });
    let mut answer = String::new();
    let read = async {
        use tokio::io::AsyncReadExt;
        reads.read_to_string(&mut answer).await.unwrap();
    };
    tokio::time::timeout(DEADLINE, read).await.expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("12000"), "{answer}");
    sending.await.unwrap();
    assert_eq!(over_http2.await.unwrap(), (200, Some("12000".into())));
}

#[tokio::test]
async fn who_waits_for_the_connection_of_others_fails_with_it() {
    // A queue that is full: the kernel lets further clients wait.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(SECOND / 2, TcpStream::connect(address)).await
    {
        held.push(stream);
        assert!(held.len() < 100, "the queue is never full");
    }
    let stage = Stage::of(&format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{address}'], \
         http2: true, timeouts: {{connect: 1s}}}}]\n"
    ))
    .await;
    let sender = library(stage.address()).await;
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut sender = sender.clone();
        all.spawn(async move { outcome(&mut sender, get("/")).await.0 });
    }
    let all = all.join_all().await;
    assert!(all.iter().all(|status| *status == 504), "{all:?}");
    assert!(begun.elapsed() < 6 * SECOND, "one after the other");
    assert!(begun.elapsed() >= SECOND);
}

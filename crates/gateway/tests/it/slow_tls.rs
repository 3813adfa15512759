//! TLS to whoever reads late and in small steps: what the kernel does not take
//! at once is held back, and must come all the same.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    backend::Backend,
    http2_client::{Drip, client, outcome, post},
    stage::{DEADLINE, Stage},
    tls::{data, listener, secure_over},
};

/// For somebody who does not read, and whose packets are small, the kernel
/// takes about a hundred kilobytes. What it does not take is held back, up to 4
/// KiB: some of these end there. Others come to a halt again and again.
fn sizes() -> impl Iterator<Item = usize> {
    (60_000..220_000).step_by(1_303).chain([1_000_000, 3_000_000])
}

/// For which the kernels of both sides keep little.
fn narrow_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket2::SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket
}

/// What somebody does not read meanwhile fills the kernel's buffers.
const LATE: Duration = Duration::from_millis(300);

async fn secure_stage() -> (Backend, Stage) {
    let backend = Backend::start().await;
    let certificate = format!(
        "{{cert: '{}', key: '{}'}}",
        data("shop.pem"),
        data("shop.key")
    );
    let stage = Stage::of(&format!(
        "{}backends: [{{name: app, servers: ['http://{}']}}]\n",
        listener(&certificate),
        backend.address
    ))
    .await;
    (backend, stage)
}

async fn narrow(stage: &Stage) -> TlsStream<TcpStream> {
    let stream = narrow_socket().connect(stage.address()).await.unwrap();
    secure_over(stream, "shop.example", b"http/1.1").await.unwrap()
}

/// How much of the body of `GET /big/SIZE` came in time.
async fn download(stage: &Stage, size: usize) -> usize {
    let mut stream = narrow(stage).await;
    let request = format!("GET /big/{size} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    sleep(LATE).await;
    let body = |read: &[u8]| {
        let end = read.windows(4).position(|at| at == b"\r\n\r\n");
        end.map_or(0, |end| read.len() - end - 4)
    };
    let mut read = Vec::new();
    let reading = async {
        while body(&read) < size {
            let mut step = [0; 3000];
            match stream.read(&mut step).await {
                Ok(count @ 1..) => read.extend(&step[..count]),
                Ok(0) | Err(_) => break,
            }
        }
    };
    let _ = timeout(DEADLINE / 3, reading).await;
    body(&read)
}

#[tokio::test]
async fn a_client_that_reads_late_gets_the_last_byte_of_every_body() {
    let (_backend, stage) = secure_stage().await;
    let stage = Arc::new(stage);
    let mut all = JoinSet::new();
    for size in sizes() {
        let stage = Arc::clone(&stage);
        all.spawn(async move { (size, download(&stage, size).await) });
    }
    let mut all = all.join_all().await;
    all.retain(|(size, came)| size != came);
    assert!(all.is_empty(), "(size, came): {all:?}");
}

#[tokio::test]
async fn messages_over_tls_do_not_wait_for_the_next_one() {
    let (_backend, stage) = secure_stage().await;
    let stage = Arc::new(stage);
    let mut all = JoinSet::new();
    for size in sizes() {
        let stage = Arc::clone(&stage);
        all.spawn(async move {
            let stream = narrow(&stage).await;
            let url = "wss://shop.example/chat";
            let (mut socket, _) = client_async(url, stream).await.unwrap();
            let sent = Message::binary(vec![b'x'; size]);
            socket.send(sent.clone()).await.unwrap();
            sleep(LATE).await;
            let echo = timeout(DEADLINE / 3, socket.next()).await;
            (size, echo.is_ok_and(|echo| echo.unwrap().unwrap() == sent))
        });
    }
    let mut all = all.join_all().await;
    all.retain(|(_, came)| !came);
    assert!(all.is_empty(), "did not come: {all:?}");
}

/// A backend over TLS that reads late, and answers with the length of what it
/// was sent.
pub(crate) async fn late_backend() -> (SocketAddr, Arc<AtomicUsize>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_file(data("shop.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(data("shop.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = narrow_socket();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listening = socket.listen(1024).unwrap();
    let address = listening.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listening.accept().await {
            count.fetch_add(1, SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_late(stream).await;
                }
            });
        }
    });
    (address, connections)
}

/// Requests whose heads tell the length, or in chunks of which the last is
/// empty.
async fn serve_late(
    mut stream: tokio_rustls::server::TlsStream<TcpStream>,
) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            let end = bytes.windows(4).position(|at| at == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None if stream.read_buf(&mut bytes).await.ok()? == 0 => {
                    return None;
                }
                None => {}
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        bytes.drain(..end);
        let length = head.lines().find_map(|line| {
            line.strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        let chunked = head.contains("transfer-encoding: chunked");
        sleep(LATE).await;
        while match chunked {
            true => !bytes.ends_with(b"\r\n0\r\n\r\n"),
            false => bytes.len() < length.unwrap_or(0),
        } {
            let mut step = [0; 3000];
            match stream.read(&mut step).await.ok()? {
                0 => return None,
                count => bytes.extend(&step[..count]),
            }
        }
        let count = bytes.iter().filter(|byte| **byte == b'x').count();
        bytes.clear();
        let count = count.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{count}",
            count.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
}

pub(crate) fn to_secure(backend: SocketAddr, ca: &str) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['https://{backend}'], \
         tls: {{ca: '{ca}', server_name: shop.example}}, \
         timeouts: {{first_byte: 5s}}}}]\n"
    )
}

/// The status line and the body of an upload over HTTP/1.
async fn upload(stage: &Stage, size: usize) -> String {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Length: {size}\r\n\r\n{}",
        "x".repeat(size)
    );
    stage.raw(request.as_bytes()).await
}

#[tokio::test]
async fn a_backend_that_reads_late_gets_the_last_byte_of_every_upload() {
    let (address, _) = late_backend().await;
    let stage = Stage::of(&to_secure(address, &data("shop.pem"))).await;
    let stage = Arc::new(stage);
    let mut all = JoinSet::new();
    for size in sizes() {
        let over_http1 = Arc::clone(&stage);
        all.spawn(async move {
            let answer = upload(&over_http1, size).await;
            (size, answer.rsplit("\r\n\r\n").next().unwrap().to_owned())
        });
        let address = stage.address();
        all.spawn(async move {
            let body = Drip::of(1, size, Duration::ZERO);
            let mut sender = client(address).await;
            let (status, body) = outcome(&mut sender, post("/", body)).await;
            let body = body.unwrap_or_default().to_vec();
            (
                size,
                match status {
                    200 => String::from_utf8(body).unwrap(),
                    status => format!("HTTP/2: {status}"),
                },
            )
        });
    }
    let mut all = all.join_all().await;
    all.retain(|(size, answer)| *answer != size.to_string());
    assert!(all.is_empty(), "{all:?}");
}

//! A backend on a raw socket. It answers with the bytes that it was sent, or
//! does what the path says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Ends with the test that holds it.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(AtomicUsize::new(0));
        let counts = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counts.1.fetch_add(1, SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&counts.0)));
            }
        });
        Self { address, requests, connections, task }
    }

    pub(crate) fn seen(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

async fn serve(mut stream: TcpStream, requests: Arc<AtomicUsize>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = read_until(&mut stream, &mut bytes, b"\r\n\r\n").await
        else {
            return;
        };
        requests.fetch_add(1, SeqCst);
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end);
        let path = head.split(' ').nth(1).unwrap().to_owned();
        if path == "/hang" {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return;
        }
        if path == "/early" {
            let early = "HTTP/1.1 413 No\r\nContent-Length: 5\r\n\r\nearly";
            stream.write_all(early.as_bytes()).await.ok();
            tokio::time::sleep(Duration::from_millis(200)).await;
            return;
        }
        if path == "/die" {
            return;
        }
        if lower(&head).contains("expect: 100-continue") {
            let interim = b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n";
            stream.write_all(interim).await.ok();
        }
        if lower(&head).contains("upgrade: websocket") {
            return websocket(stream, &head).await;
        }
        let Some(body) = body(&mut stream, &mut bytes, &head).await else {
            return;
        };
        if answer(&mut stream, &path, head, body).await.is_none() {
            return;
        }
    }
}

async fn answer(
    stream: &mut TcpStream,
    path: &str,
    head: String,
    body: Vec<u8>,
) -> Option<()> {
    if let Some(raw) = path.strip_prefix("/raw/") {
        // What comes after is hexadecimal: a response as it is.
        let bytes: Vec<u8> = (0..raw.len() / 2)
            .map(|at| u8::from_str_radix(&raw[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        stream.write_all(&bytes).await.ok()?;
        return None;
    }
    if let Some(count) = path.strip_prefix("/big/") {
        let mut left: usize = count.parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        let piece = vec![b'x'; 64 * 1024];
        while left > 0 {
            let now = left.min(piece.len());
            stream.write_all(&piece[..now]).await.ok()?;
            left -= now;
        }
        return Some(());
    }
    if path == "/count" {
        let body = body.len().to_string();
        return plain(stream, body.as_bytes()).await;
    }
    if path == "/trailers" {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\
                    abc\r\n0\r\nX-Sum: 7\r\nX-Asgard-Evil: 1\r\n\r\n";
        return stream.write_all(text.as_bytes()).await.ok();
    }
    if path == "/status/204" {
        let text = "HTTP/1.1 204 No Content\r\n\r\n";
        return stream.write_all(text.as_bytes()).await.ok();
    }
    let whole = [head.into_bytes(), body].concat();
    plain(stream, &whole).await
}

async fn plain(stream: &mut TcpStream, body: &[u8]) -> Option<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Backend: 1\r\n\r\n",
        body.len()
    );
    let all = [head.as_bytes(), body].concat();
    stream.write_all(&all).await.ok()
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

async fn body(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    head: &str,
) -> Option<Vec<u8>> {
    let head = lower(head);
    if head.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let end = read_until(stream, bytes, b"\r\n").await?;
            let line = String::from_utf8(bytes[..end - 2].to_vec()).unwrap();
            let size = usize::from_str_radix(&line, 16).unwrap();
            bytes.drain(..end);
            if size == 0 {
                loop {
                    let end = read_until(stream, bytes, b"\r\n").await?;
                    let line: Vec<u8> = bytes.drain(..end).collect();
                    if line == b"\r\n" {
                        return Some(body);
                    }
                    body.extend(line);
                }
            }
            while bytes.len() < size + 2 {
                if stream.read_buf(bytes).await.ok()? == 0 {
                    return None;
                }
            }
            body.extend(bytes.drain(..size));
            bytes.drain(..2);
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = Vec::new();
    while body.len() < length {
        let room = length - body.len();
        let taken = bytes.len().min(room);
        body.extend(bytes.drain(..taken));
        if body.len() < length && stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(body)
}

/// Length up to and with the mark; `None` at the end of the connection.
async fn read_until(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    mark: &[u8],
) -> Option<usize> {
    loop {
        let found = bytes.windows(mark.len()).position(|at| at == mark);
        if let Some(at) = found {
            return Some(at + mark.len());
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Agrees to WebSocket and echoes.
async fn websocket(stream: TcpStream, head: &str) {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::{
        handshake::derive_accept_key, protocol::Role,
    };
    let key = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
        })
        .unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).await.unwrap();
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(
        stream,
        Role::Server,
        None,
    )
    .await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            break;
        }
        socket.send(message).await.ok();
    }
}

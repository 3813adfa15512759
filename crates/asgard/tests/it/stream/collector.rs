//! What others run: a server of RIS Live that breaks connections and talks
//! nonsense, and an archive of dumps.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// Messages that are none.
pub(super) const NONSENSE: u64 = 2;

/// A server that replays messages once, however often clients come back.
pub(super) struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    lines: Vec<String>,
    next: AtomicUsize,
    released: AtomicBool,
    again: AtomicBool,
    subscriptions: Mutex<Vec<String>>,
}

impl Collector {
    pub(super) fn start(lines: Vec<String>) -> Self {
        assert!(lines.len() > 100, "{} messages are too few", lines.len());
        let shared = Arc::new(Shared {
            lines,
            next: AtomicUsize::new(0),
            released: AtomicBool::new(false),
            again: AtomicBool::new(false),
            subscriptions: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listener, &own));
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}/v1/ws/", self.address)
    }

    /// Lets messages go.
    pub(super) fn release(&self) {
        self.shared.released.store(true, SeqCst);
    }

    pub(super) fn is_done(&self) -> bool {
        self.shared.next.load(SeqCst) >= self.shared.lines.len()
    }

    /// Says the last message once more.
    pub(super) fn says_again(&self) {
        self.shared.again.store(true, SeqCst);
    }

    pub(super) fn subscriptions(&self) -> Vec<String> {
        self.shared.subscriptions.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, shared: &Shared) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let Ok(socket) = accept_async(tcp).await else { continue };
        replay(socket, shared).await;
    }
}

type Socket = WebSocketStream<tokio::net::TcpStream>;

/// Sends until the client is gone, or it is time to break.
async fn replay(mut socket: Socket, shared: &Shared) {
    let all = shared.lines.len();
    // Nothing is said before somebody asks.
    let Some(Ok(Message::Text(text))) = socket.next().await else { return };
    shared.subscriptions.lock().unwrap().push(text.to_string());
    loop {
        // Pings are answered, subscriptions noted, while nothing is said.
        while let Some(heard) = socket.next().now_or_never() {
            match heard {
                Some(Ok(Message::Text(text))) => {
                    let mut asked = shared.subscriptions.lock().unwrap();
                    asked.push(text.to_string());
                }
                Some(Ok(_)) => {}
                _ => return,
            }
        }
        let at = shared.next.load(SeqCst);
        if !shared.released.load(SeqCst) || at >= all {
            if shared.again.swap(false, SeqCst) {
                let last = shared.lines[all - 1].clone();
                let _ = socket.send(Message::text(last)).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        if socket.send(Message::text(shared.lines[at].clone())).await.is_err() {
            return;
        }
        shared.next.store(at + 1, SeqCst);
        if at == all / 5 || at == all / 4 {
            let _ = socket.send(Message::text("{\"type\":\"ris_mess")).await;
        }
        if at == all / 3 || at == all / 2 {
            // Goodbye, and what was said is read before it.
            let _ = socket.close(None).await;
            while let Some(Ok(_)) = socket.next().await {}
            return;
        }
    }
}

/// Files by path, over HTTP.
pub(super) struct Archive {
    address: SocketAddr,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Archive {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let own = Arc::clone(&files);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let files = Arc::clone(&own);
                thread::spawn(move || answer(stream.unwrap(), &files));
            }
        });
        Self { address, files }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn publish(&self, path: &str, bytes: Vec<u8>) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes);
    }
}

/// As an archive of files does: a tag of the bytes, and 304 for who has them.
fn answer(mut stream: TcpStream, files: &Mutex<BTreeMap<String, Vec<u8>>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let heads: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let Some(bytes) = files.lock().unwrap().get(&path).cloned() else {
        let gone = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(gone);
        return;
    };
    let sum = bytes.iter().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    let tag = format!("\"{sum:x}\"");
    let known = heads.iter().any(|line| line.ends_with(&tag));
    let (status, body) = match known {
        true => (304, &[][..]),
        false => (200, &bytes[..]),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nETag: {tag}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    // A client that is gone hears nothing.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

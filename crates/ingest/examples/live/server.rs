//! A server of RIS Live that hangs up, stalls in a frame, sends a frame that is
//! too large, no JSON, or binary, every forty thousand messages.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, Utf8Bytes},
};

/// Messages between two faults.
const CALM: u64 = 40_000;
const MOMENT: &str = "\"timestamp\":";

/// What the server did.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) messages: AtomicU64,
    pub(crate) faults: AtomicU64,
}

/// What the server says, again and again; each time as if later.
pub(crate) struct Recording {
    /// Text before and after the moment, and the moment.
    lines: Vec<(String, f64, String)>,
    /// Seconds between two beginnings.
    span: f64,
}

impl Recording {
    /// The lines of a file, or a thousand updates of one moment.
    pub(crate) fn of(file: Option<&str>) -> Self {
        let text = match file {
            Some(file) => std::fs::read_to_string(file).unwrap(),
            None => (0..1000).map(update).collect(),
        };
        let lines: Vec<_> = text.lines().map(split).collect();
        let moments = || lines.iter().map(|line| line.1);
        let first = moments().fold(f64::INFINITY, f64::min);
        let last = moments().fold(0.0, f64::max);
        Self { lines, span: (last - first).ceil() }
    }

    /// The n-th message.
    fn message(&self, n: u64) -> Utf8Bytes {
        let all = self.lines.len() as u64;
        let at = usize::try_from(n % all).unwrap();
        let (before, moment, after) = &self.lines[at];
        let round = u32::try_from(n / all).unwrap();
        let moment = moment + self.span * f64::from(round);
        format!("{before}{moment}{after}").into()
    }
}

fn split(line: &str) -> (String, f64, String) {
    let begins = line.find(MOMENT).unwrap() + MOMENT.len();
    let length = line[begins..].find([',', '}']).unwrap();
    let (moment, after) = line[begins..].split_at(length);
    (line[..begins].to_owned(), moment.parse().unwrap(), after.to_owned())
}

fn update(n: u32) -> String {
    let (a, b) = (n >> 8 & 255, n & 255);
    let asn = 64_500 + b;
    format!(
        r#"{{"type":"ris_message","data":{{"timestamp":1774778400.25,"peer":"192.0.2.{b}","peer_asn":"{asn}","id":"{n}","host":"rrc00","type":"UPDATE","path":[{asn},3356,1299,{n}],"community":[[3356,{b}],[1299,{a}]],"origin":"IGP","announcements":[{{"next_hop":"192.0.2.1","prefixes":["10.{a}.{b}.0/24","11.{a}.{b}.0/24"]}}]}}}}"#
    ) + "\n"
}

type Server = WebSocketStream<TcpStream>;

pub(crate) async fn serve(
    recording: Recording,
    rate: u64,
    sent: Arc<Sent>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(socket) = accept_async(tcp).await else { continue };
            replay(socket, &recording, rate, &sent).await;
        }
    });
    address
}

/// Sends at a rate until the client is gone, with a fault now and then.
async fn replay(
    mut socket: Server,
    recording: &Recording,
    rate: u64,
    sent: &Sent,
) {
    let batch = (rate / 100).max(1);
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        tick.tick().await;
        for _ in 0..batch {
            let n = sent.messages.fetch_add(1, Relaxed);
            let text = Message::Text(recording.message(n));
            if socket.feed(text).await.is_err() {
                sent.messages.fetch_sub(1, Relaxed);
                return;
            }
            if n % CALM == CALM - 1 {
                let kind = sent.faults.fetch_add(1, Relaxed);
                if socket.flush().await.is_err()
                    || fault(&mut socket, kind).await
                {
                    return;
                }
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// One fault; whether the connection is over.
async fn fault(socket: &mut Server, kind: u64) -> bool {
    match kind % 6 {
        0 => {
            let _ = socket.send(Message::text("no JSON")).await;
            false
        }
        1 => {
            let _ = socket.send(Message::binary(vec![0; 1000])).await;
            false
        }
        2 => {
            let _ = socket.send(Message::text("x".repeat(2 << 20))).await;
            while let Some(Ok(_)) = socket.next().await {}
            true
        }
        3 => {
            let _ = socket.close(None).await;
            true
        }
        4 => {
            // Half a frame, and then nothing for longer than a client waits.
            let raw = socket.get_mut();
            let _ = raw.write_all(&[0x81, 126, 16, 0, b'{']).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            true
        }
        _ => {
            let raw = socket.get_mut();
            let _ = raw.write_all(&[0xff; 64]).await;
            while let Some(Ok(_)) = socket.next().await {}
            true
        }
    }
}

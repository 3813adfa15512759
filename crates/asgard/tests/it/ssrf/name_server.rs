//! A name server that lies as it is told to: UDP and TCP on one port.
//!
//! The wire format is written by hand (RFC 1035): what a test wants to send, no
//! library would.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// What is answered about one name.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// A and AAAA records; nothing of a kind is an empty answer.
    Addresses(Vec<IpAddr>),
    /// One address to the first question, another to all that follow.
    Rebinding(IpAddr, IpAddr),
    /// Another name, and nothing about that.
    Alias(String),
    /// Another name with its addresses in the same answer.
    AliasWith(String, Vec<IpAddr>),
    /// TXT records, each of several strings.
    Texts(Vec<Vec<String>>),
    /// An error.
    Code(u8),
    /// Cut off by UDP, whole by TCP.
    Truncated(Vec<IpAddr>),
    /// Bytes that are no answer.
    Garbage(Vec<u8>),
    /// Nothing at all.
    Silence,
}

/// The name server.
#[derive(Clone)]
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    scripts: Arc<Mutex<BTreeMap<String, Script>>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    pub(super) fn start() -> Self {
        let (udp, tcp) = sockets();
        let server = Self {
            address: udp.local_addr().unwrap(),
            scripts: Arc::default(),
            asked: Arc::default(),
        };
        let own = server.clone();
        thread::spawn(move || own.serve_udp(&udp));
        let own = server.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                let own = own.clone();
                thread::spawn(move || own.serve_tcp(stream));
            }
        });
        server
    }

    /// Names are in lower case; what has no script does not exist.
    pub(super) fn tell(&self, name: &str, script: Script) {
        self.scripts.lock().unwrap().insert(name.to_owned(), script);
    }

    /// How often a name was asked about.
    pub(super) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(asked, _)| asked == name).count()
    }

    /// How many questions there were.
    pub(super) fn questions(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = self.answer(&buffer[..length], false) {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn serve_tcp(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut message = vec![0; u16::from_be_bytes(length).into()];
            if stream.read_exact(&mut message).is_err() {
                return;
            }
            let Some(answer) = self.answer(&message, true) else { return };
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = stream.write_all(&[&length[..], &answer].concat());
        }
    }

    fn answer(&self, message: &[u8], by_tcp: bool) -> Option<Vec<u8>> {
        let question = Question::read(message)?;
        let (name, kind) = (question.name.clone(), question.kind);
        let first = {
            let mut asked = self.asked.lock().unwrap();
            let entry = (name.clone(), kind);
            let first = !asked.contains(&entry);
            asked.push(entry);
            first
        };
        let script = self.scripts.lock().unwrap().get(&name).cloned();
        match script {
            None => Some(question.reply(3, &[])),
            Some(Script::Silence) => None,
            Some(Script::Garbage(bytes)) => Some(bytes),
            Some(Script::Truncated(_)) if !by_tcp => {
                let mut reply = question.reply(0, &[]);
                reply[2] |= 0b10;
                Some(reply)
            }
            Some(Script::Code(code)) => Some(question.reply(code, &[])),
            Some(script) => {
                Some(question.reply(0, &script.records(&name, kind, first)))
            }
        }
    }
}

/// A UDP and a TCP socket on one port.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

impl Script {
    fn records(&self, name: &str, kind: u16, first: bool) -> Vec<Vec<u8>> {
        match self {
            Self::Addresses(all) | Self::Truncated(all) => {
                addresses(name, kind, all)
            }
            Self::Rebinding(public, then) => {
                let now = if first { public } else { then };
                addresses(name, kind, &[*now])
            }
            Self::Alias(target) => vec![alias(name, target)],
            Self::AliasWith(target, all) => {
                let mut records = vec![alias(name, target)];
                records.extend(addresses(target, kind, all));
                records
            }
            Self::Texts(texts) if kind == TXT => {
                texts.iter().map(|strings| text(name, strings)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn addresses(name: &str, kind: u16, all: &[IpAddr]) -> Vec<Vec<u8>> {
    let data = |address: &IpAddr| match address {
        IpAddr::V4(v4) if kind == A => Some(v4.octets().to_vec()),
        IpAddr::V6(v6) if kind == AAAA => Some(v6.octets().to_vec()),
        _ => None,
    };
    all.iter().filter_map(data).map(|d| record(name, kind, &d)).collect()
}

fn alias(name: &str, target: &str) -> Vec<u8> {
    record(name, CNAME, &encode(target))
}

fn text(name: &str, strings: &[String]) -> Vec<u8> {
    let piece = |string: &String| {
        let length = u8::try_from(string.len()).unwrap();
        [&[length][..], string.as_bytes()].concat()
    };
    let data: Vec<u8> = strings.iter().flat_map(piece).collect();
    record(name, TXT, &data)
}

/// A record of class IN that must not be kept (TTL 0).
fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let head = [&encode(name)[..], &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 0]];
    [&head.concat()[..], &length, data].concat()
}

fn encode(name: &str) -> Vec<u8> {
    let label = |label: &str| {
        let length = u8::try_from(label.len()).unwrap();
        [&[length][..], label.as_bytes()].concat()
    };
    let mut wire: Vec<u8> = name.split('.').flat_map(label).collect();
    wire.push(0);
    wire
}

/// The question of a message.
struct Question {
    id: [u8; 2],
    name: String,
    kind: u16,
    /// As it was sent.
    wire: Vec<u8>,
}

impl Question {
    fn read(message: &[u8]) -> Option<Self> {
        let mut at = 12;
        let mut labels = Vec::new();
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = message.get(at..at + length)?;
            labels.push(String::from_utf8_lossy(label).to_lowercase());
            at += length;
        }
        let kind = message.get(at..at + 2)?;
        Some(Self {
            id: [message[0], message[1]],
            name: labels.join("."),
            kind: u16::from_be_bytes([kind[0], kind[1]]),
            wire: message.get(12..at + 4)?.to_vec(),
        })
    }

    /// A recursive answer with a code and records.
    fn reply(&self, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        let flags = [0x81, 0x80 | code];
        let counts = [0, 1, count[0], count[1], 0, 0, 0, 0];
        let head = [&self.id[..], &flags, &counts, &self.wire].concat();
        [head, records.concat()].concat()
    }
}

//! HTTP/2 by hand: a client that says what no library would, or says nothing.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::stage::DEADLINE;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// `SETTINGS_INITIAL_WINDOW_SIZE`.
pub(crate) const WINDOW: u16 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), body].concat()
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in values {
        body.extend(name.to_be_bytes());
        body.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &body)
}

/// A list of fields (RFC 7541), without any compression.
pub(crate) fn fields(method: &str, path: &str) -> Vec<u8> {
    let mut block = vec![0x86]; // :scheme http
    let named = |block: &mut Vec<u8>, index: u8, value: &str| {
        block.extend([index, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    };
    named(&mut block, 0x02, method);
    named(&mut block, 0x04, path);
    named(&mut block, 0x01, "shop.example");
    block
}

/// A connection that answers pings, and does nothing else by itself.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    /// With the preface and some settings.
    pub(crate) async fn of(address: SocketAddr, set: &[(u16, u32)]) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&settings(set)).await.unwrap();
        Self { stream, bytes: Vec::new() }
    }

    /// Without a word.
    pub(crate) fn silent(stream: TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) {
        // The gateway may have had enough before everything is sent.
        let _ = self.stream.write_all(frame).await;
    }

    pub(crate) async fn ask(&mut self, stream: u32, method: &str, path: &str) {
        let flags = match method {
            "GET" => END_HEADERS | END_STREAM,
            _ => END_HEADERS,
        };
        let asked = frame(HEADERS, flags, stream, &fields(method, path));
        self.send(&asked).await;
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        timeout(DEADLINE, self.frame()).await.expect("a frame in time")
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            while self.bytes.len() < 9 {
                self.more().await?;
            }
            let [_, a, b, c] = [0, self.bytes[0], self.bytes[1], self.bytes[2]];
            let length = u32::from_be_bytes([0, a, b, c]);
            let end = 9 + usize::try_from(length).unwrap();
            while self.bytes.len() < end {
                self.more().await?;
            }
            let whole: Vec<u8> = self.bytes.drain(..end).collect();
            let id = [whole[5], whole[6], whole[7], whole[8]];
            let found = Frame {
                kind: whole[3],
                flags: whole[4],
                stream: u32::from_be_bytes(id),
                payload: whole[9..].to_vec(),
            };
            match (found.kind, found.flags & ACK) {
                (PING, 0) => {
                    let pong = frame(PING, ACK, 0, &found.payload);
                    self.send(&pong).await;
                }
                (SETTINGS, 0) => {
                    self.send(&frame(SETTINGS, ACK, 0, &[])).await;
                    return Some(found);
                }
                _ => return Some(found),
            }
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.bytes).await.ok()?;
        (read > 0).then_some(())
    }

    /// The next frame of a kind on a stream.
    pub(crate) async fn find(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection stays open");
            if (frame.kind, frame.stream) == (kind, stream) {
                return frame;
            }
        }
    }

    /// Waits for the end of the connection without another word.
    pub(crate) async fn end(&mut self, within: Duration) {
        let ended =
            timeout(within, async { while self.more().await.is_some() {} });
        assert!(ended.await.is_ok(), "the connection stays open");
    }

    /// All frames to the end of the connection, which comes in time.
    pub(crate) async fn rest(&mut self, within: Duration) -> Vec<Frame> {
        let mut all = Vec::new();
        let ended = timeout(within, async {
            while let Some(frame) = self.frame().await {
                all.push(frame);
            }
        });
        assert!(ended.await.is_ok(), "the connection stays open: {all:?}");
        all
    }
}

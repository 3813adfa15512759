//! Backends of HTTP/2 that say what no library would: what reaches a client is
//! framed as its head says, or ends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    frames::{
        Client, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM,
        frame, settings,
    },
    http2_backend,
    patience::{SECOND, config},
    stage::{DEADLINE, Stage, status},
};

/// Fields of responses (RFC 7541, appendix A).
const OK: u8 = 0x88;
const NO_CONTENT: u8 = 0x89;
const NOT_MODIFIED: u8 = 0x8b;

const EVIL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON\n";

/// What is said to every request, on its stream.
#[derive(Clone, Copy)]
struct Says {
    status: u8,
    length: Option<usize>,
    /// Between the head and the rest.
    pause: Duration,
    body: &'static [u8],
    /// Instead of a body.
    resets: bool,
}

impl Says {
    const fn evil(status: u8) -> Self {
        let pause = Duration::ZERO;
        Self { status, length: None, pause, body: EVIL, resets: false }
    }

    fn head(&self, stream: u32) -> Vec<u8> {
        let mut block = vec![self.status];
        if let Some(length) = self.length {
            let digits = length.to_string();
            // A name of the static table that is not remembered.
            block.extend([0x0f, 28 - 15]);
            block.push(u8::try_from(digits.len()).unwrap());
            block.extend(digits.as_bytes());
        }
        frame(HEADERS, END_HEADERS, stream, &block)
    }

    fn rest(&self, stream: u32) -> Vec<u8> {
        match self.resets {
            true => frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes()),
            false => frame(DATA, END_STREAM, stream, self.body),
        }
    }

    async fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.serve(stream));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.unwrap();
        let mut peer = Client::silent(stream);
        peer.send(&settings(&[])).await;
        loop {
            let waited = timeout(2 * DEADLINE, peer.next()).await;
            let Ok(Some(frame)) = waited else { return };
            if frame.kind != HEADERS {
                continue;
            }
            let mut said = self.head(frame.stream);
            if !self.pause.is_zero() {
                peer.send(&said).await;
                sleep(self.pause).await;
                said.clear();
            }
            said.extend(self.rest(frame.stream));
            peer.send(&said).await;
        }
    }
}

/// All that a client is told who asks twice on one connection.
async fn told(says: Says, method: &str) -> String {
    let stage = Stage::of(&config(says.start().await, "true", "")).await;
    let request = |fields: &str| {
        format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    let both = request("") + &request("Connection: close\r\n");
    stage.raw(both.as_bytes()).await
}

#[tokio::test]
async fn a_body_where_none_may_be_never_reaches_a_client_of_http_1() {
    for (says, method) in [
        (Says::evil(NO_CONTENT), "GET"),
        (Says::evil(NOT_MODIFIED), "GET"),
        (Says::evil(OK), "HEAD"),
        (Says { length: Some(EVIL.len()), ..Says::evil(OK) }, "HEAD"),
    ] {
        let answer = told(says, method).await;
        let about = format!("{:x} to {method}: {answer}", says.status);
        assert!(!answer.contains("POISON"), "{about}");
        assert_eq!(status(&answer), 502, "{about}");
        // The head has gone already, so the connection goes as well.
        let late = Says { pause: SECOND / 3, ..says };
        let answer = told(late, method).await;
        let about = format!("{:x} to {method}: {answer}", says.status);
        assert!(!answer.contains("POISON"), "{about}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{about}");
    }
}

#[tokio::test]
async fn a_body_where_none_may_be_resets_the_stream_of_a_client_of_http_2() {
    for code in [NO_CONTENT, NOT_MODIFIED] {
        let backend = Says::evil(code).start().await;
        let stage = Stage::of(&config(backend, "true", "")).await;
        let mut client = Client::of(stage.address(), &[]).await;
        client.ask(1, "GET", "/").await;
        loop {
            let frame = client.next().await.expect("the connection lives");
            assert_ne!(frame.kind, DATA, "{frame:?}");
            if frame.kind == RST_STREAM {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_ends_the_connection() {
    for length in [0, 3, EVIL.len() - 1, EVIL.len() + 1, 4_000] {
        for pause in [Duration::ZERO, SECOND / 3] {
            let says = Says { length: Some(length), pause, ..Says::evil(OK) };
            let answer = told(says, "GET").await;
            let about = format!("{length} after {pause:?}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").expect(&about);
            if status(&answer) == 200 {
                let announced = format!("Content-Length: {length}");
                assert!(head.lines().any(|l| l == announced), "{about}");
                // What there is is of the body, and is not all of it.
                assert!(body.len() <= length, "{about}");
                assert!(length == 0 || body.len() < length, "{about}");
            } else {
                assert_eq!(status(&answer), 502, "{about}");
                assert!(!answer.contains("POISON"), "{about}");
            }
        }
    }
}

#[tokio::test]
async fn a_backend_that_breaks_off_at_once_is_answered_with_502() {
    let says = Says { resets: true, ..Says::evil(OK) };
    let answer = told(says, "GET").await;
    assert_eq!(status(&answer), 502, "{answer}");
}

#[tokio::test]
async fn the_head_of_a_response_does_not_wait_for_its_body() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    let mut stream = stage.connect().await;
    let head = "POST /talk HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_buf(&mut answer);
    let read = timeout(SECOND, read).await;
    assert!(read.is_ok(), "the head is withheld");
    stream.write_all(b"hello").await.unwrap();
    let read = stream.read_to_end(&mut answer);
    timeout(DEADLINE, read).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.ends_with("1\r\n5\r\n0\r\n\r\n"), "{answer}");
}

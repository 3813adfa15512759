//! The smallest HTTP/1.1 client that a test needs: one request, one answer.
//!
//! Plain sockets, so that a test can stop in the midst of a request and so that
//! nothing is retried, redirected or decoded behind its back.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longest silence of the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON body of a 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

/// A request: method, path, header lines, body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, key: None, body: None }
    }

    pub(crate) fn post(path: &'a str, body: &'a str) -> Self {
        Self { method: "POST", path, key: None, body: Some(body) }
    }

    pub(crate) fn delete(path: &'a str) -> Self {
        Self { method: "DELETE", path, key: None, body: None }
    }

    pub(crate) fn key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Everything up to the body.
    pub(crate) fn head(&self) -> String {
        let Self { method, path, .. } = self;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: asgard\r\nConnection: close\r\n"
        );
        if let Some(key) = self.key {
            head += &format!("X-API-Key: {key}\r\n");
        }
        if let Some(body) = self.body {
            let length = body.len();
            head += "Content-Type: application/json\r\n";
            head += &format!("Content-Length: {length}\r\n");
        }
        head + "\r\n"
    }

    /// Sends it and reads the answer.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Reply> {
        let mut stream = connect(to)?;
        stream.write_all(self.head().as_bytes())?;
        stream.write_all(self.body.unwrap_or_default().as_bytes())?;
        receive(&mut stream)
    }
}

/// A connection that waits no longer than a test may.
pub(crate) fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads an answer that the server ends by closing.
pub(crate) fn receive(stream: &mut TcpStream) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    parse(&text).ok_or_else(|| io::Error::other(format!("cut off: {text:?}")))
}

fn parse(text: &str) -> Option<Reply> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let headers: BTreeMap<String, String> = rest
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() == length).then_some(())?;
    Some(Reply {
        status: line.split(' ').nth(1)?.parse().ok()?,
        headers,
        body: body.to_owned(),
    })
}

//! A backend that tells what it was sent, and a client that reads it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::http::connect;

/// Answers every head with the same head, until the process ends.
pub(super) fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) {
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(head) = head(&mut stream, &mut bytes) {
        let length = head.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}"
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The next head on a connection, without the empty line; `None` at its end.
pub(super) fn head(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> Option<String> {
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).ok();
            bytes.drain(..end + 4);
            return head;
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend(&piece[..count]),
            _ => return None,
        }
    }
}

/// A connection that asks again and again.
pub(super) struct Asking {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Asking {
    pub(super) fn of(proxy: SocketAddr) -> Option<Self> {
        let stream = connect(proxy).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { stream, bytes: Vec::new() })
    }

    /// What the backend was sent for a client; the error is what came instead.
    pub(super) fn ask(&mut self, client: &str) -> Result<String, String> {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: shop.example\r\n\
             X-Forwarded-For: {client}\r\n\r\n"
        );
        let sent = self.stream.write_all(request.as_bytes());
        sent.map_err(|error| error.to_string())?;
        let answer = head(&mut self.stream, &mut self.bytes);
        let answer = answer.ok_or("no answer")?;
        let length = answer.lines().find_map(|line| {
            let line = line.to_lowercase();
            line.strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        let length = length.ok_or_else(|| answer.clone())?;
        let mut piece = [0; 4096];
        while self.bytes.len() < length {
            match self.stream.read(&mut piece) {
                Ok(count) if count > 0 => self.bytes.extend(&piece[..count]),
                _ => return Err(format!("cut off: {answer}")),
            }
        }
        let body: Vec<u8> = self.bytes.drain(..length).collect();
        match answer.starts_with("HTTP/1.1 200 ") {
            true => String::from_utf8(body).map_err(|e| e.to_string()),
            false => Err(answer),
        }
    }
}

/// The value of a header in a head.
pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

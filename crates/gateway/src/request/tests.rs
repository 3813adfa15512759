//! Requests that are understood, and those that leave a doubt.

use super::*;
use crate::http1::head::{HeadLimits, no_fields, parse};

const LIMITS: HeadLimits =
    HeadLimits { bytes: 8192, fields: 100, uri_bytes: 4096 };

/// Framing, host, path and keep-alive; or the status of the refusal.
fn read(text: &str) -> Result<(Framing, String, String, bool), u16> {
    let mut fields = no_fields();
    let head = parse(text.as_bytes(), &mut fields, &LIMITS)
        .map_err(|refusal| refusal.status)?;
    let request = Request::of_http1(&head).map_err(|refusal| refusal.status)?;
    Ok((
        request.framing,
        request.host.to_owned(),
        request.target.path_and_query.to_owned(),
        request.connection.keep_alive,
    ))
}

fn with(fields: &str) -> Result<Framing, u16> {
    read(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"))
        .map(|read| read.0)
}

#[test]
fn a_body_has_exactly_one_length() {
    assert_eq!(with("X: y"), Ok(Framing::None));
    assert_eq!(with("Content-Length: 0"), Ok(Framing::Length(0)));
    assert_eq!(with("Content-Length: 42"), Ok(Framing::Length(42)));
    assert_eq!(with("Transfer-Encoding: CHUNKED"), Ok(Framing::Chunked));
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "transfer-encoding: chunked\r\nContent-length: 0",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\ncontent-LENGTH: 6",
        "Content-Length: 5, 5",
        "Content-Length: 5,6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 1e3",
        "Content-Length: \u{664}",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    ] {
        let got = with(fields);
        assert!(matches!(got, Err(400 | 501)), "{fields:?}: {got:?}");
    }
    for coding in [
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "chunkedx",
        "\"chunked\"",
        "chunked;q=1",
        "chunked,",
        ",chunked",
        "x chunked",
        "\u{b}chunked",
        "",
    ] {
        let got = with(&format!("Transfer-Encoding: {coding}"));
        assert!(matches!(got, Err(400 | 501)), "{coding:?}: {got:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(old), Err(400));
}

#[test]
fn a_request_goes_to_exactly_one_host() {
    let ok = |host: &str, path: &str| {
        Ok((Framing::None, host.to_owned(), path.to_owned(), true))
    };
    let get = |target: &str, fields: &str| {
        read(&format!("GET {target} HTTP/1.1\r\n{fields}\r\n"))
    };
    assert_eq!(get("/a?b", "Host: a:80\r\n"), ok("a:80", "/a?b"));
    assert_eq!(
        get("/", "Host: [2001:db8::1]:80\r\n"),
        ok("[2001:db8::1]:80", "/")
    );
    assert_eq!(get("http://A/b?c", "Host: a\r\n"), ok("a", "/b?c"));
    assert_eq!(get("HTTP://a", "Host: a\r\n"), ok("a", "/"));
    for (target, fields) in [
        ("/", ""),
        ("/", "Host: a\r\nHost: a\r\n"),
        ("/", "Host: a\r\nhost: b\r\n"),
        ("/", "Host:\r\n"),
        ("/", "Host: a b\r\n"),
        ("/", "Host: a/b\r\n"),
        ("/", "Host: u@a\r\n"),
        ("/", "Host: a, b\r\n"),
        ("/", "Host: a:b\r\n"),
        ("/", "Host: a:123456\r\n"),
        ("/", "Host: [::1\r\n"),
        ("/", "Host: [x]\r\n"),
        ("/", "Host: :80\r\n"),
        ("/", "Host: a[::1]\r\n"),
        ("http://a/", "Host: b\r\n"),
        ("http://a:80/", "Host: a\r\n"),
        ("http://u@a/", "Host: a\r\n"),
        ("http://a?x", "Host: a\r\n"),
        ("ftp://a/", "Host: a\r\n"),
        ("a", "Host: a\r\n"),
        ("*", "Host: a\r\n"),
        ("/a#b", "Host: a\r\n"),
        ("//a", ""),
    ] {
        assert_eq!(get(target, fields), Err(400), "{target} {fields:?}");
    }
    let connect = read("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert_eq!(connect, Err(405));
    let options = read("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(options, ok("a", "*"));
    let old = read("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old, Ok((Framing::None, String::new(), "/".into(), false)));
}

#[test]
fn only_the_known_expectation_is_one() {
    assert_eq!(with("Expect: 100-Continue"), Ok(Framing::None));
    assert_eq!(with("Expect: 200-ok"), Err(417));
}

#[test]
fn only_websocket_is_an_upgrade() {
    let wants = |fields: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let mut fields = no_fields();
        let head = parse(text.as_bytes(), &mut fields, &LIMITS).unwrap();
        Request::of_http1(&head).unwrap().websocket
    };
    assert!(wants("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"));
    assert!(!wants("Upgrade: websocket"), "not named in Connection");
    assert!(!wants("Connection: upgrade\r\nUpgrade: h2c"));
    assert!(!wants(
        "Connection: upgrade, http2-settings\r\nUpgrade: h2c, websocket"
    ));
}

#[test]
fn fields_named_in_connection_are_known() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-A\r\n\
                connection: x-b\r\n\r\n";
    let mut fields = no_fields();
    let head = parse(text.as_bytes(), &mut fields, &LIMITS).unwrap();
    let connection = Request::of_http1(&head).unwrap().connection;
    assert!(connection.names("x-a") && connection.names("X-B"));
    assert!(!connection.names("x-c"));
    assert!(!connection.keep_alive);
}

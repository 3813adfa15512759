//! Requests that two servers might read differently: refused, the connection
//! closed, and nothing of them reaches the backend.

use crate::{
    backend::Backend,
    stage::{Stage, status},
};

/// Each is followed by a request that would be smuggled.
const AMBIGUOUS: [&str; 48] = [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 44\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX:\r\n\ty\r\n\r\n",
    "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "POST / HTTP/1.1\r\nHost: a\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 44\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\ny\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
    "POST / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "POST http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "POST / HTTP/3.7\r\nHost: a\r\n\r\n",
    "POST /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a%2F..%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a/..;/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
];

#[tokio::test]
async fn an_ambiguous_head_is_refused_and_its_connection_closed() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    for head in AMBIGUOUS {
        let bytes = format!("{head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = stage.raw(bytes.as_bytes()).await;
        let got = status(&answer);
        assert!((400..600).contains(&got), "{head:?}: {answer}");
        assert!(answer.contains("Connection: close\r\n"), "{head:?}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{head:?}: {answer}"
        );
    }
    assert_eq!(backend.seen(), 0, "nothing reached the backend");
}

#[tokio::test]
async fn an_ambiguous_body_ends_the_connection() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    for body in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3;\n\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
        "3\r\nabc\r\n0\r\n X: y\r\n\r\n",
        "3\r\nabc\r\n0\n\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        let bytes = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             {body}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = stage.raw(bytes.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{body:?}: {answer}");
        assert!(!answer.contains("smuggled"), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 4").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn framing_is_written_anew() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let answer = stage
        .raw(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
              tRANSFER-eNCODING: CHUNKED\r\n\r\n\
              03;ext=\"1\"\r\nabc\r\n1\r\nd\r\n0;x\r\nX-T: 1\r\nHost: evil\r\n\r\n",
        )
        .await;
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    assert!(answer.contains("abcdX-T: 1\r\n"), "{answer}");
    assert!(!answer.contains("ext") && !answer.contains("evil"), "{answer}");
}

/// Responses that could be split or prefixed.
#[tokio::test]
async fn an_ambiguous_response_is_a_bad_gateway() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 xx OK\r\n\r\n",
        "garbage\r\n\r\n",
        "",
    ] {
        let hex: String =
            response.bytes().map(|byte| format!("{byte:02x}")).collect();
        let answer = stage.get(&format!("/raw/{hex}"), "").await;
        assert_eq!(status(&answer), 502, "{response:?}: {answer}");
    }
}

//! The PROXY protocol on a listener: mandatory, and believed from the trusted.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    backend::Backend,
    stage::{Stage, one_response, status},
};

async fn stage(backend: &Backend, takes: &str, trusted: &str) -> Stage {
    Stage::of(&format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', proxy_protocol: {takes}}}]\n\
         trusted_proxies: [{trusted}]\n\
         backends: [{{name: app, servers: ['http://{}']}}]\n",
        backend.address
    ))
    .await
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn both_versions_name_the_client() {
    let backend = Backend::start().await;
    let stage = stage(&backend, "any", "127.0.0.1/32").await;
    let v1 = b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 80\r\n".to_vec();
    let v4 = [192, 0, 2, 9, 10, 0, 0, 1, 0x12, 0x67, 0, 80, 4, 0, 1, 7];
    for header in [v1, v2(0x21, 0x11, &v4)] {
        let answer = stage.raw(&[&header, GET].concat()).await;
        assert!(answer.contains("\r\nX-Real-IP: 192.0.2.9\r\n"), "{answer}");
    }
    let local = [v2(0x20, 0, &[]), GET.to_vec()].concat();
    let answer = stage.raw(&local).await;
    assert!(answer.contains("\r\nX-Real-IP: 127.0.0.1\r\n"), "{answer}");
}

#[tokio::test]
async fn a_header_that_comes_in_pieces_is_the_same_header() {
    let backend = Backend::start().await;
    let stage = stage(&backend, "v1", "127.0.0.1/32").await;
    let mut stream = stage.connect().await;
    stream.set_nodelay(true).unwrap();
    for part in ["PROXY T", "CP4 192.0.2.9 10.0.0.1 4711 8", "0\r\nGET / HT"] {
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    stream.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = one_response(&mut stream).await;
    assert!(answer.contains("\r\nX-Real-IP: 192.0.2.9\r\n"), "{answer}");
}

#[tokio::test]
async fn without_a_proper_header_or_trust_the_connection_is_closed() {
    let backend = Backend::start().await;
    let v1 = "PROXY TCP4 192.0.2.9 10.0.0.1 4711 80\r\n";
    let untrusted = stage(&backend, "any", "10.0.0.1/32").await;
    let forged = [v1.as_bytes(), GET].concat();
    let strict = stage(&backend, "v2", "127.0.0.1/32").await;
    let plain = stage(&backend, "off", "127.0.0.1/32").await;
    for (stage, bytes) in
        [(&untrusted, forged.as_slice()), (&strict, GET), (&strict, &forged)]
    {
        let mut stream = stage.connect().await;
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    let answer = plain.raw(&forged).await;
    assert_eq!(status(&answer), 505, "no header is taken where it is off");
    assert_eq!(backend.seen(), 0);
}

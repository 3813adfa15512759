//! TLS towards clients: certificates by name, HTTP by ALPN; and to backends.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    backend::Backend,
    slow_tls::{late_backend, to_secure},
    stage::{Stage, status},
};

pub(crate) fn data(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tls");
    folder.join(name).display().to_string()
}

pub(crate) fn listener(certificates: &str) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', tls: default, http2: true}}]\n\
         tls: {{default: {{certs: [{certificates}]}}}}\n"
    )
}

async fn secure(
    stage: &Stage,
    name: &str,
    alpn: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    secure_over(stage.connect().await, name, alpn).await
}

pub(crate) async fn secure_over(
    stream: TcpStream,
    name: &str,
    alpn: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for file in ["shop.pem", "api.pem"] {
        roots.add(CertificateDer::from_pem_file(data(file)).unwrap()).unwrap();
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols.push(alpn.to_vec());
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn the_server_name_picks_the_certificate_and_alpn_the_protocol() {
    let backend = Backend::start().await;
    let certificates = format!(
        "{{cert: '{}', key: '{}'}}, {{cert: '{}', key: '{}'}}",
        data("shop.pem"),
        data("shop.key"),
        data("api.pem"),
        data("api.key")
    );
    let text = format!(
        "{}backends: [{{name: app, servers: ['http://{}']}}]\n",
        listener(&certificates),
        backend.address
    );
    let stage = Stage::of(&text).await;
    for name in ["shop.example", "api.example"] {
        let mut stream = secure(&stage, name, b"http/1.1").await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.contains("X-Forwarded-Proto: https\r\n"), "{answer}");
    }
    assert!(secure(&stage, "other.example", b"http/1.1").await.is_err());
    let stream = secure(&stage, "shop.example", b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
}

#[tokio::test]
async fn a_backend_with_https_is_verified() {
    // The gateway itself is the backend with TLS of another gateway.
    let backend = Backend::start().await;
    let certificate = format!(
        "{{cert: '{}', key: '{}'}}",
        data("shop.pem"),
        data("shop.key")
    );
    let inner = Stage::of(&format!(
        "{}backends: [{{name: app, servers: ['http://{}']}}]\n",
        listener(&certificate),
        backend.address
    ))
    .await;
    let outer = |tls: &str, http2: &str| {
        format!(
            "health: {{host: 127.0.0.1, port: 0}}\n\
             listeners: [{{bind: '127.0.0.1:0'}}]\n\
             backends: [{{name: app, servers: ['https://{}'], \
             http2: {http2}, tls: {{{tls}}}}}]\n",
            inner.address()
        )
    };
    let good = format!("ca: '{}', server_name: shop.example", data("shop.pem"));
    for http2 in ["false", "true"] {
        let stage = Stage::of(&outer(&good, http2)).await;
        let answer = stage.get("/", "").await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    let name =
        format!("ca: '{}', server_name: other.example", data("shop.pem"));
    let stage = Stage::of(&outer(&name, "false")).await;
    assert_eq!(status(&stage.get("/", "").await), 502, "another name");
    let ca = format!("ca: '{}', server_name: shop.example", data("api.pem"));
    let stage = Stage::of(&outer(&ca, "false")).await;
    assert_eq!(status(&stage.get("/", "").await), 502, "another authority");
    let stage = Stage::of(&outer("verify: false", "false")).await;
    assert_eq!(status(&stage.get("/", "").await), 200, "as the operator wants");
}

#[tokio::test]
async fn a_listener_that_is_no_longer_configured_keeps_its_certificate() {
    let backend = Backend::start().await;
    let certificate = format!(
        "{{cert: '{}', key: '{}'}}",
        data("shop.pem"),
        data("shop.key")
    );
    let text = format!(
        "{}backends: [{{name: app, servers: ['http://{}']}}]\n",
        listener(&certificate),
        backend.address
    );
    let stage = Stage::of(&text).await;
    let renamed = text.replace("default", "another");
    // Twice: it must outlive the reload after the next, too.
    for now in [1, 2] {
        std::fs::write(&stage.file, &renamed).unwrap();
        stage.gateway.reload(now).await.unwrap();
        secure(&stage, "shop.example", b"http/1.1").await.unwrap();
    }
}

#[tokio::test]
async fn a_reload_keeps_connections_over_tls_until_the_authority_changes() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::copy(data("shop.pem"), &ca).unwrap();
    let (address, connections) = late_backend().await;
    let text = to_secure(address, &ca.display().to_string());
    let stage = Stage::of(&text).await;
    let ask = async || {
        let answer = stage.get("/", "").await;
        (status(&answer), connections.load(SeqCst))
    };
    assert_eq!(ask().await, (200, 1));
    let rule = "rules: [{name: a, action: DENY, path: /a}]\n";
    std::fs::write(&stage.file, format!("{text}{rule}")).unwrap();
    stage.gateway.reload(1).await.unwrap();
    assert_eq!(status(&stage.get("/a", "").await), 403, "it is in force");
    assert_eq!(ask().await, (200, 1), "kept");
    // A second authority beside the first, and then it alone.
    let both = [data("shop.pem"), data("api.pem")]
        .map(|file| std::fs::read_to_string(file).unwrap())
        .concat();
    std::fs::write(&ca, both).unwrap();
    stage.gateway.reload(2).await.unwrap();
    assert_eq!(ask().await, (200, 2), "with whom it trusts now");
    std::fs::copy(data("api.pem"), &ca).unwrap();
    stage.gateway.reload(3).await.unwrap();
    assert_eq!(ask().await.0, 502, "trusted no longer");
}

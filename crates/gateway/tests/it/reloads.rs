//! What a reload changes beside the rules: how listeners take connections, and
//! whom crawlers' names are asked of.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
};

use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use crate::{
    backend::Backend,
    stage::{DEADLINE, Stage, status, yaml},
};

/// With the port that a listener needs to be known again after a reload.
fn text(address: SocketAddr, backend: SocketAddr, rest: &str) -> String {
    yaml(backend, "trusted_proxies: [127.0.0.1]\n").replace(
        "{bind: '127.0.0.1:0'}",
        &format!("{{bind: '{address}', {rest}}}"),
    )
}

#[tokio::test]
async fn a_reload_turns_the_proxy_protocol_on_and_off() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let backend = Backend::start().await;
    let off = text(address, backend.address, "proxy_protocol: off");
    let on = text(address, backend.address, "proxy_protocol: v1");
    let stage = Stage::of(&off).await;
    let plain = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let told = format!("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n{plain}");
    let asks = async || {
        let plain = status(&stage.raw(plain.as_bytes()).await);
        let told = status(&stage.raw(told.as_bytes()).await);
        (plain, told)
    };
    assert_eq!(asks().await, (200, 505));
    for _ in 0..2 {
        std::fs::write(&stage.file, &on).unwrap();
        stage.gateway.reload(1).await.unwrap();
        assert_eq!(asks().await, (0, 200), "only with a header");
        std::fs::write(&stage.file, &off).unwrap();
        stage.gateway.reload(2).await.unwrap();
        assert_eq!(asks().await, (200, 505));
    }
}

/// Whether a question has come to a name server.
async fn is_asked(server: &Arc<UdpSocket>) -> bool {
    let server = Arc::clone(server);
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let asked = spawn_blocking(move || server.recv(&mut [0; 512]).is_ok());
    asked.await.unwrap()
}

#[tokio::test]
async fn a_reload_asks_other_name_servers() {
    let server = || Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
    let (first, second) = (server(), server());
    let backend = Backend::start().await;
    let of = |server: &UdpSocket| {
        let at = server.local_addr().unwrap();
        let rest = format!(
            "resolver: {{servers: ['{at}'], timeout: 100ms}}\n\
             trusted_proxies: [127.0.0.1]\n\
             crawlers: {{robot: {{user_agent_regex: robot, \
             fcrdns: [robots.example]}}}}\n\
             rules: [{{name: robots, action: DENY, \
             expression: \"verifiedCrawler == 'robot'\"}}]\n"
        );
        yaml(backend.address, &rest)
    };
    let stage = Stage::of(&of(&first)).await;
    let (stop, stopped) = watch::channel(false);
    let gateway = Arc::clone(&stage.gateway);
    let names = tokio::spawn(async move {
        gateway.look_up_names(stopped).await;
    });
    let robot = "User-Agent: robot/1\r\nX-Forwarded-For: 192.0.2.9\r\n";
    stage.get("/", robot).await;
    assert!(is_asked(&first).await);
    std::fs::write(&stage.file, of(&second)).unwrap();
    stage.gateway.reload(1).await.unwrap();
    stage.get("/", robot).await;
    assert!(is_asked(&second).await, "the new one is asked");
    stop.send_replace(true);
    timeout(DEADLINE, names).await.expect("it ends").unwrap();
}

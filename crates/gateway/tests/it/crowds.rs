//! Clients that ask a backend of HTTP/2 for much and do not read it: others must
//! not notice them.

use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    frames::{Client, HEADERS, WINDOW},
    http2_backend,
    patience::{SECOND, config},
    stage::{Stage, status},
};

/// Each holds what one stream may hold.
#[tokio::test]
async fn who_does_not_read_keeps_no_backend_of_http_2_from_others() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    assert_eq!(status(&stage.get("/count", "").await), 200);
    let mut slow = Vec::new();
    for at in 1..=20 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(stage.address()).await.unwrap();
        let request = b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.unwrap();
        // Until it has come to a halt.
        sleep(SECOND / 20).await;
        slow.push(stream);
        if [3, 10, 20].contains(&at) {
            let answer = stage.get("/count", "").await;
            assert_eq!(status(&answer), 200, "beside {at}: {answer}");
        }
    }
}

/// More than the backend takes over one connection.
#[tokio::test]
async fn crowds_who_do_not_read_keep_no_backend_from_others() {
    for (streams, crowd) in [(200, 230), (5, 12)] {
        let backend = http2_backend::start_for(streams).await;
        let limits = "h2_streams: 250";
        let stage = Stage::of(&config(backend, "true", limits)).await;
        assert_eq!(status(&stage.get("/count", "").await), 200);
        let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
        for at in 0..crowd {
            client.ask(2 * at + 1, "GET", "/big").await;
        }
        for _ in 0..crowd {
            while client.next().await.unwrap().kind != HEADERS {}
        }
        let answer = stage.get("/count", "").await;
        assert_eq!(status(&answer), 200, "{streams}: {answer}");
    }
}

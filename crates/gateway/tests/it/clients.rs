//! Clients and backends that are slow, silent, gone, or half gone.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    backend::Backend,
    stage::{DEADLINE, Stage, one_response, status, yaml},
};

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut_in_time() {
    let backend = Backend::start().await;
    let rest = "limits: {header_timeout: 1s, idle_timeout: 2s}\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    let begun = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(tokio::spawn({
            let mut stream = stage.connect().await;
            async move {
                for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n".iter() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer).await;
                answer
            }
        }));
    }
    // Others are served meanwhile.
    assert_eq!(status(&stage.get("/", "").await), 200);
    for client in slow {
        let answer = client.await.unwrap();
        assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    }
    assert!(begun.elapsed() < DEADLINE);
    let idle = stage.connect().await;
    let mut idle = idle;
    let mut nothing = Vec::new();
    let closed = tokio::time::timeout(
        Duration::from_secs(10),
        idle.read_to_end(&mut nothing),
    );
    assert_eq!(closed.await.unwrap().unwrap(), 0, "idle: closed in silence");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_cut() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let head =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[tokio::test]
async fn a_backend_that_is_late_or_dies_has_its_own_status() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    assert_eq!(status(&stage.get("/hang", "").await), 504);
    assert_eq!(status(&stage.get("/die", "").await), 502);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let stage = Stage::plain(address).await;
    assert_eq!(status(&stage.get("/", "").await), 502);
    let text = stage.gateway.metrics_text().unwrap();
    let failed = "backend_errors_total{backend=\"app\",reason=\"connect\"} 2";
    assert!(text.contains(failed), "{text}");
}

#[tokio::test]
async fn a_client_that_has_said_everything_still_gets_its_answer() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let request =
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n3"), "{answer}");
    // One that goes away inside its request gets nothing, nor does it harm.
    let mut stream = stage.connect().await;
    let part =
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc";
    stream.write_all(part.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.is_empty() || status(&answer) == 400, "{answer}");
    assert_eq!(status(&stage.get("/", "").await), 200);
}

#[tokio::test]
async fn of_two_servers_the_living_one_answers_everything() {
    let backend = Backend::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = nobody.local_addr().unwrap();
    drop(nobody);
    let stage = Stage::of(&format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0'}}]\n\
         backends: [{{name: app, servers: ['http://{dead}', 'http://{}'], \
         balance: round_robin}}]\n",
        backend.address
    ))
    .await;
    for _ in 0..20 {
        assert_eq!(status(&stage.get("/", "").await), 200);
    }
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let mut stream = stage.connect().await;
    for _ in 0..5 {
        stream.write_all(post.as_bytes()).await.unwrap();
        assert_eq!(status(&one_response(&mut stream).await), 200);
    }
}

#[tokio::test]
async fn a_flood_of_garbage_leaves_the_gateway_standing() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..300 {
        let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n".to_vec();
        for _ in 0..4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = usize::try_from(state % 33).unwrap();
            bytes[at] = state.to_le_bytes()[5];
        }
        let mut stream = stage.connect().await;
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    assert_eq!(status(&stage.get("/", "").await), 200);
}

#[tokio::test]
async fn the_time_that_a_head_takes_is_no_silence_of_the_backend() {
    let backend = Backend::start().await;
    // Its `first_byte` is two seconds.
    let stage = Stage::plain(backend.address).await;
    let ask = async |method: &str, rest: &str| {
        let mut stream = stage.connect().await;
        let part = format!("{method} /count HTTP/1.1\r\nHost: ");
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        status(&one_response(&mut stream).await)
    };
    let (get, post) = tokio::join!(
        ask("GET", "a\r\n\r\n"),
        ask("POST", "a\r\nContent-Length: 3\r\n\r\nabc")
    );
    assert_eq!((get, post), (200, 200));
}

#[tokio::test]
async fn whoever_has_no_place_yet_keeps_none_from_others() {
    let backend = Backend::start().await;
    let text = yaml(backend.address, "limits: {connections: 1}\n").replace(
        "[{bind: '127.0.0.1:0'}]",
        "[{bind: '127.0.0.1:0'}, {bind: '127.0.0.1:0'}, \
         {bind: '127.0.0.1:0'}]",
    );
    let mut stage = Stage::of(&text).await;
    let ask = async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.unwrap();
        (status(&one_response(&mut stream).await), stream)
    };
    // One after the other: each has gone before the next one comes.
    for _ in 0..3 {
        for address in stage.addresses.clone() {
            assert_eq!(ask(address).await.0, 200, "{address}");
        }
    }
    // Whoever comes while the place is taken waits for it.
    let addresses = stage.addresses.clone();
    let (answer, held) = ask(addresses[0]).await;
    assert_eq!(answer, 200);
    let waits = tokio::time::timeout(Duration::from_millis(500), async {
        tokio::join!(ask(addresses[1]), ask(addresses[2]))
    });
    assert!(waits.await.is_err(), "more than one place");
    let next = async { ask(addresses[1]).await.0 };
    let (next, ()) = tokio::join!(next, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(held);
    });
    assert_eq!(next, 200);
    // At the end, too.
    let (_, held) = ask(addresses[0]).await;
    let late = async { ask(addresses[2]).await.0 };
    let (late, ()) = tokio::join!(late, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::join!(stage.ends(Duration::ZERO), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(held);
        });
    });
    assert_eq!(late, 200);
}

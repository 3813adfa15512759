//! Reloads and the end, while clients go on: no request fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use asgard_gateway::LoadError;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::{
    backend::Backend,
    stage::{Stage, one_response, status, yaml},
};

/// Clients that ask without pause until they are told to stop; an answer with
/// `Connection: close` makes them connect anew.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

/// Whether somebody listens as long as clients come.
enum IsServed {
    Always,
    UntilTheEnd,
}

impl Load {
    fn on(stage: &Stage, clients: usize, is_served: IsServed) -> Self {
        let is_served = matches!(is_served, IsServed::Always);
        let stop = Arc::new(AtomicBool::new(false));
        let good = Arc::new(AtomicUsize::new(0));
        let mut set = JoinSet::new();
        for _ in 0..clients {
            let (address, stop) = (stage.address(), Arc::clone(&stop));
            let good = Arc::clone(&good);
            set.spawn(async move {
                let mut failed = Vec::new();
                'connect: while !stop.load(SeqCst) {
                    let connected = TcpStream::connect(address).await;
                    let Ok(mut stream) = connected else {
                        if is_served {
                            failed.push("nobody listens".to_owned());
                        }
                        break;
                    };
                    while !stop.load(SeqCst) {
                        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
                        let sent = stream.write_all(request.as_bytes()).await;
                        let answer = match sent {
                            Ok(()) => one_response(&mut stream).await,
                            Err(_) => String::new(),
                        };
                        if status(&answer) != 200 {
                            failed.push(answer);
                            continue 'connect;
                        }
                        good.fetch_add(1, SeqCst);
                        if answer.contains("Connection: close\r\n") {
                            continue 'connect;
                        }
                    }
                }
                failed
            });
        }
        Self { stop, good, clients: set }
    }

    async fn ends(self) -> usize {
        self.stop.store(true, SeqCst);
        let failed = self.clients.join_all().await.concat();
        assert!(failed.is_empty(), "{} failed: {failed:?}", failed.len());
        self.good.load(SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_reloads_good_and_bad_lose_no_request() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let load = Load::on(&stage, 8, IsServed::Always);
    for round in 0..50 {
        let bad = round % 3 == 1;
        let rest = match bad {
            true => "no_such_key: 1\n".to_owned(),
            false => format!("trusted_proxies: [10.0.0.{round}/32]\n"),
        };
        std::fs::write(&stage.file, yaml(backend.address, &rest)).unwrap();
        let result = stage.gateway.reload(round).await;
        match bad {
            true => assert!(matches!(result, Err(LoadError::Faults(_)))),
            false => result.unwrap(),
        }
        let state = stage.gateway.last_reload();
        assert_eq!(state.error.is_some(), bad);
        assert_eq!(state.at, round);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let good = load.ends().await;
    assert!(good > 500, "{good} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_loses_no_request() {
    let backend = Backend::start().await;
    for _ in 0..10 {
        let mut stage = Stage::plain(backend.address).await;
        assert!(stage.gateway.is_ready());
        let load = Load::on(&stage, 8, IsServed::UntilTheEnd);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ending = stage.ends(Duration::from_millis(300));
        ending.await;
        assert!(!stage.gateway.is_ready());
        load.ends().await;
    }
}

/// Each on the port of the one before, which ends while it serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_restarts_lose_no_request() {
    let backend = Backend::start().await;
    let mut stage = Stage::plain(backend.address).await;
    let address = stage.address();
    let text = yaml(backend.address, "")
        .replace("'127.0.0.1:0'", &format!("'{address}'"));
    let load = Load::on(&stage, 16, IsServed::Always);
    for _ in 0..20 {
        let successor = Stage::of(&text).await;
        stage.ends(Duration::from_millis(100)).await;
        stage = successor;
    }
    let good = load.ends().await;
    assert!(good > 500, "{good} requests");
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end() {
    let backend = Backend::start().await;
    let mut stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let head =
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    let client = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.write_all(b"def").await.unwrap();
        one_response(&mut stream).await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage.ends(Duration::ZERO).await;
    let answer = client.await.unwrap();
    assert!(answer.ends_with("\r\n\r\n6"), "{answer}");
}

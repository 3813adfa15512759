//! Reloads that are refused after data were read for them: the data in force
//! are as if nobody had tried.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use asgard_model::mmdb::{Value, Writer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    backend::Backend,
    stage::{DEADLINE, Stage, status, yaml},
};

/// Puts a database in place in which `asn` has `networks` networks.
fn database(path: &Path, asn: u32, networks: u32, built: u64) {
    let mut writer = Writer::new("T", "t", built);
    let number = Value::Unsigned(asn.into());
    let fields = vec![("autonomous_system_number", number)];
    let record = writer.record(&Value::Map(fields)).unwrap();
    for n in 0..networks {
        let network = format!("203.0.{n}.0/24").parse().unwrap();
        writer.insert(network, record);
    }
    put(path, &writer.finish().unwrap());
}

fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[tokio::test]
async fn the_old_database_put_back_after_a_refusal_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    database(&path, 1, 4, 1_000_000_000);
    let old = std::fs::read(&path).unwrap();
    let backend = Backend::start().await;
    let text = format!(
        "trusted_proxies: [127.0.0.1]\n\
         features: {{asn: {{enabled: true, policy_usage: {{enabled: true}}, \
         database: {{source: file, path: '{}', refresh_interval: '0', \
         max_age: '0'}}}}}}\n\
         rules: [{{name: one, action: DENY, network: 1}}]\n\
         tests: [{{name: one, request: {{ip: 203.0.0.7}}, \
         expect: {{rule: one}}}}]\n",
        path.display()
    );
    let stage = Stage::of(&yaml(backend.address, &text)).await;
    stage.gateway.load_data(None).await.unwrap();
    database(&path, 2, 100, 2_000_000_000);
    let refused = stage.gateway.reload(1).await.unwrap_err().to_string();
    assert!(refused.contains("1 of 1 `tests`"), "{refused}");
    let before = &stage.gateway.data_status()[0];
    assert_eq!((before.entries, before.build_epoch), (4, 1_000_000_000));
    // Older and smaller than the one that was refused.
    put(&path, &old);
    stage.gateway.reload(2).await.unwrap();
    // A broken one is counted, and still tells of itself.
    put(&path, b"none");
    stage.gateway.reload(3).await.unwrap_err();
    let broken = &stage.gateway.data_status()[0];
    assert_eq!((broken.entries, broken.failures), (4, 1));
    assert!(broken.last_error.is_some());
    put(&path, &old);
    stage.gateway.reload(4).await.unwrap();
    assert_eq!(stage.gateway.data_status()[0].last_error, None);
    assert_eq!(stage.gateway.data_status()[0].failures, 1);
    let told = "X-Forwarded-For: 203.0.3.7\r\n";
    assert_eq!(status(&stage.get("/", told).await), 403);
}

/// Publishes a list with its tag, once it is told to.
#[derive(Default)]
struct Publisher {
    publishes: AtomicBool,
    asked: AtomicUsize,
}

impl Publisher {
    async fn start() -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let publisher = Arc::new(Self::default());
        let answering = Arc::clone(&publisher);
        tokio::spawn(async move { answering.answer(listener).await });
        (publisher, address)
    }

    async fn answer(&self, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let answer = match self.publishes.load(SeqCst) {
                false => "503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
                true if head.contains("if-none-match: \"1\"") => {
                    "304 Not Modified\r\n\r\n"
                }
                true => {
                    "200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n\
                     192.0.2.7\n"
                }
            };
            let answer = format!("HTTP/1.1 {answer}").replacen(
                "\r\n",
                "\r\nConnection: close\r\n",
                1,
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            self.asked.fetch_add(1, SeqCst);
        }
    }
}

#[tokio::test]
async fn a_list_that_came_only_for_a_refused_reload_comes_into_force() {
    let (publisher, at) = Publisher::start().await;
    let backend = Backend::start().await;
    let rest = format!(
        "trusted_proxies: [127.0.0.1]\n\
         ip_lists: {{bad: {{url: 'http://{at}/', refresh_interval: 2s}}}}\n\
         rules: [{{name: bad, action: DENY, ip_list: bad}}]\n"
    );
    let stage = Stage::of(&yaml(backend.address, &rest)).await;
    stage.gateway.load_data(None).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let keeper = Arc::clone(&stage.gateway);
    let fresh = tokio::spawn(async move { keeper.keep_fresh(stopped).await });
    let begun = Instant::now();
    // At the load, and at once after it; the next time in two seconds.
    while publisher.asked.load(SeqCst) < 2 {
        assert!(begun.elapsed() < DEADLINE, "nobody asks");
        sleep(Duration::from_millis(5)).await;
    }
    publisher.publishes.store(true, SeqCst);
    let failing = "tests: [{name: no, request: {ip: 192.0.2.8}, \
                   expect: {action: DENY}}]\n";
    let text = yaml(backend.address, &format!("{rest}{failing}"));
    std::fs::write(&stage.file, text).unwrap();
    stage.gateway.reload(1).await.unwrap_err();
    assert!(publisher.asked.load(SeqCst) >= 3, "the reload asks");
    let told = "X-Forwarded-For: 192.0.2.7\r\n";
    let begun = Instant::now();
    while status(&stage.get("/", told).await) != 403 {
        assert!(begun.elapsed() < DEADLINE, "the list is never in force");
        sleep(Duration::from_millis(50)).await;
    }
    stop.send_replace(true);
    timeout(DEADLINE, fresh).await.expect("it ends").unwrap();
}

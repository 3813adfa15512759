//! RIS Live from a local server that drops, stalls, lies and talks garbage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use asgard_ingest::{
    live::{
        Backoff, Bound, Counts, Dialler, Follower, Gap, Heard, Inbox, Item,
        Options, Subscription, Taken, listen,
    },
    supply::Egress,
};
use asgard_routing::event::What;
use futures_util::{SinkExt, StreamExt};
use rustls::RootCertStore;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Bytes, Message},
};

const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(400);

/// The n-th update: a route that comes, or one that goes.
fn update(n: u32) -> String {
    let [_, b, c, d] = n.to_be_bytes();
    let prefix = format!("{b}.{c}.{d}.0/24");
    let body = match n % 2 {
        0 => format!(
            r#""path":[64500,64501],"community":[[64500,{b}]],"origin":"IGP","announcements":[{{"next_hop":"192.0.2.1","prefixes":["{prefix}"]}}]"#
        ),
        _ => format!(r#""withdrawals":["{prefix}"]"#),
    };
    format!(
        r#"{{"type":"ris_message","data":{{"timestamp":1774778400.25,"peer":"192.0.2.1","peer_asn":"64500","id":"{n}","host":"rrc00","type":"UPDATE",{body}}}}}"#
    )
}

type Server = WebSocketStream<TcpStream>;

/// A port on which a server plays one script a connection, the last one again
/// and again.
async fn serve<F>(
    script: impl Fn(usize, Server) -> F + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for n in 0.. {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(socket) = accept_async(tcp).await else { continue };
            script(n, socket).await;
        }
    });
    address
}

/// Reads the two subscriptions of a client.
async fn subscriptions(socket: &mut Server) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < 2 {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
            Some(Ok(_)) => {}
            _ => break,
        }
    }
    texts
}

async fn say(socket: &mut Server, text: String) {
    // A client that is gone hears nothing.
    let _ = socket.send(Message::text(text)).await;
}

/// Keeps the connection as long as the client does.
async fn stay(mut socket: Server) {
    while let Some(Ok(_)) = socket.next().await {}
}

struct Client {
    inbox: Arc<Inbox>,
    task: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn client(address: SocketAddr, bound: Bound, allowed: &[&str]) -> Client {
    let inbox = Arc::new(Inbox::new(bound));
    let options = Options {
        url: format!("ws://{address}/v1/ws/?client=test"),
        subscription: Subscription::default(),
        backoff: Backoff {
            first: Duration::from_millis(20),
            most: Duration::from_secs(30),
        },
        connect: Duration::from_secs(5),
        ping: SILENCE / 4,
        silence: SILENCE,
    };
    let allowed = allowed.iter().map(|text| text.parse().unwrap());
    let egress = Egress::new(allowed.collect());
    let dialler = Dialler::new(egress, RootCertStore::empty());
    let filled = Arc::clone(&inbox);
    let task = tokio::spawn(async move {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
            state
        };
        listen(&options, &dialler, &filled, &mut random).await;
    });
    Client { inbox, task }
}

fn start(address: SocketAddr) -> Client {
    client(address, Bound::default(), &["127.0.0.0/8"])
}

impl Client {
    /// Items as they come, until `enough` says so.
    async fn items(
        &self,
        enough: impl Fn(&[Item]) -> bool + Send + 'static,
    ) -> Vec<Item> {
        let inbox = Arc::clone(&self.inbox);
        let reading = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let mut items = Vec::new();
            while !enough(&items) {
                assert!(begun.elapsed() < PATIENCE, "only {items:?}");
                inbox.take(&mut items, 64, SILENCE);
            }
            items
        });
        reading.await.unwrap()
    }

    async fn counts(&self, enough: impl Fn(&Counts) -> bool) -> Counts {
        let begun = Instant::now();
        loop {
            let counts = self.inbox.counters().counts();
            if enough(&counts) {
                return counts;
            }
            assert!(begun.elapsed() < PATIENCE, "only {counts:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn message(text: &str) -> Item {
    Item::Message(Bytes::copy_from_slice(text.as_bytes()))
}

fn messages(items: &[Item]) -> usize {
    items.iter().filter(|item| matches!(item, Item::Message(_))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_said_arrives_in_order() {
    let address = serve(|_, mut socket| async move {
        for text in subscriptions(&mut socket).await {
            say(&mut socket, text).await;
        }
        for n in 0..5000 {
            say(&mut socket, update(n)).await;
        }
        stay(socket).await;
    })
    .await;
    let client = start(address);
    let items = client.items(|items| items.len() >= 5002).await;
    let Item::Message(echo) = &items[1] else { panic!("{:?}", items[1]) };
    let echo = String::from_utf8_lossy(echo);
    assert!(echo.contains("RIS_PEER_STATE"), "{echo}");
    for n in 0..5000 {
        assert_eq!(items[n as usize + 2], message(&update(n)));
    }
    let counts = client.inbox.counters().counts();
    assert_eq!((counts.messages, counts.lost, counts.gaps), (5002, 0, 0));
    assert!(counts.connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_made_anew_and_leaves_a_gap() {
    let address = serve(|n, mut socket| async move {
        subscriptions(&mut socket).await;
        for i in 0..10 {
            let n = u32::try_from(n).unwrap() * 10 + i;
            say(&mut socket, update(n)).await;
        }
        match n {
            0 => drop(socket),
            1 => socket.close(None).await.unwrap(),
            _ => stay(socket).await,
        }
    })
    .await;
    let client = start(address);
    let items = client.items(|items| messages(items) >= 30).await;
    let gap = Item::Gap(Gap::Disconnected);
    let expected: Vec<Item> = (0..30)
        .flat_map(|n| {
            let gap = (n == 10 || n == 20).then(|| gap.clone());
            gap.into_iter().chain([message(&update(n))])
        })
        .collect();
    assert_eq!(items, expected);
    let counts = client.counts(|c| c.connections == 3).await;
    assert_eq!((counts.failures, counts.gaps, counts.lost), (2, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_too_large_or_no_text_ends_one_connection_only() {
    let address = serve(|n, mut socket| async move {
        subscriptions(&mut socket).await;
        say(&mut socket, update(0)).await;
        match n {
            0 => say(&mut socket, "x".repeat(2 << 20)).await,
            1 => {
                let raw = socket.get_mut();
                // A text frame that is not UTF-8.
                let _ = raw.write_all(&[0x81, 2, 0xff, 0xfe]).await;
            }
            2 => {
                let raw = socket.get_mut();
                // Reserved bits are set, and an opcode that is none.
                let _ = raw.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
            }
            _ => {}
        }
        stay(socket).await;
    })
    .await;
    let client = start(address);
    let items = client.items(|items| messages(items) >= 4).await;
    assert_eq!(items.len(), 7);
    let counts = client.counts(|c| c.connections == 4).await;
    assert_eq!((counts.messages, counts.failures), (4, 3));
    assert!(counts.last_end.unwrap().starts_with("the connection broke"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_in_a_frame_is_given_up() {
    let address = serve(|n, mut socket| async move {
        subscriptions(&mut socket).await;
        if n == 0 {
            // The head of a frame of 100 bytes, and then a byte now and then.
            let raw = socket.get_mut();
            let _ = raw.write_all(&[0x81, 100]).await;
            for _ in 0..100 {
                tokio::time::sleep(SILENCE / 8).await;
                if raw.write_all(b" ").await.is_err() {
                    return;
                }
            }
            return;
        }
        say(&mut socket, update(0)).await;
        stay(socket).await;
    })
    .await;
    let client = start(address);
    // The server takes one client at a time: it has to notice that the first
    // one is gone.
    let items = client.items(|items| messages(items) >= 1).await;
    assert_eq!(items.first(), Some(&Item::Gap(Gap::Disconnected)));
    let counts = client.inbox.counters().counts();
    assert_eq!(counts.messages, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_that_answers_pings_is_kept() {
    let address = serve(|_, mut socket| async move {
        subscriptions(&mut socket).await;
        // The library answers pings while it reads.
        stay(socket).await;
    })
    .await;
    let client = start(address);
    client.counts(|c| c.connected).await;
    tokio::time::sleep(SILENCE * 4).await;
    let counts = client.inbox.counters().counts();
    assert_eq!((counts.connections, counts.failures), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_is_counted_and_told_in_its_place() {
    let address = serve(|_, mut socket| async move {
        subscriptions(&mut socket).await;
        for n in 0..1000 {
            say(&mut socket, update(n)).await;
        }
        stay(socket).await;
    })
    .await;
    let bound = Bound { messages: 100, bytes: 1 << 20 };
    let client = client(address, bound, &["127.0.0.0/8"]);
    client.counts(|c| c.messages == 1000).await;
    let items = client.items(|items| items.len() >= 101).await;
    assert_eq!(messages(&items), 100);
    assert_eq!(items[99], message(&update(99)));
    assert_eq!(items[100], Item::Gap(Gap::Overflow(900)));
    let counts = client.inbox.counters().counts();
    assert_eq!((counts.lost, counts.gaps), (900, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_is_not_talked_to_unless_it_is_listed() {
    let address = serve(|_, socket| stay(socket)).await;
    let client = client(address, Bound::default(), &[]);
    let counts = client.counts(|c| c.failures >= 2).await;
    assert_eq!(counts.connections, 0);
    let why = counts.last_end.unwrap();
    assert!(why.contains("egress.allow_private"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_become_events_and_bad_ones_are_counted() {
    let address = serve(|_, mut socket| async move {
        subscriptions(&mut socket).await;
        let texts = [
            update(0),
            "garbage".to_owned(),
            r#"{"type":"pong","data":null}"#.to_owned(),
            r#"{"type":"ris_error","data":{"message":"no"}}"#.to_owned(),
            update(1),
            r#"{"type":"ris_message","data":{"timestamp":1,"peer":"192.0.2.1","peer_asn":"64500","host":"rrc00","type":"RIS_PEER_STATE","state":"down"}}"#
                .to_owned(),
        ];
        for text in texts {
            say(&mut socket, text).await;
        }
        let _ = socket.send(Message::binary(vec![1, 2, 3])).await;
        say(&mut socket, update(2)).await;
        stay(socket).await;
    })
    .await;
    let client = start(address);
    client.counts(|c| c.messages >= 6).await;
    let inbox = Arc::clone(&client.inbox);
    let heard = tokio::task::spawn_blocking(move || {
        let mut follower = Follower::default();
        let mut kinds = Vec::new();
        let mut sink = |heard: Heard<'_>| {
            kinds.push(match heard {
                Heard::Gap(_) => "gap",
                Heard::Event(event) => match event.what {
                    What::Announce { .. } => "announce",
                    What::Withdraw { .. } => "withdraw",
                    What::State { .. } => "state",
                    What::Rib { .. } => "rib",
                },
            });
            ControlFlow::Continue(())
        };
        assert_eq!(follower.follow(&inbox, PATIENCE, &mut sink), Taken::Items);
        (kinds, follower.events, follower.ignored, follower.bad)
    });
    let (kinds, events, ignored, bad) = heard.await.unwrap();
    assert_eq!(kinds, ["announce", "withdraw", "state", "announce"]);
    assert_eq!((events, ignored, bad), (4, 1, 1));
    let counts = client.inbox.counters().counts();
    assert_eq!((counts.refusals, counts.foreign), (1, 1));
}

/// A server with a certificate of its own, for `localhost`.
async fn serve_over_tls() -> (SocketAddr, RootCertStore) {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tls/");
    let file = |name: &str| format!("{folder}localhost.{name}");
    let certificate = CertificateDer::from_pem_file(file("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let Ok(mut socket) = accept_async(tls).await else { continue };
            let _ = socket.send(Message::text(update(0))).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    (address, roots)
}

async fn over_tls(roots: RootCertStore, address: SocketAddr) -> Client {
    let inbox = Arc::new(Inbox::new(Bound::default()));
    let options = Options {
        url: format!("wss://localhost:{}/", address.port()),
        backoff: Backoff {
            first: Duration::from_millis(20),
            most: Duration::from_secs(30),
        },
        ..Options::default()
    };
    let inside = ["127.0.0.0/8", "::1/128"].map(|t| t.parse().unwrap());
    let dialler = Dialler::new(Egress::new(inside.to_vec()), roots);
    let filled = Arc::clone(&inbox);
    let task = tokio::spawn(async move {
        listen(&options, &dialler, &filled, &mut || 1).await;
    });
    Client { inbox, task }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_a_certificate_that_is_trusted_will_do() {
    let (address, roots) = serve_over_tls().await;
    let good = over_tls(roots, address).await;
    let items = good.items(|items| !items.is_empty()).await;
    assert_eq!(items, [message(&update(0))]);
    drop(good);
    let bad = over_tls(RootCertStore::empty(), address).await;
    let counts = bad.counts(|c| c.failures >= 1).await;
    assert_eq!(counts.connections, 0);
    let why = counts.last_end.unwrap();
    assert!(why.contains("certificate"), "{why}");
}

//! Crawlers by range and by name, with a name server on loopback.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use asgard_policy::gate::{FeedIndex, ReverseName, ReverseNames};
use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use tokio::{net::UdpSocket, sync::watch};

use super::{reverse::reverse_dns, *};
use crate::config::Resolver;

const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1)";

/// Names by address, and addresses by name.
#[derive(Clone, Default)]
struct Zone {
    names: BTreeMap<IpAddr, &'static str>,
    addresses: BTreeMap<&'static str, IpAddr>,
    /// Answers SERVFAIL to everything.
    broken: bool,
}

/// Serves a zone until the test ends.
async fn name_server(zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let answer = answer(&zone, &question).to_vec().unwrap();
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

fn answer(zone: &Zone, question: &Message) -> Message {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.id, question.op_code);
    answer.add_query(query.clone());
    if zone.broken {
        answer.metadata.response_code = ResponseCode::ServFail;
        return answer;
    }
    let name = query.name().to_ascii().to_ascii_lowercase();
    let data = match query.query_type() {
        RecordType::PTR => zone
            .names
            .iter()
            .find(|(ip, _)| Name::from(**ip).to_ascii() == name)
            .map(|(_, name)| {
                RData::PTR(rdata::PTR(Name::from_ascii(name).unwrap()))
            }),
        RecordType::A => match zone.addresses.get(name.trim_end_matches('.')) {
            Some(IpAddr::V4(v4)) => Some(RData::A(rdata::A(*v4))),
            _ => None,
        },
        _ => None,
    };
    match data {
        Some(data) => {
            let record = Record::from_rdata(query.name().clone(), 60, data);
            answer.add_answer(record);
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

struct Ranges(Option<bool>);

impl Lists for Ranges {
    fn in_list(&self, _: ListIndex) -> Option<bool> {
        self.0
    }
    fn in_feed(&self, _: FeedIndex) -> Option<bool> {
        None
    }
}

fn config(ip_list: Option<usize>, fcrdns: &[&str]) -> CrawlerConfig {
    CrawlerConfig {
        name: "googlebot".into(),
        user_agent_regex: "Googlebot|AdsBot-Google".into(),
        ip_list,
        fcrdns: fcrdns.iter().map(|&d| d.to_owned()).collect(),
        on_pending: OnPending::Skip,
    }
}

fn resolver(server: SocketAddr) -> Resolver {
    Resolver {
        servers: vec![server],
        timeout: Duration::from_millis(500),
        in_flight: 4,
        cache: 100,
        ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(60),
    }
}

/// Crawlers with a running worker, which ends with the sender.
async fn crawlers(
    zone: Zone,
    config: CrawlerConfig,
) -> (Crawlers, watch::Sender<bool>) {
    let resolver = resolver(name_server(zone).await);
    let (names, worker) = reverse_dns(&resolver, None).unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(worker.run(stopped));
    (Crawlers::new(&[config], names).unwrap(), stop)
}

fn zone() -> Zone {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    Zone {
        names: [
            (ip("66.249.66.1"), "crawl-66-249-66-1.googlebot.com."),
            (ip("198.51.100.1"), "crawl-66-249-66-1.googlebot.com."),
            (ip("198.51.100.2"), "evilgooglebot.com."),
            (ip("198.51.100.3"), "googlebot.com.evil.example."),
        ]
        .into(),
        addresses: [
            ("crawl-66-249-66-1.googlebot.com", ip("66.249.66.1")),
            ("evilgooglebot.com", ip("198.51.100.2")),
            ("googlebot.com.evil.example", ip("198.51.100.3")),
        ]
        .into(),
        broken: false,
    }
}

/// Asks until the answer is not "pending", at most five seconds.
async fn settled<'c>(crawlers: &'c Crawlers, address: &str) -> Crawler<'c> {
    let address = address.parse().unwrap();
    for _ in 0..500 {
        match crawlers.identify(BOT, address, &Ranges(None)) {
            Crawler::Pending { .. } => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            settled => return settled,
        }
    }
    panic!("still pending");
}

#[tokio::test]
async fn a_crawler_is_verified_by_its_name_after_a_first_pending_sight() {
    let config = config(None, &["googlebot.com", "google.com"]);
    let (crawlers, _stop) = crawlers(zone(), config).await;
    let address = "66.249.66.1".parse().unwrap();
    let first = crawlers.identify(BOT, address, &Ranges(None));
    assert_eq!(first, Crawler::Pending { name: "googlebot", retry: false });
    let verified = settled(&crawlers, "66.249.66.1").await;
    assert_eq!(verified, Crawler::Verified("googlebot"));
    // An honest address with another agent is no crawler, and asks nothing.
    let other = crawlers.identify("curl/8", address, &Ranges(None));
    assert_eq!(other, Crawler::None);
    let names = crawlers.names().of(address);
    assert_eq!(
        names.confirmed(),
        ReverseName::Confirmed("crawl-66-249-66-1.googlebot.com")
    );
}

#[tokio::test]
async fn a_name_that_does_not_lead_back_proves_nothing() {
    let config = config(None, &["googlebot.com"]);
    let (crawlers, _stop) = crawlers(zone(), config).await;
    // PTR says googlebot.com, whose address is another; a domain that only
    // ends in the same letters; one that only begins so; no name at all.
    for address in
        ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"]
    {
        let settled = settled(&crawlers, address).await;
        assert_eq!(settled, Crawler::None, "{address}");
    }
    let names = crawlers.names().of("198.51.100.4".parse().unwrap());
    assert_eq!(names.confirmed(), ReverseName::Unconfirmed);
}

#[tokio::test]
async fn published_ranges_are_believed_without_dns() {
    let (crawlers, _stop) =
        crawlers(zone(), config(Some(0), &["googlebot.com"])).await;
    let address = "192.0.2.1".parse().unwrap();
    let inside = crawlers.identify(BOT, address, &Ranges(Some(true)));
    assert_eq!(inside, Crawler::Verified("googlebot"));
    assert!(crawlers.names().is_empty());
    let outside = crawlers.identify(BOT, address, &Ranges(Some(false)));
    assert!(matches!(outside, Crawler::Pending { .. }), "DNS may know");
}

#[tokio::test]
async fn ranges_alone_decide_when_no_domain_is_listed() {
    let (crawlers, _stop) = crawlers(zone(), config(Some(0), &[])).await;
    let address = "192.0.2.1".parse().unwrap();
    let at = |ranges| crawlers.identify(BOT, address, &Ranges(ranges));
    assert_eq!(at(Some(true)), Crawler::Verified("googlebot"));
    assert_eq!(at(Some(false)), Crawler::None);
    assert!(matches!(at(None), Crawler::Pending { .. }), "not loaded yet");
}

#[tokio::test]
async fn a_broken_name_server_leaves_a_visitor_unverified() {
    let zone = Zone { broken: true, ..Zone::default() };
    let (crawlers, _stop) =
        crawlers(zone, config(None, &["googlebot.com"])).await;
    assert_eq!(settled(&crawlers, "66.249.66.1").await, Crawler::None);
    let failed = crawlers.names().counts()[2];
    assert_eq!(failed, ("failed", 1));
}

#[tokio::test]
async fn questions_and_answers_are_bounded() {
    // Nobody reads from this socket: every question hangs until its time-out.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver = resolver(silent.local_addr().unwrap());
    let (names, worker) = reverse_dns(&resolver, None).unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(worker.run(stopped));
    for n in 0..50u32 {
        let address = std::net::Ipv4Addr::from_bits(n).into();
        assert!(names.get(address).is_none());
    }
    let dropped = names.counts()[3].1;
    assert!((46..=49).contains(&dropped), "{dropped} of 50, 4 slots");
}

#[tokio::test]
async fn the_cache_forgets_the_oldest() {
    let resolver = Resolver {
        cache: 3,
        in_flight: 10,
        ..resolver(name_server(Zone::default()).await)
    };
    let (names, worker) = reverse_dns(&resolver, None).unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(worker.run(stopped));
    for n in 0..10u32 {
        let address = std::net::Ipv4Addr::from_bits(n).into();
        while names.get(address).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(names.len(), 3);
}

#[test]
fn domains_end_at_a_label_boundary() {
    assert!(below("a.googlebot.com", "googlebot.com"));
    assert!(below("googlebot.com", "googlebot.com"));
    assert!(below("a.googlebot.com", ".googlebot.com"));
    assert!(!below("agooglebot.com", "googlebot.com"));
    assert!(!below("googlebot.com.x", "googlebot.com"));
    assert!(!below("anything", ""));
}

#[test]
fn a_pattern_that_is_none_is_refused_with_its_crawler() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let resolver = resolver("127.0.0.1:9".parse().unwrap());
    let (names, _worker) = reverse_dns(&resolver, None).unwrap();
    let bad =
        CrawlerConfig { user_agent_regex: "(".into(), ..config(None, &[]) };
    let refused = Crawlers::new(&[bad], Arc::clone(&names)).unwrap_err();
    assert!(
        refused.to_string().starts_with("crawlers.googlebot.user_agent_regex")
    );
}

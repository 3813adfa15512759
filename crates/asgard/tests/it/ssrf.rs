//! Domains that lead to the inside: refused, whatever the name server says,
//! and nobody is connected to.

mod cases;
mod name_server;

use std::{
    io::ErrorKind,
    net::{IpAddr, TcpListener},
};

use serde_json::{Value, json};

use self::{
    cases::{Case, PUBLIC_V4, PUBLIC_V6},
    name_server::{NameServer, Script},
};
use crate::{
    http::{Reply, Request},
    server::Server,
    world::{World, truth_of_demo},
};

/// A demo that asks a name server of ours.
struct Scene {
    dns: NameServer,
    server: Server,
    key: String,
    _world: World,
}

impl Scene {
    fn new() -> Self {
        let dns = NameServer::start();
        let world = World::demo();
        let config = world.write("asgard.yaml", "dns_timeout_seconds: 1\n");
        let key = world.key("read");
        let server = world
            .serve()
            .args(["--config".into(), config])
            .args(["--resolver", &dns.address.to_string()])
            .ready();
        Self { dns, server, key, _world: world }
    }

    fn ask(&self, domain: &str) -> Reply {
        let mut path = "/v1/tools/domain-risk?domain=".to_owned();
        for byte in domain.bytes() {
            path += &format!("%{byte:02X}");
        }
        self.server.ask(Request::get(&path).key(&self.key))
    }

    fn refuses(&self, case: &Case) {
        let reply = self.ask(&case.domain);
        assert_eq!(reply.status, 400, "{case:?}: {reply:?}");
        assert_eq!(reply.json()["code"], "HTTP_400", "{case:?}");
    }

    fn tell(&self, name: &str, addresses: &[&str]) {
        let all = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.dns.tell(name, Script::Addresses(all));
    }
}

/// Listeners where a connection would arrive that must not be made.
struct Traps(Vec<TcpListener>);

impl Traps {
    fn set() -> Self {
        let mut traps = Vec::new();
        for host in ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1"] {
            let host: IpAddr = host.parse().unwrap();
            // Some ports are not ours to take, and some machines lack IPv6.
            for port in [0, 80, 443, 8000, 8080] {
                traps.extend(TcpListener::bind((host, port)));
            }
        }
        assert!(traps.len() >= 3, "only {} listeners", traps.len());
        Self(traps)
    }

    /// Connections that wait to be accepted.
    fn caught(&self) -> usize {
        self.0.iter().map(waiting).sum()
    }
}

fn waiting(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    let mut count = 0;
    loop {
        match listener.accept() {
            Ok(_) => count += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return count;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn no_domain_leads_to_the_inside() {
    let traps = Traps::set();
    let scene = Scene::new();
    scene.tell("inside.example", &["127.0.0.1"]);
    scene.dns.tell("loop.example", Script::Alias("loop.example".to_owned()));
    let cases = cases::all();
    let (names, literals): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.asks);
    for case in literals {
        scene.refuses(case);
    }
    assert_eq!(scene.dns.questions(), 0, "nobody needs to be asked");
    for case in names {
        if let Some((name, script)) = &case.script {
            let before = scene.dns.asked(name);
            scene.dns.tell(name, script.clone());
            scene.refuses(case);
            assert!(scene.dns.asked(name) > before, "{case:?}");
        }
    }
    println!("SSRF battery: {} cases, all refused", cases.len());
    assert!(cases.len() >= 200);
    assert_eq!(traps.caught(), 0);
    // The server lives, and the battery could have found something.
    scene.tell("good.example", &[PUBLIC_V4, PUBLIC_V6]);
    assert_eq!(scene.ask("good.example").ok()["resolved_ip"], PUBLIC_V4);
    drop(std::net::TcpStream::connect(traps.0[0].local_addr().unwrap()));
    assert_eq!(traps.caught(), 1, "the traps work");
}

#[test]
fn a_name_that_rebinds_is_resolved_once_and_refused_the_next_time() {
    let traps = Traps::set();
    let scene = Scene::new();
    let (public, local) = ("8.8.8.8", "127.0.0.1");
    let script = |a: &str, b: &str| {
        Script::Rebinding(a.parse().unwrap(), b.parse().unwrap())
    };
    scene.dns.tell("rebind.example", script(public, local));
    scene.dns.tell("back.example", script(local, public));
    let body = scene.ask("rebind.example").ok();
    assert_eq!(body["resolved_ip"], public);
    // One question for A and one for AAAA.
    assert_eq!(scene.dns.asked("rebind.example"), 2);
    assert_eq!(scene.ask("rebind.example").status, 400);
    assert_eq!(scene.ask("back.example").status, 400);
    assert_eq!(scene.ask("back.example").ok()["resolved_ip"], public);
    assert_eq!(traps.caught(), 0);
}

#[test]
fn public_addresses_are_judged_however_they_are_told() {
    let scene = Scene::new();
    let all = |text: &str| vec![text.parse().unwrap()];
    scene.tell("direct.example", &[PUBLIC_V4]);
    scene.tell("six.example", &[PUBLIC_V6]);
    scene.dns.tell("alias.example", Script::Alias("direct.example".to_owned()));
    let with = Script::AliasWith("target.example".to_owned(), all(PUBLIC_V4));
    scene.dns.tell("inline.example", with);
    scene.dns.tell("cut.example", Script::Truncated(all(PUBLIC_V4)));
    scene.tell("xn--bcher-kva.example", &[PUBLIC_V4]);
    for (domain, address) in [
        ("direct.example", PUBLIC_V4),
        ("DIRECT.example.", PUBLIC_V4),
        ("six.example", PUBLIC_V6),
        ("alias.example", PUBLIC_V4),
        ("inline.example", PUBLIC_V4),
        ("cut.example", PUBLIC_V4),
        ("bücher.example", PUBLIC_V4),
        (PUBLIC_V4, PUBLIC_V4),
        (PUBLIC_V6, PUBLIC_V6),
    ] {
        let body = scene.ask(domain).ok();
        assert_eq!(body["domain"], domain);
        assert_eq!(body["resolved_ip"], address, "{domain}");
        assert_eq!(body["asn"], 15_169, "{domain}");
        assert_eq!(body["infrastructure_risk"]["name"], "GOOGLE");
        assert_eq!(body["asn_source"], "routing_table", "{domain}");
    }
}

/// An address that nobody in the demo announces.
fn unannounced(scene: &Scene) -> String {
    let status = scene.server.read("/v1/status", &scene.key);
    let routes = truth_of_demo(&status).routes;
    let candidates = ["9.9.9.9", "45.45.45.45", "80.80.80.80", "223.5.5.5"];
    let free = |text: &&str| {
        let address: IpAddr = text.parse().unwrap();
        !routes.iter().any(|route| route.prefix.contains(address))
    };
    candidates.into_iter().find(free).expect("some space is free").to_owned()
}

#[test]
fn team_cymru_answers_where_the_table_does_not() {
    let scene = Scene::new();
    let address = unannounced(&scene);
    scene.tell("elsewhere.example", &[&address]);
    let mut octets: Vec<&str> = address.split('.').collect();
    octets.reverse();
    let question = format!("{}.origin.asn.cymru.com", octets.join("."));
    let texts = |lines: &[&[&str]]| {
        let own = |text: &&str| (*text).to_owned();
        let record = |line: &&[&str]| line.iter().map(own).collect();
        Script::Texts(lines.iter().map(record).collect())
    };
    let (wide, narrow) = ("1299 | 8.0.0.0/7 | US | arin |", " | US | arin |");
    for (script, asn) in [
        (texts(&[&["15169 3356 | 9.9.9.0/24", narrow]]), json!(15_169)),
        (texts(&[&[wide], &["15169 | 9.9.9.0/24 | US"]]), json!(15_169)),
        (texts(&[&["4200000000 | 9.9.9.0/24 | US"]]), json!(4_200_000_000_u32)),
        (texts(&[&["NA | | | |"], &["garbage"]]), Value::Null),
        (Script::Code(3), Value::Null),
        (Script::Code(2), Value::Null),
        (Script::Garbage(vec![0xff; 40]), Value::Null),
        (Script::Silence, Value::Null),
    ] {
        scene.dns.tell(&question, script.clone());
        let body = scene.ask("elsewhere.example").ok();
        assert_eq!(body["asn"], asn, "{script:?}: {body}");
        assert_eq!(body["resolved_ip"], address.as_str());
        let risk = &body["infrastructure_risk"];
        match asn.as_u64() {
            None => {
                assert_eq!(body["error"], "Could not map IP to an ASN");
                assert_eq!(body["asn_source"], Value::Null);
            }
            Some(15_169) => assert_eq!(risk["name"], "GOOGLE"),
            Some(_) => assert_eq!(
                *risk,
                json!({"asn": asn, "status": "Not scored yet"})
            ),
        }
    }
    assert!(scene.dns.asked(&question) >= 8);
}

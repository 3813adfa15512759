//! A real gateway with the table of a real asgard: it is told what changes, and
//! whatever happens to the way between, it ends with what the server has.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use asgard_model::NetworkTable;
use serde_json::json;

use super::{
    Running,
    echo::{Asking, echo, head, header},
    start_on,
};
use crate::{
    http::Request,
    server::{DEADLINE, Server, eventually},
    world::{World, numbers},
};

/// Between gateway and server: what was asked, and what is done to answers.
#[derive(Clone, Default)]
struct Between {
    server: Arc<Mutex<Option<SocketAddr>>>,
    asked: Arc<Mutex<Vec<String>>>,
    spoils: Arc<Mutex<bool>>,
}

impl Between {
    fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let between = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let between = between.clone();
                thread::spawn(move || between.pass(stream));
            }
        });
        address
    }

    /// One exchange a connection.
    fn pass(&self, mut gateway: TcpStream) -> Option<()> {
        let head = head(&mut gateway, &mut Vec::new())?;
        let line = head.lines().next()?.to_owned();
        let to = (*self.server.lock().unwrap())?;
        let mut server = TcpStream::connect(to).ok()?;
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        server.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        let status = String::from_utf8_lossy(&answer[..12.min(answer.len())]);
        self.asked.lock().unwrap().push(format!("{line}: {status}"));
        if line.contains("/changes") && *self.spoils.lock().unwrap() {
            let last = answer.last_mut()?;
            *last ^= 1;
        }
        gateway.write_all(&answer).ok()
    }

    /// How often something was answered in a way.
    fn count(&self, path: &str, status: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        let matching = asked.iter().filter(|line| {
            line.contains(&format!("{path} "))
                || line.contains(&format!("{path}?"))
        });
        matching.filter(|line| line.ends_with(status)).count()
    }
}

const WHOLE: &str = "/v1/gateway/table";
const CHANGES: &str = "/v1/gateway/table/changes";

struct Scene {
    world: World,
    server: Option<Server>,
    key: String,
    between: Between,
    address: SocketAddr,
    home: tempfile::TempDir,
    /// Bad networks, each with one of its addresses.
    bad: Vec<(u32, IpAddr)>,
}

impl Scene {
    fn new() -> Self {
        let world = World::tiny();
        let key = world.key("admin");
        let server = world.serve().settled();
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("asn.mmdb");
        let out = file.to_str().unwrap();
        world.administer(&["mmdb", "build", "--out", out]).exits(0);
        let table = NetworkTable::from_mmdb(&std::fs::read(file).unwrap());
        let table = table.unwrap();
        let wanted = numbers(&world.truth().bulletproof);
        let bad: Vec<_> = wanted
            .into_iter()
            .filter_map(|asn| Some((asn, address_of(&table, asn)?)))
            .collect();
        assert!(bad.len() >= 2, "{bad:?}");
        std::fs::write(home.path().join("key"), &key).unwrap();
        let between = Between::default();
        *between.server.lock().unwrap() = Some(server.address);
        let address = between.start();
        let server = Some(server);
        Self { world, server, key, between, address, home, bad }
    }

    fn gateway(&self) -> Running {
        let home = self.home.path().display();
        let rest = format!(
            "trusted_proxies: [127.0.0.1/32]\n\
             asgard: {{url: 'http://{}', key_file: '{home}/key', poll: 100ms}}\n\
             features:\n  asn:\n    enabled: true\n    \
             database: {{source: asgard, max_age: '0'}}\n    \
             downstream_headers: {{enabled: true, score: X-Score}}\n    \
             policy_usage: {{enabled: true}}\n",
            self.address
        );
        let data = format!("{home}/data");
        start_on(echo(), &rest, &["--data-dir", &data])
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn trust(&self, asn: u32) {
        let body = json!({ "asn": asn, "reason": "ours" }).to_string();
        let request = Request::post("/v1/whitelist", &body).key(&self.key);
        self.server().ask(request).ok();
    }

    fn distrust(&self, asn: u32) {
        let path = format!("/v1/whitelist/{asn}");
        self.server().ask(Request::delete(&path).key(&self.key)).ok();
    }

    fn score(&self, asn: u32) -> u64 {
        let path = format!("/v1/asn/{asn}");
        let profile = self.server().read(&path, &self.key);
        profile["risk_score"].as_u64().unwrap()
    }

    /// Waits until a gateway says of all bad networks what the server says.
    fn agree(&self, running: &Running) {
        for &(asn, address) in &self.bad {
            let wanted = self.score(asn).to_string();
            eventually("the score of the server", DEADLINE, || {
                let mut asking = Asking::of(running.proxy)?;
                let head = asking.ask(&address.to_string()).unwrap();
                let number = header(&head, "x-rescaled-asn-number");
                assert_eq!(number, Some(asn.to_string().as_str()));
                (header(&head, "x-score") == Some(&wanted)).then_some(())
            });
        }
    }
}

fn address_of(table: &NetworkTable, asn: u32) -> Option<IpAddr> {
    (0x0100_0000_u32..0xdf00_0000).step_by(256).find_map(|bits| {
        let address = Ipv4Addr::from_bits(bits + 1).into();
        let found = table.lookup(address)?;
        (found.asn.0 == asn).then_some(address)
    })
}

#[test]
fn a_gateway_is_told_what_changed_and_not_everything_again() {
    let scene = Scene::new();
    let running = scene.gateway();
    scene.agree(&running);
    assert_eq!(scene.between.count(WHOLE, " 200"), 1);
    let (first, _) = scene.bad[0];
    let before = scene.score(first);
    scene.trust(first);
    assert!(before < 50 && scene.score(first) == 100);
    scene.agree(&running);
    scene.trust(scene.bad[1].0);
    scene.agree(&running);
    scene.distrust(first);
    scene.agree(&running);
    assert_eq!(scene.between.count(WHOLE, " 200"), 1, "one whole");
    assert!(scene.between.count(CHANGES, " 200") >= 3);
    eventually("nothing changed", DEADLINE, || {
        (scene.between.count(CHANGES, " 304") > 0).then_some(())
    });
    // What it has on disk is the whole and the changes: with the server away
    // it starts with both.
    *scene.between.server.lock().unwrap() = None;
    drop(running);
    let again = scene.gateway();
    scene.agree(&again);
}

#[test]
fn a_broken_change_is_refused_and_the_whole_is_fetched() {
    let scene = Scene::new();
    let running = scene.gateway();
    scene.agree(&running);
    *scene.between.spoils.lock().unwrap() = true;
    scene.trust(scene.bad[0].0);
    scene.agree(&running);
    assert_eq!(scene.between.count(WHOLE, " 200"), 2);
    *scene.between.spoils.lock().unwrap() = false;
    scene.trust(scene.bad[1].0);
    scene.agree(&running);
    assert_eq!(scene.between.count(WHOLE, " 200"), 2, "changes are back");
}

#[test]
fn a_server_that_has_forgotten_the_way_is_asked_for_the_whole() {
    let mut scene = Scene::new();
    let running = scene.gateway();
    scene.agree(&running);
    // A table that only the gateway still knows.
    scene.trust(scene.bad[0].0);
    scene.agree(&running);
    *scene.between.server.lock().unwrap() = None;
    scene.trust(scene.bad[1].0);
    let server = scene.server.take().unwrap();
    server.stop().exits(0);
    let server = scene.world.serve().settled();
    *scene.between.server.lock().unwrap() = Some(server.address);
    scene.server = Some(server);
    scene.agree(&running);
    assert!(scene.between.count(CHANGES, " 410") > 0);
    assert!(scene.between.count(WHOLE, " 200") >= 2);
}

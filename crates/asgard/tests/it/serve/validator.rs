//! RPKI from a real cache (`StayRTR`): its word rules over files, its changes
//! show, and when it is away its last word stays.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use asgard_model::{Asn, Prefix};
use asgard_synth::RouteTruth;
use serde_json::{Value, json};

use crate::{
    server::{DEADLINE, Server, eventually},
    world::World,
};

/// A cache that ends with the test.
struct Cache {
    child: Child,
    file: PathBuf,
    address: SocketAddr,
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cache {
    /// `None` if there is no such program here.
    fn start(dir: &Path, roas: &[(Prefix, Asn)]) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let file = dir.join("rpki.json");
        write(&file, roas);
        let child = run(address, &file);
        if child.is_none() {
            println!("SKIP stayrtr: not installed");
        }
        Some(Self { child: child?, file, address })
    }

    fn says(&self, roas: &[(Prefix, Asn)]) {
        write(&self.file, roas);
    }

    /// Ends it, as a crash would.
    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again: another session, which knows no serial of the last.
    fn again(&mut self, roas: &[(Prefix, Asn)]) {
        self.says(roas);
        self.child = run(self.address, &self.file).unwrap();
    }
}

fn run(address: SocketAddr, file: &Path) -> Option<Child> {
    Command::new("stayrtr")
        .args(["-checktime=false", "-refresh", "1", "-metrics.addr", ""])
        .arg("-bind")
        .arg(address.to_string())
        .arg("-cache")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

fn write(file: &Path, roas: &[(Prefix, Asn)]) {
    let roa = |(prefix, asn): &(Prefix, Asn)| {
        json!({"asn": asn.0, "prefix": prefix.to_string(),
            "maxLength": prefix.len(), "ta": "made"})
    };
    let roas: Vec<Value> = roas.iter().map(roa).collect();
    let metadata = json!({"buildtime": "2026-06-27T10:00:00Z"});
    let text = json!({"metadata": metadata, "roas": roas}).to_string();
    // At once: half a file would be another set.
    let half = file.with_extension("new");
    fs::write(&half, text).unwrap();
    fs::rename(half, file).unwrap();
}

fn routes(world: &World, rov: &str) -> Vec<RouteTruth> {
    let routes = world.truth().routes.into_iter();
    routes.filter(|route| format!("{:?}", route.rov) == rov).collect()
}

/// The verdict on a route.
fn verdict(server: &Server, key: &str, route: &RouteTruth) -> String {
    let path = format!("/v1/prefix/{}", route.prefix);
    let body = server.read(&path, key);
    let origins = body["origins"].as_array().unwrap();
    let is_own = |origin: &&Value| origin["asn"] == route.origin.0;
    let origin = origins.iter().find(is_own);
    origin.unwrap_or_else(|| panic!("{route:?}: {body}"))["rpki"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn validator(server: &Server, key: &str) -> Value {
    server.read("/v1/status", key)["rtr"][0].clone()
}

fn turns(server: &Server, key: &str, route: &RouteTruth, to: &str) {
    eventually(to, DEADLINE, || {
        (verdict(server, key, route) == to).then_some(())
    });
}

#[test]
fn a_validator_rules_over_files_until_its_word_runs_out() {
    let world = World::tiny();
    let dir = tempfile::tempdir().unwrap();
    let signed = routes(&world, "Valid")[0];
    let bare = routes(&world, "NotFound")[0];
    let (signed_roa, bare_roa) =
        ((signed.prefix, signed.origin), (bare.prefix, bare.origin));
    let stranger = Asn(64_511);
    let Some(mut cache) = Cache::start(dir.path(), &[signed_roa]) else {
        return;
    };
    let key = world.key("read");
    let soon = world.write("asgard.yaml", "live_seconds: 1\n");
    let server = world
        .serve()
        .args(["--rtr".into(), cache.address.to_string()])
        .args(["--config".into(), soon])
        .ready();

    eventually("in use", DEADLINE, || {
        let status = validator(&server, &key);
        (status["in_use"] == true && status["vrps"] == 1).then_some(())
    });
    turns(&server, &key, &bare, "not_found");
    assert_eq!(verdict(&server, &key, &signed), "valid");

    // Serial updates of one session.
    cache.says(&[signed_roa, bare_roa]);
    turns(&server, &key, &bare, "valid");
    cache.says(&[signed_roa, (bare.prefix, stranger)]);
    turns(&server, &key, &bare, "invalid");
    let status = validator(&server, &key);
    assert_eq!(
        (&status["state"], &status["vrps"]),
        (&json!("synced"), &json!(2))
    );
    assert!(status["serial"].as_u64() >= Some(2), "{status}");
    assert!(status["expires_in_seconds"].as_u64() > Some(60), "{status}");
    let metrics = server.get("/metrics").body;
    let line = format!("asgard_rtr_vrps{{validator=\"{}\"}} 2", cache.address);
    assert!(metrics.contains(&line), "{metrics}");

    // Away: its last word stays.
    cache.end();
    eventually("lost", DEADLINE, || {
        (validator(&server, &key)["state"] == "lost").then_some(())
    });
    assert_eq!(verdict(&server, &key, &bare), "invalid");
    assert_eq!(validator(&server, &key)["in_use"], true);

    // Back with another session: everything is asked for anew.
    cache.again(&[bare_roa]);
    turns(&server, &key, &bare, "valid");
    turns(&server, &key, &signed, "not_found");
    server.stop().exits(0);
}

#[test]
fn files_rule_while_no_validator_answers() {
    let world = World::tiny();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let key = world.key("read");
    let address = nobody.to_string();
    let server = world.serve().args(["--rtr", &address]).ready();
    let signed = routes(&world, "Valid")[0];
    assert_eq!(verdict(&server, &key, &signed), "valid");
    let status = eventually("a failure", DEADLINE, || {
        let status = validator(&server, &key);
        (status["failures"].as_u64() > Some(0)).then_some(status)
    });
    assert_eq!(
        (&status["state"], &status["in_use"]),
        (&json!("down"), &json!(false))
    );
    assert_eq!(status["address"], address);
    server.stop().exits(0);
}

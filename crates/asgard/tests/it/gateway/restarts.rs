//! One process after the other on one configuration, as units and deployments
//! start them; and starts that must not succeed.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::{Load, backend, spawn};
use crate::{
    http::Request,
    program::program,
    server::{DEADLINE, eventually, signal},
};

/// Addresses that are free now. All are held until all are known.
fn free<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref().map(|held| held.local_addr().unwrap())
}

/// Ends with the test that holds it.
struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Files {
    home: tempfile::TempDir,
    backend: SocketAddr,
}

impl Files {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), backend: backend() }
    }

    fn write(
        &self,
        name: &str,
        proxy: SocketAddr,
        admin: SocketAddr,
    ) -> PathBuf {
        self.drains(name, (proxy, admin), "100ms")
    }

    /// A configuration with this `drain_delay`.
    fn drains(
        &self,
        name: &str,
        (proxy, admin): (SocketAddr, SocketAddr),
        delay: &str,
    ) -> PathBuf {
        let path = self.home.path().join(name);
        let text = format!(
            "log: {{level: warn}}\n\
             health: {{host: 127.0.0.1, port: {}}}\n\
             listeners: [{{bind: '{proxy}'}}]\n\
             backends: [{{name: app, servers: ['http://{}']}}]\n\
             limits: {{drain_delay: {delay}, drain_timeout: 10s}}\n",
            admin.port(),
            self.backend
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Runs a gateway that must end by itself.
fn refused(file: &PathBuf) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = program()
        .args(["gateway", "--workers", "2", "--config"])
        .arg(file)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Asks without pause whether the gateway is ready; tells every other answer.
fn probe_until(stop: &AtomicBool, admin: SocketAddr) -> Vec<String> {
    let mut failed = Vec::new();
    while !stop.load(SeqCst) {
        match Request::get("/readyz").send(admin) {
            Ok(reply) if reply.status == 200 => {}
            other => failed.push(format!("{other:?}")),
        }
    }
    failed
}

#[test]
fn twenty_restarts_of_the_process_fail_no_request_and_no_probe() {
    let files = Files::new();
    let [proxy, admin] = free();
    let file = files.write("gateway.yaml", proxy, admin);
    let start = || Process { child: spawn(&file, &[]).0 };
    let mut serving = start();
    let load = Load::always(proxy, 4);
    let stop = Arc::new(AtomicBool::new(false));
    let probe = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || probe_until(&stop, admin))
    };
    for _ in 0..20 {
        let successor = start();
        signal("TERM", serving.child.id());
        let status = serving.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        serving = successor;
    }
    let good = load.ends();
    stop.store(true, SeqCst);
    let failed = probe.join().unwrap();
    assert!(failed.is_empty(), "{} probes: {failed:?}", failed.len());
    assert!(good > 500, "{good} requests");
}

#[test]
fn a_process_that_cannot_start_takes_no_request_from_the_one_that_serves() {
    let files = Files::new();
    let [proxy, admin] = free();
    let file = files.write("gateway.yaml", proxy, admin);
    let _serving = Process { child: spawn(&file, &[]).0 };
    let load = Load::always(proxy, 4);
    // Of somebody else, who shares it with nobody.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap();
    let other = files.write("other.yaml", proxy, taken);
    for _ in 0..5 {
        let (code, stderr) = refused(&other);
        assert_eq!(code, Some(1), "{stderr}");
        let says = format!("cannot listen on {taken} (health)");
        assert!(stderr.contains(&says), "{stderr}");
    }
    let good = load.ends();
    assert!(good > 100, "{good} requests");
}

#[test]
fn a_port_in_use_ends_with_1_and_names_it() {
    let files = Files::new();
    let [admin] = free();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = files.write("gateway.yaml", address, admin);
    let (code, stderr) = refused(&file);
    assert_eq!(code, Some(1), "{stderr}");
    let says = format!("cannot listen on {address}");
    assert!(stderr.contains(&says), "{stderr}");
}

/// They would share its admin listener, and be probed and reloaded by chance.
#[test]
fn another_gateway_on_the_admin_port_is_told_from_a_successor() {
    let files = Files::new();
    let [proxy, elsewhere, admin] = free();
    let file = files.write("gateway.yaml", proxy, admin);
    let serving = Process { child: spawn(&file, &[]).0 };
    let (code, stderr) = refused(&files.write("two.yaml", elsewhere, admin));
    assert_eq!(code, Some(1), "{stderr}");
    let id = format!("process {}, a gateway of ", serving.child.id());
    assert!(stderr.contains(&id), "{stderr}");
    assert!(stderr.contains("gateway.yaml with other listeners"), "{stderr}");
    assert_eq!(Request::get("/readyz").send(admin).unwrap().status, 200);
}

/// The process and the state that the admin address tells of; `None` if nobody
/// answers.
fn health(admin: SocketAddr) -> Option<(u32, String)> {
    let body = Request::get("/healthz").send(admin).ok()?.body;
    let health: serde_json::Value = serde_json::from_str(&body).ok()?;
    let id = u32::try_from(health["process"]["id"].as_u64()?).ok()?;
    Some((id, health["status"].as_str()?.to_owned()))
}

#[test]
fn a_process_that_drains_leaves_the_admin_address_to_one_that_comes() {
    let files = Files::new();
    let [proxy, admin] = free();
    let file = files.drains("gateway.yaml", (proxy, admin), "60s");
    let mut first = Process { child: spawn(&file, &[]).0 };
    signal("TERM", first.child.id());
    eventually("it drains", DEADLINE, || {
        (health(admin)?.1 == "draining").then_some(())
    });
    let second = Process { child: spawn(&file, &[]).0 };
    let id = second.child.id();
    let answers = || health(admin).is_some_and(|(other, _)| other == id);
    // One of two would answer twenty times in a row once in a million.
    eventually("the second alone", Duration::from_secs(20), || {
        (0..20).all(|_| answers()).then_some(())
    });
    assert_eq!(first.child.try_wait().unwrap(), None, "it still drains");
    assert_eq!(health(admin), Some((id, "ok".into())));
}

#[test]
fn a_process_that_was_told_to_end_before_is_no_successor() {
    let files = Files::new();
    let [proxy, admin] = free();
    let soon = files.drains("soon.yaml", (proxy, admin), "2s");
    let later = files.drains("later.yaml", (proxy, admin), "60s");
    let mut first = Process { child: spawn(&soon, &[]).0 };
    signal("TERM", first.child.id());
    eventually("it drains", DEADLINE, || {
        (health(admin)?.1 == "draining").then_some(())
    });
    let second = Process { child: spawn(&later, &[]).0 };
    signal("TERM", second.child.id());
    first.child.wait().unwrap();
    let told = Some((second.child.id(), "draining".to_owned()));
    assert_eq!(health(admin), told, "somebody answers to the end");
}

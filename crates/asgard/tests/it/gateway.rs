//! `asgard gateway` as operators run it: started, asked, reloaded by signal and
//! by file, ended under load; and refused when its file has a fault.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

mod decisions;
mod echo;
mod ends;
mod faulty;
mod memory;
mod restarts;
mod swaps;
mod table_changes;

use crate::{
    http::Request,
    program::program,
    server::{DEADLINE, eventually, signal},
};

/// A backend that answers every head with `ok`, until the process ends.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut piece = [0; 4096];
    loop {
        while let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            bytes.drain(..end + 4);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend(&piece[..count]),
            _ => return,
        }
    }
}

struct Running {
    child: Child,
    proxy: SocketAddr,
    admin: SocketAddr,
    file: PathBuf,
    text: String,
    _home: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(rest: &str) -> Running {
    start_on(backend(), rest, &[])
}

fn start_on(backend: SocketAddr, rest: &str, args: &[&str]) -> Running {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("gateway.yaml");
    let text = format!(
        "log: {{level: warn}}\n\
         health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0'}}]\n\
         backends: [{{name: app, servers: ['http://{backend}']}}]\n\
         limits: {{drain_delay: 1s, drain_timeout: 10s}}\n{rest}"
    );
    std::fs::write(&file, &text).unwrap();
    let (child, proxy, admin) = spawn(&file, args);
    Running { child, proxy, admin, file, text, _home: home }
}

/// Starts the binary on a file, and waits until it says where it listens: for
/// clients and for the operator.
fn spawn(file: &Path, args: &[&str]) -> (Child, SocketAddr, SocketAddr) {
    let mut child = program()
        .args(["gateway", "--workers", "2", "--config"])
        .arg(file)
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = |what: &str| -> SocketAddr {
        let line = lines.next().expect("it starts").unwrap();
        let address = line.strip_prefix(what).expect("this line").parse();
        address.expect("an address")
    };
    let proxy = told("listening on http://");
    let admin = told("admin on http://");
    (child, proxy, admin)
}

impl Running {
    fn admin(&self, path: &str) -> (u16, String) {
        let reply = Request::get(path).send(self.admin).unwrap();
        (reply.status, reply.body)
    }

    fn rules(&self) -> u64 {
        let (_, body) = self.admin("/healthz");
        let health: serde_json::Value = serde_json::from_str(&body).unwrap();
        health["rules"].as_u64().unwrap()
    }
}

/// One whole answer on a connection that may stay open; empty if there is none.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains("\r\n\r\nok") {
            return text;
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend(&piece[..count]),
            _ => return text,
        }
    }
}

fn ask_until(
    stop: &AtomicBool,
    proxy: SocketAddr,
    good: &AtomicUsize,
    must_be_served: bool,
) -> Vec<String> {
    let mut failed = Vec::new();
    while !stop.load(SeqCst) {
        let mut stream = match TcpStream::connect(proxy) {
            Ok(stream) => stream,
            Err(error) => {
                failed.extend(must_be_served.then(|| error.to_string()));
                break;
            }
        };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        loop {
            let request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
            let sent = stream.write_all(request);
            let got = answer(&mut stream);
            if sent.is_err() || !got.starts_with("HTTP/1.1 200 ") {
                failed.push(got);
                break;
            }
            good.fetch_add(1, SeqCst);
            if got.contains("Connection: close") || stop.load(SeqCst) {
                break;
            }
        }
    }
    failed
}

/// Clients that ask without pause until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    clients: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    /// Until nobody listens.
    fn on(running: &Running, clients: usize) -> Self {
        Self::start(running.proxy, clients, false)
    }

    /// That nobody listens is a failure too.
    fn always(proxy: SocketAddr, clients: usize) -> Self {
        Self::start(proxy, clients, true)
    }

    fn start(proxy: SocketAddr, clients: usize, must_be_served: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let good = Arc::new(AtomicUsize::new(0));
        let start = |_| {
            let (stop, good) = (Arc::clone(&stop), Arc::clone(&good));
            thread::spawn(move || {
                ask_until(&stop, proxy, &good, must_be_served)
            })
        };
        let clients = (0..clients).map(start).collect();
        Self { stop, good, clients }
    }

    /// How many requests there were; none has failed.
    fn ends(self) -> usize {
        self.stop.store(true, SeqCst);
        let ended = self.clients.into_iter().flat_map(|c| c.join().unwrap());
        let failed: Vec<String> = ended.collect();
        assert!(failed.is_empty(), "{} failed: {failed:?}", failed.len());
        self.good.load(SeqCst)
    }
}

#[test]
fn reload_and_end_lose_no_request() {
    let mut running = start("");
    assert_eq!(running.admin("/readyz").0, 200);
    assert_eq!(running.admin("/livez").0, 200);
    let load = Load::on(&running, 4);
    let rule = "rules: [{name: one, action: DENY, path: /none}]\n";
    std::fs::write(&running.file, format!("{}{rule}", running.text)).unwrap();
    signal("HUP", running.child.id());
    eventually("the new rule", DEADLINE, || {
        (running.rules() == 1).then_some(())
    });
    // A fault keeps the old rules, and shows.
    std::fs::write(&running.file, "listeners: 7\n").unwrap();
    eventually("the fault", DEADLINE, || {
        let (_, body) = running.admin("/healthz");
        body.contains("\"status\":\"degraded\"").then_some(())
    });
    assert_eq!(running.rules(), 1);
    let (_, metrics) = running.admin("/metrics");
    assert!(metrics.contains("asgard_gateway_config_reload_success 0\n"));
    // Without a signal: the file alone is enough.
    std::fs::write(&running.file, &running.text).unwrap();
    eventually("no rule", DEADLINE, || (running.rules() == 0).then_some(()));
    signal("TERM", running.child.id());
    eventually("not ready", DEADLINE, || {
        let reply = Request::get("/readyz").send(running.admin);
        reply.map_or(true, |reply| reply.status == 503).then_some(())
    });
    let status = running.child.wait().unwrap();
    let good = load.ends();
    assert_eq!(status.code(), Some(0));
    assert!(good > 100, "{good} requests");
}

#[test]
fn a_faulty_file_ends_with_2_and_names_the_place() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("gateway.yaml");
    std::fs::write(&file, "listenerz: []\n").unwrap();
    let output =
        program().args(["gateway", "--config"]).arg(&file).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("gateway.yaml:1:1"), "{stderr}");
    assert!(stderr.contains("listeners"), "did you mean: {stderr}");
    let without = program().arg("gateway").output().unwrap();
    assert_eq!(without.status.code(), Some(2));
}

/// A rule, and a test of it that expects `wanted`.
fn tested(wanted: &str) -> String {
    format!(
        "ip_lists: {{bad: {{source: file, path: bad.txt, \
         refresh_interval: 1s}}}}\n\
         rules:\n\
         - {{name: listed, action: DENY, ip_list: bad}}\n\
         tests:\n\
         - {{name: from the file, request: {{ip: 192.0.2.7}}, \
         expect: {{rule: listed}}}}\n\
         - {{name: from nowhere, request: {{ip: 198.51.100.7}}, \
         expect: {{action: {wanted}}}}}\n"
    )
}

#[test]
fn a_gateway_whose_own_tests_fail_does_not_start_and_says_what_differs() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("gateway.yaml");
    let text = |wanted| {
        let rest = tested(wanted);
        format!(
            "health: {{port: 0}}\nlisteners: [{{bind: '127.0.0.1:0'}}]\n\
                 backends: [{{name: a, servers: ['http://127.0.0.1:1']}}]\n\
                 {rest}"
        )
    };
    std::fs::write(&file, text("DENY")).unwrap();
    std::fs::write(home.path().join("bad.txt"), "192.0.2.0/24\n").unwrap();
    let output = program()
        .current_dir(home.path())
        .args(["gateway", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "it was listening");
    assert!(stderr.contains("1 of 2 `tests`"), "{stderr}");
    let difference = "\"from nowhere\": action: expected DENY, got ALLOW";
    assert!(stderr.contains(difference), "{stderr}");
}

#[test]
fn a_reload_whose_tests_fail_is_refused_and_the_old_policy_stays() {
    let home = tempfile::tempdir().unwrap();
    let list = home.path().join("bad.txt");
    std::fs::write(&list, "192.0.2.0/24\n").unwrap();
    let in_home = |text: String| {
        text.replace("bad.txt", list.to_str().expect("a plain path"))
    };
    let running = start(&in_home(tested("ALLOW")));
    assert_eq!(running.rules(), 1);
    let more = "- {name: more, action: DENY, path: /more}\n";
    let new = |wanted: &str| {
        let rules =
            tested(wanted).replace("rules:\n", &format!("rules:\n{more}"));
        let (head, _) = running.text.split_once("ip_lists:").unwrap();
        format!("{head}{}", in_home(rules))
    };
    std::fs::write(&list, "192.0.2.0/24\n203.0.113.0/24\n").unwrap();
    std::fs::write(&running.file, new("DENY")).unwrap();
    signal("HUP", running.child.id());
    let fault = eventually("the refusal", DEADLINE, || {
        let (_, body) = running.admin("/healthz");
        body.contains("\"status\":\"degraded\"").then_some(body)
    });
    assert!(fault.contains("expected DENY, got ALLOW"), "{fault}");
    assert_eq!(running.rules(), 1, "the old ones");
    // What the refused one has read, the old one still reads.
    eventually("the new list", DEADLINE, || {
        let (_, shown) = running.admin("/v1/explain?ip=203.0.113.9");
        shown.contains("\"rule\":\"listed\"").then_some(())
    });
    let (_, metrics) = running.admin("/metrics");
    assert!(metrics.contains("asgard_gateway_config_reload_success 0\n"));
    std::fs::write(&running.file, new("ALLOW")).unwrap();
    eventually("both rules", DEADLINE, || (running.rules() == 2).then_some(()));
}

//! The log of decisions as it is written: one line each, what it says and what
//! it never says, how much of it there is.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    thread::JoinHandle,
    time::Instant,
};

use serde_json::Value;

use super::backend;
use crate::{
    http::Request,
    program::program,
    server::{DEADLINE, signal},
};

const RULES: &str = "\
trusted_proxies: [127.0.0.1/32]
auto_challenge: {enabled: true, thresholds: [{name: t, threshold: 90,
  challenge: metarefresh, difficulty: 1}]}
rules:
  - {name: heavy, action: WEIGH, weight: 7, user_agent_regex: heavy}
  - {name: watched, action: DENY, mode: shadow, path: /watched}
  - {name: no, action: DENY, path: /no, response: {status: 451}}
  - {name: work, action: CHALLENGE, path: /work, challenge: {kind: pow, difficulty: 2}}
";

/// A gateway whose log is kept.
struct Logging {
    child: Child,
    proxy: SocketAddr,
    admin: SocketAddr,
    log: Option<JoinHandle<String>>,
    _home: tempfile::TempDir,
}

impl Drop for Logging {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Logging {
    fn start(format: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("gateway.yaml");
        let text = format!(
            "log: {{level: info, format: {format}}}\n\
             health: {{host: 127.0.0.1, port: 0}}\n\
             listeners: [{{bind: '127.0.0.1:0'}}]\n\
             backends: [{{name: app, servers: ['http://{}']}}]\n\
             limits: {{drain_delay: 0s, drain_timeout: 10s}}\n{RULES}",
            backend()
        );
        std::fs::write(&file, text).unwrap();
        let mut child = program()
            .args(["gateway", "--workers", "1", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |what: &str| -> SocketAddr {
            let line = lines.next().expect("it starts").unwrap();
            line.strip_prefix(what).expect("this line").parse().unwrap()
        };
        let proxy = told("listening on http://");
        let admin = told("admin on http://");
        Self { child, proxy, admin, log: Some(log), _home: home }
    }

    /// Sends the same request again and again on one connection.
    fn ask(&self, times: usize, path: &str, fields: &str) -> String {
        let mut stream = TcpStream::connect(self.proxy).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = |last: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: Shop.Example\r\n{fields}{last}\r\n"
            )
        };
        let mut all = request("").repeat(times - 1);
        all.push_str(&request("Connection: close\r\n"));
        let mut writes = stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            writes.write_all(all.as_bytes()).unwrap();
        });
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        sending.join().unwrap();
        answers
    }

    fn metric(&self, name: &str) -> usize {
        let text = Request::get("/metrics").send(self.admin).unwrap().body;
        let name = format!("asgard_gateway_{name} ");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(&name));
        value.expect("the metric").parse().unwrap()
    }

    /// Ends it; everything that it has logged.
    fn end(mut self) -> String {
        signal("TERM", self.child.id());
        let ended = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert_eq!(ended.code(), Some(0), "{log}");
        log
    }
}

const VISITOR: &str = "\
X-Forwarded-For: 192.0.2.7\r\nUser-Agent: heavy/1\r\nCookie: session=secret\r\n\
Authorization: Bearer secret\r\n";

#[test]
fn a_decision_is_one_line_of_json_without_secrets() {
    let gateway = Logging::start("json");
    gateway.ask(300, "/ok?key=secret", VISITOR);
    let refused = gateway.ask(1, "/x/../%6eo?key=secret", VISITOR);
    assert!(refused.starts_with("HTTP/1.1 451 "), "{refused}");
    gateway.ask(1, "/work?key=secret", VISITOR);
    let log = gateway.end();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .filter(|line: &Value| line["target"] == "asgard::decision")
        .collect();
    let of = |action: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["action"] == action).collect()
    };
    assert_eq!(of("ALLOW").len(), 3, "one in a hundred: {log}");
    assert_eq!((of("DENY").len(), of("CHALLENGE").len()), (1, 1), "{log}");
    let id = refused.split('(').nth(1).unwrap().split(')').next().unwrap();
    let denied = of("DENY")[0];
    for (name, value) in [
        ("level", Value::from("INFO")),
        ("message", "decision".into()),
        ("request_id", id.into()),
        ("client", "192.0.2.7".into()),
        ("asn", 0.into()),
        ("action", "DENY".into()),
        ("intended", "DENY".into()),
        ("rule", "no".into()),
        ("weight", 7.into()),
        ("status", 451.into()),
        ("method", "GET".into()),
        ("host", "shop.example".into()),
        ("path", "/no".into()),
        ("user_agent", "heavy/1".into()),
    ] {
        assert_eq!(denied[name], value, "{name}: {denied}");
    }
    assert!(denied["duration_ms"].is_u64() && denied["timestamp"].is_string());
    let passed = of("ALLOW")[0];
    assert_eq!((&passed["rule"], &passed["status"]), (&"".into(), &200.into()));
    assert_eq!(of("CHALLENGE")[0]["rule"], "work");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_flood_of_refusals_is_logged_to_a_bound_and_the_rest_counted() {
    const FLOOD: usize = 6_000;
    let gateway = Logging::start("json");
    let begun = Instant::now();
    gateway.ask(FLOOD, "/no", "");
    // A second that has begun counts, at both ends.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    let dropped = gateway.metric("log_dropped_total");
    let log = gateway.end();
    let written = log.matches("\"asgard::decision\"").count();
    assert_eq!(written + dropped, FLOOD);
    assert!(written <= seconds * 1_000, "{written} in {seconds} s");
    assert!(dropped > 0, "no second had more than a thousand");
}

#[test]
fn a_log_of_text_has_one_line_a_decision() {
    let gateway = Logging::start("text");
    for _ in 0..3 {
        gateway.ask(1, "/no?key=secret", VISITOR);
    }
    let log = gateway.end();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("decision")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    for line in lines {
        for part in ["INFO", "action=\"DENY\"", "rule=\"no\"", "status=451"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("secret") && !line.contains('{'), "{line}");
    }
}

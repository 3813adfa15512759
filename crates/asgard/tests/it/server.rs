//! A running `asgard serve`: started on a free port, asked, stopped, killed.
//!
//! Every process is ended by its own id, at the latest when it is dropped.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::{Reply, Request},
    program::{Ended, program},
};

/// Longest time that a start, an end, or any effect may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// Waits until something holds.
pub(crate) fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        sleep(POLL);
    }
}

/// A `serve` that is about to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serve {
    args: Vec<OsString>,
}

impl Serve {
    pub(crate) fn new(
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self::default().args(["serve", "--listen", "127.0.0.1:0"]).args(args)
    }

    pub(crate) fn args(
        mut self,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts it and waits for the line that tells the port.
    pub(crate) fn start(&self) -> Server {
        let mut child = self.spawn();
        let stdout = Drain::of(child.stdout.take());
        let stderr = Drain::of(child.stderr.take());
        let address = eventually("a listening line", DEADLINE, || {
            let address = listening(&stdout.text());
            if address.is_none()
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("{status}: {}", stderr.text());
            }
            address
        });
        Server { child, address, stdout, stderr }
    }

    /// Starts it and waits for the first Snapshot.
    pub(crate) fn ready(&self) -> Server {
        let server = self.start();
        server.wait_until_ready();
        server
    }

    /// Starts it and waits until its first cycle is over and stored.
    pub(crate) fn settled(&self) -> Server {
        let server = self.ready();
        server.wait_for_log("cycle finished");
        server
    }

    /// Runs it to its end, which must come by itself.
    pub(crate) fn ends(&self) -> Ended {
        let mut child = self.spawn();
        let mut stdout = Drain::of(child.stdout.take());
        let mut stderr = Drain::of(child.stderr.take());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("our child") {
                break status;
            }
            if begun.elapsed() > DEADLINE {
                child.kill().expect("our child");
                panic!("it serves: {}", stderr.text());
            }
            sleep(POLL);
        };
        Ended::new(status, stdout.end(), stderr.end())
    }

    /// Starts it and kills it after a while, whatever it does.
    pub(crate) fn dies_after(&self, while_: Duration) {
        let mut child = self.spawn();
        let mut pipes =
            (Drain::of(child.stdout.take()), Drain::of(child.stderr.take()));
        sleep(while_);
        child.kill().expect("our child");
        child.wait().expect("our child");
        pipes.0.end();
        pipes.1.end();
    }

    fn spawn(&self) -> Child {
        program()
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built")
    }
}

fn listening(stdout: &str) -> Option<SocketAddr> {
    let (line, _) = stdout.split_once('\n')?;
    line.strip_prefix("listening on http://")?.parse().ok()
}

/// A running `serve`.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    stdout: Drain,
    stderr: Drain,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Sends a request that must be answered.
    pub(crate) fn ask(&self, request: Request<'_>) -> Reply {
        request.send(self.address).unwrap_or_else(|error| {
            panic!("{error} on {request:?}: {}", self.stderr())
        })
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask(Request::get(path))
    }

    /// The JSON of a 200 that needs a key.
    pub(crate) fn read(&self, path: &str, key: &str) -> Value {
        self.ask(Request::get(path).key(key)).ok()
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("/readyz is 200", DEADLINE, || {
            (self.get("/readyz").status == 200).then_some(())
        });
    }

    /// Waits for a text in the log.
    pub(crate) fn wait_for_log(&self, text: &str) {
        eventually(text, DEADLINE, || {
            self.stderr().contains(text).then_some(())
        });
    }

    /// The numbers in the EDL.
    pub(crate) fn edl(&self) -> Vec<u32> {
        let reply = self.get("/feeds/edl");
        assert_eq!(reply.status, 200, "{reply:?}");
        let number = |line: &str| {
            let digits = line.strip_prefix("AS").expect("an AS line");
            digits.parse().expect("a number")
        };
        reply.body.lines().map(number).collect()
    }

    /// `(score, level, score_exact)` of each, in order; null if not scored.
    pub(crate) fn bulk(&self, key: &str, asns: &[u32]) -> Vec<Value> {
        let mut results = Vec::new();
        for asns in asns.chunks(1000) {
            let body = json!({ "asns": asns }).to_string();
            let path = "/v1/tools/bulk-risk-check";
            let reply = self.ask(Request::post(path, &body).key(key)).ok();
            let list = reply["results"].as_array().expect("a list");
            results.extend(list.iter().cloned());
        }
        results
    }

    /// The line of `/v1/status` about a source.
    pub(crate) fn source(&self, key: &str, name: &str) -> Value {
        let status = self.read("/v1/status", key);
        let sources = status["sources"].as_array().expect("a list");
        let source = sources.iter().find(|source| source["name"] == name);
        source.unwrap_or_else(|| panic!("{name} is not in {status}")).clone()
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Asks it to stop and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        self.terminate();
        self.end()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().expect("our child");
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let status = eventually("the end of the server", DEADLINE, || {
            self.child.try_wait().expect("our child")
        });
        Ended::new(status, self.stdout.end(), self.stderr.end())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a child that was not waited for, so the id is its own.
pub(crate) fn signal(name: &str, id: u32) {
    let command = format!("kill -{name} {id}");
    let status = Command::new("sh").args(["-c", &command]).status();
    assert!(status.expect("a shell").success(), "{command}");
}

/// Collects what a child writes, so that it never waits for us.
struct Drain {
    text: Arc<Mutex<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let mut pipe = BufReader::new(pipe.expect("it is piped"));
        let thread = thread::spawn(move || {
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
                let piece = String::from_utf8_lossy(&line).into_owned();
                sink.lock().expect("never poisoned").push_str(&piece);
                line.clear();
            }
        });
        Self { text, thread: Some(thread) }
    }

    fn text(&self) -> String {
        self.text.lock().expect("never poisoned").clone()
    }

    /// Everything, once the child has ended.
    fn end(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the reader does not panic");
        }
        self.text()
    }
}

//! The end of a gateway when its configuration has changed, when a reload is
//! under way; and that it lives on when descriptors have run out.

use std::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{Running, start};
use crate::server::{DEADLINE, eventually, signal};

impl Running {
    /// Puts another text in its file, and says so.
    fn configure(&self, text: &str) {
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &self.file).unwrap();
        signal("HUP", self.child.id());
    }

    /// How long it takes.
    fn end(&mut self) -> Duration {
        let begun = Instant::now();
        signal("TERM", self.child.id());
        let status =
            eventually("the end", DEADLINE, || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0));
        begun.elapsed()
    }
}

#[test]
fn the_end_takes_as_long_as_the_last_reload_says() {
    let mut running = start("");
    let rule = "rules: [{name: one, action: DENY, path: /none}]\n";
    let longer = running.text.replace("drain_delay: 1s", "drain_delay: 3s");
    assert_ne!(longer, running.text);
    running.configure(&format!("{longer}{rule}"));
    eventually("the new rule", DEADLINE, || {
        (running.rules() == 1).then_some(())
    });
    let took = running.end();
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

/// Takes connections and never answers; tells of each.
fn silent() -> (String, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let streams = listener.incoming().map_while(Result::ok);
        streams.map_while(|stream| tell.send(stream).ok()).count()
    });
    (url, told)
}

#[test]
fn the_end_does_not_wait_for_a_reload_that_waits_for_a_server() {
    let mut running = start("");
    let (url, asked) = silent();
    let list = format!("ip_lists: {{l: {{url: '{url}'}}}}\n");
    running.configure(&format!("{}{list}", running.text));
    let _open = asked.recv_timeout(DEADLINE).expect("the reload asks");
    let took = running.end();
    // The reload would be given up after thirty seconds.
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// What a process has used of its processors, in hundredths of a second.
fn used(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let stat = stat.unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn an_operator_who_waits_for_a_descriptor_costs_nothing() {
    let running = start("");
    let id = running.child.id();
    let open = || -> Vec<usize> {
        let entries = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_str().unwrap().parse().unwrap()).collect()
    };
    // Room for one more, and for those whose numbers are free below it; clients
    // take it.
    let limit = open().into_iter().max().unwrap() + 2;
    let set = std::process::Command::new("prlimit")
        .args(["--pid", &id.to_string()])
        .arg(format!("--nofile={limit}:{limit}"))
        .status();
    assert!(set.unwrap().success(), "prlimit (util-linux) is needed");
    let connect = |_| TcpStream::connect(running.proxy).unwrap();
    let mut held: Vec<TcpStream> = (0..limit).map(connect).collect();
    eventually("the last descriptor", DEADLINE, || {
        (open().len() >= limit).then_some(())
    });
    held.push(TcpStream::connect(running.admin).unwrap());
    let before = used(id);
    thread::sleep(Duration::from_secs(2));
    let used = used(id) - before;
    assert!(used < 50, "{used} of 200 hundredths");
    drop(held);
    assert_eq!(running.admin("/livez").0, 200);
}

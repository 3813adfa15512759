//! The end of a gateway whose configuration has changed.

use std::time::{Duration, Instant};

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

//! `live`: what it refuses before it listens, and that it ends.

use crate::program::asgard;

#[test]
fn what_is_no_websocket_or_is_inside_is_refused_by_name() {
    for (url, said) in [
        ("http://ris-live.ripe.net/", "is not a ws:// or wss:// address"),
        ("ris-live", "is not a ws:// or wss:// address"),
        ("ws://127.0.0.1:1/", "egress.allow_private"),
        ("ws://[::1]:1/", "egress.allow_private"),
    ] {
        let ended = asgard(["live", url]).exits(2);
        assert!(ended.stderr.contains(said), "{url}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{url}");
    }
}

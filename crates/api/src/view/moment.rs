//! The four forms of a moment, always UTC, each where its contract shows it.

use jiff::Timestamp;

/// `2026-03-29 10:00:00+00:00`: `last_updated` of a profile.
pub(crate) fn spaced(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string()
}

/// `2026-03-29T10:30:00`: points of history.
pub(crate) fn bare(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `2026-03-29T14:30:00Z`: events, and every field without an older contract.
pub(crate) fn zulu(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-03-29T10:00:00.000000`: `timestamp` of `/health`.
pub(crate) fn micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_as_its_contract_shows_it() {
        let at: Timestamp = "2026-03-29T10:00:00.9876543Z".parse().unwrap();
        assert_eq!(spaced(at), "2026-03-29 10:00:00+00:00");
        assert_eq!(bare(at), "2026-03-29T10:00:00");
        assert_eq!(zulu(at), "2026-03-29T10:00:00Z");
        assert_eq!(micros(at), "2026-03-29T10:00:00.987654");
        let whole: Timestamp = "2026-03-29T10:00:00Z".parse().unwrap();
        assert_eq!(micros(whole), "2026-03-29T10:00:00.000000");
    }
}

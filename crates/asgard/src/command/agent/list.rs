//! The text of a list → addresses, and what keeps a list from hurting.
//!
//! A list is taken whole or refused whole. It is refused when a line is none,
//! when it names space that nobody may block, when it blocks most of the
//! Internet, when it is empty, and when too much of it is gone.

use asgard_policy::{
    AddressSet,
    feed::guard::shield::NEVER,
    space::text::{BadLine, Input},
};

use super::trouble::Trouble;

/// Shortest prefixes of IPv4 and IPv6 that the server lets into a feed.
const SHORTEST: [u8; 2] = [8, 19];
/// Largest share of the IPv4 addresses, as in the server's own guard.
const MOST_V4: u64 = 1 << 31;

/// What a list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) set: AddressSet,
    /// Lines that are entries.
    pub(super) entries: usize,
}

/// Which guards hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leniency {
    /// Those of the command line.
    AsTold,
    /// The operator has seen that the list shrank, and wants it.
    Accept,
}

/// How much a list may shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Percent of the entries that may go; `None` is all but the last.
    pub(super) max_shrink: Option<u8>,
    /// Whether nothing is a list.
    pub(super) empty: Empty,
}

/// Whether nothing is a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    Refused,
    Taken,
}

impl List {
    /// Reads a text.
    ///
    /// # Errors
    /// A line that is no address, prefix or range; space that is never blocked;
    /// more than half of IPv4.
    pub(super) fn read(text: &[u8]) -> Result<Self, Trouble> {
        let mut input = Input::default();
        input.read(text);
        if let Some(BadLine { number, text, reason }) =
            input.bad_lines().first()
        {
            return Err(Trouble::refused(format!(
                "the list has {} bad lines; line {number}: {reason}: `{text}`",
                input.bad_count()
            )));
        }
        if let Some((number, line)) = too_short(text) {
            return Err(Trouble::refused(format!(
                "line {number}: `{line}` is shorter than /{} (IPv6: /{})",
                SHORTEST[0], SHORTEST[1]
            )));
        }
        let entries = input.len();
        let set = input.into_set();
        if let Some(never) = NEVER.iter().find(|&&p| set.overlaps(p)) {
            return Err(Trouble::refused(format!(
                "the list names addresses of {never}, which nobody may block"
            )));
        }
        if set.addresses_v4() > MOST_V4 {
            return Err(Trouble::refused(format!(
                "the list blocks {} IPv4 addresses, more than half of all",
                set.addresses_v4()
            )));
        }
        Ok(Self { set, entries })
    }

    /// Holds it against the one before.
    ///
    /// # Errors
    /// It is empty, or too much is gone.
    pub(super) fn judge(
        &self,
        before: Option<usize>,
        limits: Limits,
    ) -> Result<(), Trouble> {
        if self.entries == 0 {
            return match limits.empty {
                Empty::Taken => Ok(()),
                Empty::Refused => Err(Trouble::refused(
                    "the list is empty (--allow-empty takes it)",
                )),
            };
        }
        let (Some(before), Some(percent)) = (before, limits.max_shrink) else {
            return Ok(());
        };
        let gone = before.saturating_sub(self.entries);
        if gone * 100 > before * usize::from(percent) {
            return Err(Trouble::refused(format!(
                "the list shrank from {before} to {} entries, by more than \
                 {percent} % (--allow-shrink, or signal USR1, takes it)",
                self.entries
            )));
        }
        Ok(())
    }
}

/// The first line with a prefix that is too short, by its number from 1.
fn too_short(text: &[u8]) -> Option<(usize, String)> {
    let lines = text.split(|&byte| byte == b'\n').enumerate();
    lines
        .filter_map(|(at, line)| Some((at + 1, str::from_utf8(line).ok()?)))
        .find(|(_, line)| {
            let entry = line.split(['#', ';']).next().unwrap_or_default();
            let Some((address, length)) = entry.split_once('/') else {
                return false;
            };
            let length = length.trim().parse::<u8>().ok();
            let v6 = address.contains(':');
            // `::ffff:0.0.0.0/104` is IPv4 of the same guard.
            let shortest = match (v6, address.contains('.')) {
                (false, _) => SHORTEST[0],
                (true, true) => 96 + SHORTEST[0],
                (true, false) => SHORTEST[1],
            };
            length.is_some_and(|length| length < shortest)
        })
        .map(|(at, line)| (at, line.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Limits =
        Limits { max_shrink: Some(50), empty: Empty::Refused };

    fn refusal(text: &str) -> String {
        List::read(text.as_bytes()).unwrap_err().to_string()
    }

    fn of(entries: usize) -> List {
        List { set: AddressSet::default(), entries }
    }

    #[test]
    fn a_list_is_its_addresses_and_the_number_of_its_lines() {
        let text = b"1.10.16.0/20\n1.10.16.1/32\n2602:feb4::/48\n";
        let list = List::read(text).unwrap();
        assert_eq!(list.entries, 3);
        let prefixes: Vec<String> =
            list.set.prefixes().map(|p| p.to_string()).collect();
        assert_eq!(prefixes, ["1.10.16.0/20", "2602:feb4::/48"]);
    }

    #[test]
    fn a_page_instead_of_a_list_is_refused_with_its_line() {
        let said = refusal("1.10.16.0/20\n<html>1.2.3.4</html>\n");
        assert!(said.contains("line 2"), "{said}");
        let said = refusal("add rule inet filter input drop\n");
        assert!(said.contains("line 1"), "{said}");
        assert!(refusal("AS174\n").contains("`AS174`"));
    }

    #[test]
    fn what_nobody_may_block_is_refused() {
        for text in [
            "127.0.0.1/32\n",
            "1.1.0.0/16\n224.0.0.5\n",
            "fe80::1/128\n",
            "::1\n",
            "0.0.0.0/0\n",
            "::/0\n",
            "64.0.0.0/7\n",
            "2400::/12\n",
            "::ffff:32.0.0.0/100\n",
            "1.0.0.0-126.255.255.255\n128.0.0.0-169.253.255.255\n\
             170.0.0.0-223.255.255.255\n",
        ] {
            assert!(List::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(List::read(b"32.0.0.0/8\n2400::/19\n").is_ok());
    }

    #[test]
    fn an_empty_list_must_be_allowed() {
        assert!(of(0).judge(Some(9), STRICT).is_err());
        assert!(of(0).judge(None, STRICT).is_err());
        let taken = Limits { max_shrink: Some(0), empty: Empty::Taken };
        assert!(of(0).judge(Some(9), taken).is_ok());
    }

    #[test]
    fn half_a_list_may_go_and_no_more() {
        assert!(of(50).judge(Some(100), STRICT).is_ok());
        let said = of(49).judge(Some(100), STRICT).unwrap_err().to_string();
        assert!(said.contains("from 100 to 49"), "{said}");
        assert!(of(1).judge(None, STRICT).is_ok());
        assert!(of(500).judge(Some(100), STRICT).is_ok());
        let any = Limits { max_shrink: None, empty: Empty::Refused };
        assert!(of(1).judge(Some(100), any).is_ok());
    }
}

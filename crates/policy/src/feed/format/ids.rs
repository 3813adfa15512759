//! Intrusion detection: Suricata, Snort, Zeek.

use super::{
    job::{Job, Written},
    text::{Text, is_host},
};
use crate::feed::entry::{Cause, Origin};

/// Prefixes in one rule of Suricata.
const PREFIXES_A_RULE: usize = 10;

/// First signature id; our rules stay below 10,000,000.
const FIRST_SID: u64 = 9_000_001;

/// `drop` rules with ten prefixes each. The revision is that of the feed.
pub(super) fn suricata_rules(job: &Job<'_>) -> Written {
    let mut out = job.text(32);
    let prefixes: Vec<_> = job.prefixes().map(|(prefix, _)| prefix).collect();
    let revision = (job.listing.version & 0x7fff_ffff).max(1);
    for (number, group) in (0u64..).zip(prefixes.chunks(PREFIXES_A_RULE)) {
        out.push("drop ip [");
        for (index, prefix) in group.iter().enumerate() {
            out.push(if index == 0 { "" } else { "," }).prefix(*prefix);
        }
        out.push("] any -> $HOME_NET any (msg:\"");
        out.push(job.options.list.as_str()).push(" ").number(number + 1);
        out.push("\"; classtype:misc-attack; sid:");
        out.number(FIRST_SID + number).push("; rev:").number(revision);
        out.push(";)\n");
    }
    if out.is_empty() {
        out.push("# empty\n");
    }
    job.done(out)
}

/// `P,category,score`; the score is 1 to 127, and there 127 is the worst.
pub(super) fn suricata_iprep(job: &Job<'_>) -> Written {
    let mut out = job.text(28);
    for (prefix, line) in job.prefixes() {
        out.prefix(prefix).push(",").number(category(line.cause.origin));
        out.push(",").octet(reputation(&line.cause)).push("\n");
    }
    job.done(out)
}

/// The numbers of [`suricata_iprep`], with names; always all of them.
pub(super) fn suricata_categories(job: &Job<'_>) -> Written {
    let mut out = Text::default();
    for (name, short, origin) in [
        ("address blocked by a rule", "AsgardIp", Origin::Ip),
        ("address on a threat list", "AsgardList", Origin::List),
        ("network blocked by a rule", "AsgardAsn", Origin::Asn),
        ("network blocked for its risk", "AsgardRisk", Origin::Risk),
        ("country blocked by a rule", "AsgardCountry", Origin::Country),
    ] {
        out.number(category(origin)).push(",").push(short).push(",");
        out.push(name).push("\n");
    }
    Written { entries: 5, ..job.done(out) }
}

fn category(origin: Origin) -> u64 {
    match origin {
        Origin::Ip => 1,
        Origin::List => 2,
        Origin::Asn => 3,
        Origin::Risk => 4,
        Origin::Country => 5,
    }
}

/// Our score 0 is 127, ours 100 is 1; what is blocked without a score is 100.
fn reputation(cause: &Cause) -> u8 {
    cause.score.map_or(100, |score| {
        let distance = u16::from(100 - score.min(100));
        u8::try_from(1 + distance * 126 / 100).unwrap_or(127)
    })
}

/// Zeek's intelligence file. Tabs only: with a space Zeek loads nothing and
/// says nothing.
pub(super) fn zeek(job: &Job<'_>) -> Written {
    let mut out = job.text(60);
    out.push("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n");
    for (prefix, line) in job.prefixes() {
        let host = is_host(prefix);
        out.short(prefix);
        out.push(if host { "\tIntel::ADDR\t" } else { "\tIntel::SUBNET\t" });
        out.push(job.options.list.as_str()).push("\t");
        out.label(&line.cause).push("\n");
    }
    job.done(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_score_is_the_highest_reputation_of_suricata() {
        let of =
            |score| reputation(&Cause { score, ..Cause::new(Origin::Asn) });
        assert_eq!(of(Some(0)), 127);
        assert_eq!(of(Some(100)), 1);
        assert_eq!(of(Some(255)), 1);
        assert_eq!(of(None), 100);
        assert!((0..100).all(|s| of(Some(s)) >= of(Some(s + 1))));
    }
}

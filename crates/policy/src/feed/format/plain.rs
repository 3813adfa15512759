//! Lists that firewalls poll: one entry a line, LF only, a final LF.
//!
//! `plain` is the contract of the feed: prefixes with their length, never a
//! comment. The others are the same list in the dialect of a device. An empty
//! list is zero bytes, or `# empty` where the device knows comments.

use asgard_model::Prefix;
use md5::{Digest, Md5};

use super::{
    Format,
    job::{Job, Written},
    text::Text,
};
use crate::feed::entry::{Cause, Line, Range};

/// The largest prefix that is written as single hosts: 256 addresses. Beyond
/// it a list of hosts is no longer the list that somebody meant.
const LARGEST_EXPANSION: u64 = 256;

/// Lists without comments, and PAN-OS, whose comments follow the entry.
pub(super) fn bare(job: &Job<'_>) -> Written {
    let mut out = job.text(20);
    let comments = job.options.comments && job.format == Format::Panos;
    for line in job.lines() {
        out.span(line.span, job.options.host_suffix);
        if comments {
            out.push(" ").label(&line.cause);
        }
        out.push("\n");
    }
    job.done(out)
}

/// Lists whose comments are lines that begin with `#`.
pub(super) fn commented(job: &Job<'_>) -> Written {
    let mut out = job.text(20);
    let mut remarks = Remarks::of(job, "# ");
    for line in job.lines() {
        remarks.before(line, &mut out);
        out.span(line.span, job.options.host_suffix).push("\n");
    }
    say_when_empty(&mut out);
    job.done(out)
}

/// What a device expects that compares a digest before it reads the list: the
/// MD5 of the `cisco` body in lower-case hex and nothing else.
pub(super) fn cisco_md5(job: &Job<'_>) -> Written {
    let list = commented(job);
    let digest = Md5::digest(&list.bytes);
    let hex = digest.iter().flat_map(|byte| {
        [byte >> 4, byte & 15]
            .map(|half| b"0123456789abcdef"[usize::from(half)])
    });
    Written { bytes: hex.collect(), ..list }
}

/// One bare IPv4 address a line. Prefixes and ranges become hosts as long as
/// they are small and the limit has room; the rest is withheld and counted.
pub(super) fn hosts(job: &Job<'_>) -> Written {
    let mut out = job.text(16);
    let limit = job.options.max_entries.unwrap_or(usize::MAX);
    let (mut entries, mut withheld) = (0usize, 0usize);
    for line in &job.listing.lines {
        let Range::V4(first, last) = line.span.range() else {
            withheld += 1;
            continue;
        };
        let size = u64::from(last - first) + 1;
        let room = limit.saturating_sub(entries);
        match usize::try_from(size) {
            Ok(hosts) if size <= LARGEST_EXPANSION && hosts <= room => {
                entries += hosts;
                for address in first..=last {
                    out.v4(address).push("\n");
                }
            }
            _ => withheld += 1,
        }
    }
    Written { bytes: out.into_bytes(), entries, withheld }
}

/// Records of a BIG-IP external data group of type `ip`.
pub(super) fn f5(job: &Job<'_>) -> Written {
    let mut out = job.text(28);
    for (prefix, _) in job.prefixes() {
        let host = super::text::is_host(prefix);
        out.push(if host { "host " } else { "network " });
        out.short(prefix).push(",\n");
    }
    job.done(out)
}

/// A line a prefix: what stands before it and what after.
pub(super) fn wrapped(job: &Job<'_>, before: &str, after: &str) -> Written {
    let mut out = job.text(20 + before.len() + after.len());
    let mut remarks = Remarks::of(job, "# ");
    for (prefix, line) in job.prefixes() {
        remarks.before(line, &mut out);
        out.push(before).prefix(prefix).push(after);
    }
    say_when_empty(&mut out);
    job.done(out)
}

/// Prefixes with a value: `P AS64496`.
pub(super) fn map(job: &Job<'_>) -> Written {
    let mut out = job.text(28);
    for (prefix, line) in job.prefixes() {
        out.prefix(prefix).push(" ").label(&line.cause).push("\n");
    }
    say_when_empty(&mut out);
    job.done(out)
}

fn say_when_empty(out: &mut Text) {
    if out.is_empty() {
        out.push("# empty\n");
    }
}

/// Comment lines that name the origin of what follows, one a change.
pub(super) struct Remarks<'a> {
    mark: &'static str,
    wanted: bool,
    last: Option<&'a Cause>,
}

impl<'a> Remarks<'a> {
    pub(super) fn of(job: &Job<'_>, mark: &'static str) -> Self {
        Self { mark, wanted: job.options.comments, last: None }
    }

    pub(super) fn before(&mut self, line: &'a Line, out: &mut Text) {
        let cause: &Cause = &line.cause;
        if self.wanted && self.last != Some(cause) {
            out.push(self.mark).label(cause).push("\n");
            self.last = Some(cause);
        }
    }
}

/// The prefixes of one family with their lines.
pub(super) fn family<'a>(
    job: &Job<'a>,
    v4: bool,
) -> impl Iterator<Item = (Prefix, &'a Line)> + use<'a> {
    job.prefixes().filter(move |(prefix, _)| prefix.is_v4() == v4)
}

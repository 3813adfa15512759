//! Linux: nftables, ipset, iptables. Every file replaces the old set in one
//! step, so that no packet meets an empty one.

use super::{
    job::{Job, Written},
    plain::{Remarks, family},
    text::Text,
};
use crate::feed::entry::Line;

/// The limit of every set that we make. It is no allocation, a set grows with
/// what is in it; but a set that exists is only taken over by `create -exist`
/// if the limits are equal, so the limit must not follow the list.
const MAXELEM: usize = 1 << 22;

/// One file is one transaction: table, two sets, their new content.
/// `auto-merge`, because without it overlapping lines are an error.
pub(super) fn nft(job: &Job<'_>) -> Written {
    let table = job.options.list.as_str();
    let mut out = job.text(20);
    out.push("add table inet ").push(table).push("\n");
    for (set, kind, v4) in
        [("block4", "ipv4_addr", true), ("block6", "ipv6_addr", false)]
    {
        out.push("add set inet ").push(table).push(" ").push(set);
        out.push(" { type ").push(kind);
        out.push("; flags interval; auto-merge; }\nflush set inet ");
        out.push(table).push(" ").push(set).push("\n");
        let lines = || job.lines().filter(|line| line.span.is_v4() == v4);
        if lines().next().is_some() {
            out.push("add element inet ").push(table).push(" ").push(set);
            out.push(" {\n");
            elements(job, &mut out, lines());
            out.push("}\n");
        }
    }
    job.done(out)
}

fn elements<'a>(
    job: &Job<'a>,
    out: &mut Text,
    lines: impl Iterator<Item = &'a Line>,
) {
    let mut remarks = Remarks::of(job, "# ");
    let mut first = true;
    for line in lines {
        if !first {
            out.push(",\n");
        }
        first = false;
        remarks.before(line, out);
        out.span(line.span, job.options.host_suffix);
    }
    out.push("\n");
}

/// Two sets, each filled beside the one in use and then swapped.
pub(super) fn ipset(job: &Job<'_>) -> Written {
    let name = job.options.list.as_str();
    let mut out = job.text(20 + name.len() + 16);
    for (digit, family_name, v4) in [("4", "inet", true), ("6", "inet6", false)]
    {
        let count = family(job, v4).count();
        let maxelem = MAXELEM.max((2 * count).next_power_of_two());
        for suffix in ["", "_new"] {
            out.push("create -exist ").push(name).push(digit).push(suffix);
            out.push(" hash:net family ").push(family_name);
            out.push(" hashsize 1024 maxelem ").number(maxelem as u64);
            out.push("\n");
        }
        out.push("flush ").push(name).push(digit).push("_new\n");
        let mut remarks = Remarks::of(job, "# ");
        for (prefix, line) in family(job, v4) {
            remarks.before(line, &mut out);
            out.push("add -exist ").push(name).push(digit).push("_new ");
            out.prefix(prefix).push("\n");
        }
        out.push("swap ").push(name).push(digit).push("_new ");
        out.push(name).push(digit).push("\n");
        out.push("destroy ").push(name).push(digit).push("_new\n");
    }
    job.done(out)
}

/// A chain for `iptables-restore --noflush`, which replaces the chain alone.
pub(super) fn iptables(job: &Job<'_>) -> Written {
    let chain = job.options.list.as_str().to_ascii_uppercase();
    let mut out = job.text(40);
    out.push("*filter\n:").push(&chain).push(" - [0:0]\n");
    for (prefix, line) in job.prefixes() {
        out.push("-A ").push(&chain).push(" -s ").prefix(prefix);
        if job.options.comments {
            out.push(" -m comment --comment \"").label(&line.cause).push("\"");
        }
        out.push(" -j DROP\n");
    }
    out.push("COMMIT\n");
    job.done(out)
}

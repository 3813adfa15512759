//! Routers: BIRD, FRR, ExaBGP.
//!
//! Sets and lists only take effect where a filter names them. Flowspec routes
//! act on every router that hears them, so they need a confirmation and a
//! limit (`Job::start`).

use super::{
    job::{Job, Written},
    plain::{Remarks, family},
    text::is_host,
};

/// Traffic rate 0, as BIRD writes an extended community that it has no name
/// for: RFC 8955, section 7.3.
const DISCARD: &str = "bgp_ext_community.add((generic, 0x80060000, 0x0)); };\n";

/// Sets for filters: `NAME4`, `NAME6` (everything inside the prefixes), and
/// `NAME_AS` (the networks).
pub(super) fn bird(job: &Job<'_>) -> Written {
    let name = constant(job);
    let mut out = job.text(24);
    for (digit, v4) in [("4", true), ("6", false)] {
        out.push("define ").push(&name).push(digit).push(" = [\n");
        let mut remarks = Remarks::of(job, "# ");
        let mut first = true;
        for (prefix, line) in family(job, v4) {
            if !first {
                out.push(",\n");
            }
            first = false;
            remarks.before(line, &mut out);
            out.prefix(prefix).push(if is_host(prefix) { "" } else { "+" });
        }
        out.push("\n];\n");
    }
    out.push("define ").push(&name).push("_AS = [");
    for (index, asn) in job.listing.asns.iter().enumerate() {
        out.push(if index == 0 { " " } else { ", " }).number(asn.0.into());
    }
    out.push(" ];\n");
    job.done(out)
}

/// Two protocols with one blackhole route a prefix.
pub(super) fn bird_blackhole(job: &Job<'_>) -> Written {
    let name = constant(job).to_ascii_lowercase();
    let mut out = job.text(40);
    for (digit, v4) in [("4", true), ("6", false)] {
        out.push("protocol static ").push(&name).push(digit);
        out.push(" {\nipv").push(digit).push(";\n");
        let mut remarks = Remarks::of(job, "# ");
        for (prefix, line) in family(job, v4) {
            remarks.before(line, &mut out);
            out.push("route ").prefix(prefix).push(" blackhole;\n");
        }
        out.push("}\n");
    }
    job.done(out)
}

/// Two tables and two protocols of flowspec routes that discard.
pub(super) fn bird_flow(job: &Job<'_>) -> Written {
    let name = constant(job).to_ascii_lowercase();
    let mut out = job.text(110);
    for (digit, v4) in [("4", true), ("6", false)] {
        let table = format!("{name}_flow{digit}");
        out.push("flow").push(digit).push(" table ").push(&table).push(";\n");
        out.push("protocol static ").push(&table).push("_routes {\nflow");
        out.push(digit).push(" { table ").push(&table).push("; };\n");
        let mut remarks = Remarks::of(job, "# ");
        for (prefix, line) in family(job, v4) {
            remarks.before(line, &mut out);
            out.push("route flow").push(digit).push(" { src ").prefix(prefix);
            out.push("; } { ").push(DISCARD);
        }
        out.push("}\n");
    }
    job.done(out)
}

/// The `flow` section of a neighbour.
pub(super) fn exabgp(job: &Job<'_>) -> Written {
    let name = constant(job).to_ascii_lowercase();
    let mut out = job.text(80);
    out.push("flow {\n");
    let mut remarks = Remarks::of(job, "# ");
    for (number, (prefix, line)) in (1u64..).zip(job.prefixes()) {
        remarks.before(line, &mut out);
        out.push("route ").push(&name).number(number);
        out.push(" { match { source ").prefix(prefix);
        out.push("; } then { discard; } }\n");
    }
    out.push("}\n");
    job.done(out)
}

/// Prefix lists `NAME4` and `NAME6`, and an AS path list `NAME` of paths that
/// *end* in a blocked network: its customers are not blocked with it.
pub(super) fn frr(job: &Job<'_>) -> Written {
    let name = constant(job);
    let mut out = job.text(60);
    for (command, digit, bits, v4) in [
        ("ip prefix-list ", "4", " le 32", true),
        ("ipv6 prefix-list ", "6", " le 128", false),
    ] {
        let mut remarks = Remarks::of(job, "! ");
        for (number, (prefix, line)) in (1u64..).zip(family(job, v4)) {
            remarks.before(line, &mut out);
            out.push(command).push(&name).push(digit).push(" seq ");
            out.number(5 * number).push(" permit ").prefix(prefix);
            out.push(if is_host(prefix) { "" } else { bits }).push("\n");
        }
    }
    for (number, asn) in (1u64..).zip(&job.listing.asns) {
        out.push("bgp as-path access-list ").push(&name).push(" seq ");
        out.number(5 * number).push(" permit _").number(asn.0.into());
        out.push("$\n");
    }
    if out.is_empty() {
        out.push("! empty\n");
    }
    job.done(out)
}

/// The list's name as routers write constants: upper case, no `-`.
fn constant(job: &Job<'_>) -> String {
    job.options.list.as_str().replace('-', "_").to_ascii_uppercase()
}

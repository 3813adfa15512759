//! Clouds: lists of Cloudflare, sets of AWS WAF, as their APIs take them.

use super::job::{Job, Written};

/// Addresses in one set of AWS WAF.
const ADDRESSES_A_SET: usize = 10_000;

/// Items of a Cloudflare list of kind `ip`. Cloudflare takes IPv4 from /8 and
/// IPv6 from /12; what is larger is withheld, or it would refuse all.
pub(super) fn cloudflare(job: &Job<'_>) -> Written {
    let mut out = job.text(32);
    let (mut entries, mut withheld) = (0, 0);
    out.push("[");
    for (prefix, line) in job.prefixes() {
        if prefix.len() < if prefix.is_v4() { 8 } else { 12 } {
            withheld += 1;
            continue;
        }
        out.push(if entries == 0 { "\n" } else { ",\n" });
        out.push("{\"ip\":\"").short(prefix).push("\"");
        if job.options.comments {
            out.push(",\"comment\":\"").label(&line.cause).push("\"");
        }
        out.push("}");
        entries += 1;
    }
    out.push("\n]\n");
    Written { bytes: out.into_bytes(), entries, withheld }
}

/// Items of a Cloudflare list of kind `asn`: a list has one kind, so networks
/// and addresses are two formats. Lines are not in it, and count as withheld
/// only if no network is.
pub(super) fn cloudflare_asn(job: &Job<'_>) -> Written {
    let asns = &job.listing.asns;
    let mut out = job.text(0);
    out.push("[");
    for (index, asn) in asns.iter().enumerate() {
        out.push(if index == 0 { "\n" } else { ",\n" });
        out.push("{\"asn\":").number(asn.0.into()).push("}");
    }
    out.push("\n]\n");
    let withheld = if asns.is_empty() { job.listing.lines.len() } else { 0 };
    Written { bytes: out.into_bytes(), entries: asns.len(), withheld }
}

/// Requests that create or replace the IP sets `LIST-v4-1`, `LIST-v4-2`, …: a
/// set has one family and at most 10,000 addresses. The first of each family is
/// always there, so that a list that became empty empties its set.
pub(super) fn aws_waf(job: &Job<'_>) -> Written {
    let mut out = job.text(28);
    out.push("[");
    let mut first = true;
    for (family, version, v4) in [("v4", "IPV4", true), ("v6", "IPV6", false)] {
        let all = job.prefixes().map(|(prefix, _)| prefix);
        let prefixes: Vec<_> = all.filter(|p| p.is_v4() == v4).collect();
        let sets = prefixes.len().div_ceil(ADDRESSES_A_SET).max(1);
        for set in 0..sets {
            let start = set * ADDRESSES_A_SET;
            let end = prefixes.len().min(start + ADDRESSES_A_SET);
            out.push(if first { "\n" } else { ",\n" });
            first = false;
            out.push("{\"Name\":\"").push(job.options.list.as_str());
            out.push("-").push(family).push("-").number(set as u64 + 1);
            out.push("\",\"Scope\":\"REGIONAL\",\"IPAddressVersion\":\"");
            out.push(version).push("\",\"Addresses\":[");
            for (index, prefix) in prefixes[start..end].iter().enumerate() {
                out.push(if index == 0 { "\"" } else { ",\"" });
                out.prefix(*prefix).push("\"");
            }
            out.push("]}");
        }
    }
    out.push("\n]\n");
    job.done(out)
}

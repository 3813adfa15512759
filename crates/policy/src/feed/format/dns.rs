//! Name servers: RPZ zones, unbound, BIND, dnsdist.
//!
//! RPZ and unbound's `response-ip` act on the addresses in answers: a name that
//! leads into a blocked network does not resolve.

use asgard_model::Prefix;

use super::{
    job::{Job, Written},
    plain::Remarks,
    text::Text,
};

/// Lines of Lua in one function: a function holds at most 65,536 constants
/// (LuaJIT), and every prefix is one.
const LINES_A_FUNCTION: usize = 10_000;

/// A response policy zone. The serial is the sum of the versions of rules and
/// data, because a change of either changes the zone.
pub(super) fn rpz(job: &Job<'_>) -> Written {
    let mut out = job.text(50);
    let serial = job.listing.version.wrapping_add(job.listing.serial);
    out.push("$TTL 60\n@ SOA localhost. root.localhost. ");
    out.number(serial & u64::from(u32::MAX)).push(" 60 60 86400 60\n");
    out.push("@ NS localhost.\n");
    let mut remarks = Remarks::of(job, "; ");
    for (prefix, line) in job.prefixes() {
        remarks.before(line, &mut out);
        trigger(&mut out, prefix);
        out.push(".rpz-ip CNAME .\n");
    }
    job.done(out)
}

/// The owner name of a response-IP trigger: length, then the address backwards;
/// IPv6 in words, the first longest run of zeros (two at least) as `zz`.
/// Source: BIND 9 ARM, "Response Policy Zone (RPZ) Rewriting".
fn trigger(out: &mut Text, prefix: Prefix) {
    out.octet(prefix.len());
    match prefix {
        Prefix::V4(bits, _) => {
            for octet in bits.to_le_bytes() {
                out.push(".").octet(octet);
            }
        }
        Prefix::V6(bits, _) => {
            let words = std::net::Ipv6Addr::from_bits(bits).segments();
            let (start, run) = longest_zeros(&words);
            for index in (0..8).rev() {
                if run >= 2 && (start..start + run).contains(&index) {
                    if index == start {
                        out.push(".zz");
                    }
                } else {
                    out.push(".").hex(words[index]);
                }
            }
        }
    }
}

/// Start and length of the first longest run of zeros.
fn longest_zeros(words: &[u16; 8]) -> (usize, usize) {
    let mut best = (0, 0);
    let mut run = 0;
    for (index, word) in words.iter().enumerate() {
        run = if *word == 0 { run + 1 } else { 0 };
        if run > best.1 {
            best = (index + 1 - run, run);
        }
    }
    best
}

/// A file for `include:`; the server needs `module-config: "respip …"`.
pub(super) fn unbound(job: &Job<'_>) -> Written {
    let mut out = job.text(40);
    out.push("server:\n");
    let mut remarks = Remarks::of(job, "# ");
    for (prefix, line) in job.prefixes() {
        remarks.before(line, &mut out);
        out.push("response-ip: ").prefix(prefix).push(" deny\n");
    }
    job.done(out)
}

/// An access list for `blackhole`, `allow-query` and the like.
pub(super) fn bind_acl(job: &Job<'_>) -> Written {
    let mut out = job.text(24);
    out.push("acl \"").push(job.options.list.as_str()).push("\" {\n");
    let mut remarks = Remarks::of(job, "// ");
    for (prefix, line) in job.prefixes() {
        remarks.before(line, &mut out);
        out.push(" ").prefix(prefix).push(";\n");
    }
    out.push("};\n");
    job.done(out)
}

/// A group of netmasks as a global Lua variable, for `dofile`.
pub(super) fn dnsdist(job: &Job<'_>) -> Written {
    let name = job.options.list.as_str().replace('-', "_");
    let mut out = job.text(40);
    out.push(&name).push(" = newNMG();\n");
    let mut remarks = Remarks::of(job, "-- ");
    let mut in_function = 0;
    for (prefix, line) in job.prefixes() {
        if in_function == 0 {
            out.push("(function()\n");
        }
        remarks.before(line, &mut out);
        out.push(&name).push(":addMask(\"").prefix(prefix).push("\")\n");
        in_function += 1;
        if in_function == LINES_A_FUNCTION {
            out.push("end)();\n");
            in_function = 0;
        }
    }
    if in_function > 0 {
        out.push("end)();\n");
    }
    job.done(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(prefix: &str) -> String {
        let mut out = Text::default();
        trigger(&mut out, prefix.parse().unwrap());
        String::from_utf8(out.into_bytes()).unwrap()
    }

    #[test]
    fn triggers_are_lengths_and_reversed_addresses() {
        assert_eq!(name("1.10.16.0/20"), "20.0.16.10.1");
        assert_eq!(name("8.8.8.8"), "32.8.8.8.8");
        assert_eq!(name("2602:feb4:e0::/48"), "48.zz.e0.feb4.2602");
        assert_eq!(name("2a00::1"), "128.1.zz.2a00");
        assert_eq!(name("2a00:0:1:2:3:4:5:6"), "128.6.5.4.3.2.1.0.2a00");
        assert_eq!(name("2a00:0:0:1:0:0:1:1"), "128.1.1.0.0.1.zz.2a00");
    }
}

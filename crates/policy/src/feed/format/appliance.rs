//! Forms that one vendor alone reads: Check Point, Juniper, MikroTik.

use std::io::Write;

use flate2::{Compression, GzBuilder};

use super::{
    Format, RenderError,
    job::{Job, Written},
    plain,
    text::is_host,
};
use crate::feed::entry::Range;

/// Indicators in Check Point's CSV: IPv4 addresses and ranges, no prefixes. No
/// field is ever empty, because one empty mandatory field makes a gateway
/// refuse the whole file.
pub(super) fn checkpoint(job: &Job<'_>) -> Written {
    let name = job.options.list.as_str();
    let mut out = job.text(80);
    out.push("#! DESCRIPTION = block list of ").push(name).push("\n");
    out.push("#UNIQ-NAME,VALUE,TYPE,CONFIDENCE,SEVERITY,PRODUCT,COMMENT\n");
    for (number, line) in (1u64..).zip(job.lines()) {
        let range = line.span.range();
        let single = matches!(range, Range::V4(a, b) if a == b);
        out.push(name).number(number).push(",").range(range);
        out.push(if single { ",IP" } else { ",IP Range" });
        out.push(",high,high,AB,").label(&line.cause).push("\n");
    }
    job.done(out)
}

/// A gzipped tar archive with one file, `LIST.txt`: the list itself. Every
/// field of the archive is fixed, so that equal lists are equal bytes.
pub(super) fn juniper_tgz(job: &Job<'_>) -> Result<Written, RenderError> {
    let list = plain::bare(job);
    let bytes = archive(job, &list.bytes).map_err(|error| {
        let reason = error.to_string();
        RenderError::Fault { format: Format::JuniperTgz, reason }
    })?;
    Ok(Written { bytes, ..list })
}

fn archive(job: &Job<'_>, list: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("{}.txt", job.options.list.as_str()))?;
    header.set_size(list.len() as u64);
    header.set_mode(0o644);
    let built = job.listing.built_at.as_second();
    header.set_mtime(u64::try_from(built).unwrap_or(0));
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, list)?;
    let mut gzip =
        GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    gzip.write_all(&tar.into_inner()?)?;
    gzip.finish()
}

/// A RouterOS script that fills the list that is not in use (`L_a` or `L_b`)
/// and then empties the other: firewall rules name both, so at no moment is
/// neither in force, and a script that stops half-way leaves the old list.
/// IPv6 addresses stand in the menu of IPv6: elsewhere they stop the script.
pub(super) fn mikrotik(job: &Job<'_>) -> Written {
    let mut out = job.text(110);
    out.push("# asgard: replaces the address lists ");
    let name = job.options.list.as_str();
    out.push(name).push("_a and ").push(name).push("_b\n");
    for (menu, v4) in [
        ("/ip/firewall/address-list", true),
        ("/ipv6/firewall/address-list", false),
    ] {
        out.push(menu).push("\n");
        out.push(":global asgardNew \"").push(name).push("_a\"\n");
        out.push(":global asgardOld \"").push(name).push("_b\"\n");
        out.push(":if ([:len [find list=\"").push(name);
        out.push("_a\"]] > 0) do={ :set asgardNew \"").push(name);
        out.push("_b\"; :set asgardOld \"").push(name).push("_a\" }\n");
        out.push("remove [find list=$asgardNew]\n");
        for (prefix, line) in plain::family(job, v4) {
            out.push(":do { add list=$asgardNew address=");
            if is_host(prefix) && v4 {
                out.network(prefix);
            } else {
                out.prefix(prefix);
            }
            out.push(" timeout=1d");
            if job.options.comments {
                out.push(" comment=\"").label(&line.cause).push("\"");
            }
            out.push(" } on-error={}\n");
        }
        out.push("remove [find list=$asgardOld]\n");
    }
    out.push(":set asgardNew\n:set asgardOld\n");
    job.done(out)
}

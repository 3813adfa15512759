//! For programs: JSON, JSON lines, CSV, and the form of Spamhaus DROP. The only
//! formats that say everything about an entry.

use super::{
    job::{Job, Written},
    text::Text,
};
use crate::feed::entry::{Cause, Line};

/// The terms under which the list is given, in the form of DROP.
const TERMS: &str = "for the organisation that owns the key";

/// An array of records.
pub(super) fn json(job: &Job<'_>) -> Written {
    let mut out = job.text(110);
    out.push("[");
    for (index, line) in job.lines().enumerate() {
        out.push(if index == 0 { "\n" } else { ",\n" });
        record(&mut out, line);
    }
    out.push("\n]\n");
    job.done(out)
}

/// A record a line.
pub(super) fn jsonl(job: &Job<'_>) -> Written {
    let mut out = job.text(110);
    for line in job.lines() {
        record(&mut out, line);
        out.push("\n");
    }
    job.done(out)
}

fn record(out: &mut Text, line: &Line) {
    let cause = &line.cause;
    out.push("{\"prefix\":\"").span(line.span, true);
    out.push("\",\"origin\":\"").push(cause.origin.as_str());
    out.push("\",\"rule_id\":");
    optional(out, cause.rule.as_deref());
    out.push(",\"asn\":");
    number(out, cause.asn.map(|asn| asn.0));
    out.push(",\"score\":");
    number(out, cause.score.map(u32::from));
    out.push(",\"country\":");
    optional(out, cause.country.as_ref().map(|country| country.as_str()));
    out.push(",\"list\":");
    optional(out, cause.list.as_deref());
    out.push(",\"expires_at\":");
    match cause.expires_at {
        Some(moment) => out.push("\"").moment(moment).push("\""),
        None => out.push("null"),
    };
    out.push("}");
}

fn optional(out: &mut Text, text: Option<&str>) {
    match text {
        Some(text) => out.json(text),
        None => out.push("null"),
    };
}

fn number(out: &mut Text, number: Option<u32>) {
    match number {
        Some(number) => out.number(number.into()),
        None => out.push("null"),
    };
}

/// RFC 4180 with LF. A cell that a spreadsheet would run as a formula gets an
/// apostrophe in front.
pub(super) fn csv(job: &Job<'_>) -> Written {
    let mut out = job.text(90);
    out.push("prefix,origin,rule_id,asn,score,country,list,expires_at\n");
    for line in job.lines() {
        let cause: &Cause = &line.cause;
        out.span(line.span, true).push(",").push(cause.origin.as_str());
        out.push(",");
        cell(&mut out, cause.rule.as_deref());
        out.push(",");
        if let Some(asn) = cause.asn {
            out.number(asn.0.into());
        }
        out.push(",");
        if let Some(score) = cause.score {
            out.octet(score);
        }
        out.push(",");
        cell(&mut out, cause.country.as_ref().map(|c| c.as_str()));
        out.push(",");
        cell(&mut out, cause.list.as_deref());
        out.push(",");
        if let Some(moment) = cause.expires_at {
            out.moment(moment);
        }
        out.push("\n");
    }
    job.done(out)
}

fn cell(out: &mut Text, text: Option<&str>) {
    let Some(text) = text else { return };
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = formula || text.contains([',', '"', '\n', '\r']);
    if !quoted {
        out.push(text);
        return;
    }
    out.push("\"").push(if formula { "'" } else { "" });
    for (index, part) in text.split('"').enumerate() {
        out.push(if index == 0 { "" } else { "\"\"" }).push(part);
    }
    out.push("\"");
}

/// The form of Spamhaus DROP; the data and their terms are ours. `rir` is
/// there because readers expect the key, and is null because a feed is about
/// addresses that are blocked, not about who registered them.
pub(super) fn drop_jsonl(job: &Job<'_>) -> Written {
    let mut out = job.text(60);
    for (prefix, line) in job.prefixes() {
        out.push("{\"cidr\":\"").prefix(prefix).push("\",\"sblid\":\"");
        out.label(&line.cause).push("\",\"rir\":null}\n");
    }
    let lines = job.prefixes().count() as u64;
    let size = out.len() as u64;
    let built = job.listing.built_at.as_second();
    out.push("{\"type\":\"metadata\",\"timestamp\":");
    out.number(u64::try_from(built).unwrap_or(0));
    out.push(",\"size\":").number(size).push(",\"records\":").number(lines);
    out.push(",\"copyright\":\"asgard\",\"terms\":\"").push(TERMS);
    out.push("\"}\n");
    job.done(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Text::default();
        cell(&mut out, Some(text));
        String::from_utf8(out.into_bytes()).unwrap()
    }

    #[test]
    fn no_cell_is_a_formula_and_separators_are_quoted() {
        assert_eq!(written("drop"), "drop");
        assert_eq!(written("=1+1"), "\"'=1+1\"");
        assert_eq!(written("@a"), "\"'@a\"");
        assert_eq!(written("a,b"), "\"a,b\"");
        assert_eq!(written("a\"b"), "\"a\"\"b\"");
        assert_eq!(written(""), "");
    }
}

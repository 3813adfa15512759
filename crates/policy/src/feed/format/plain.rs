//! Lists that firewalls poll: one entry a line, LF only, a final LF.
//!
//! `plain` is the contract of the feed: always prefixes with their length,
//! never a comment. The others are the same list in the dialect of a device.

use super::{
    Format,
    job::{Job, Written},
};

/// `plain` and the dialects that differ only in comments and suffixes.
pub(super) fn write(job: &Job<'_>) -> Written {
    let mut out = job.text(20);
    let comments = job.options.comments && job.format.traits().comments;
    let mark = if job.format == Format::Panos { " " } else { " # " };
    for line in job.lines() {
        out.span(line.span, job.options.host_suffix);
        if comments {
            out.push(mark).label(&line.cause);
        }
        out.push("\n");
    }
    job.done(out)
}

//! An AS with the reasons for its score, for people.

use anyhow::Result;
use asgard_model::{Asn, Profile, Snapshot};
use serde_json::Value;

use super::view;
use crate::{config::Detail, output::Out};

/// Score, sub-scores, certainty; then each reason with its evidence.
pub(super) fn explain(
    snapshot: &Snapshot,
    asn: Asn,
    detail: Detail,
    out: &mut Out,
) -> Result<()> {
    let Some(profile) = snapshot.profile(asn) else { return Ok(()) };
    out.line(headline(&profile))?;
    let a = profile.assessment;
    out.line(format!(
        "  score {} {}, plausible {} to {}, confidence {:.2} ({})",
        a.score,
        a.level,
        a.score_low,
        a.score_high,
        a.confidence,
        a.state.as_str()
    ))?;
    out.line(format!(
        "  hygiene {}  threat {}  stability {}  as of {}",
        a.hygiene, a.threat, a.stability, snapshot.world.as_of
    ))?;
    if let Some(line) = evidence(&profile) {
        out.line(line)?;
    }
    let view = view(snapshot, &profile)?;
    reasons(&view["details"], detail, out)?;
    let unknown = words(&view["signals"]["unknown"]);
    if !unknown.is_empty() {
        out.line(format!("  not known: {}", unknown.join(", ")))?;
    }
    Ok(())
}

/// Reasons that cost or give points; the others on request.
fn reasons(details: &Value, detail: Detail, out: &mut Out) -> Result<()> {
    let details = details.as_array().map_or(&[] as &[_], |d| d);
    let counts = |d: &&Value| d["points"].as_i64() != Some(0);
    let shown: Vec<&Value> = match detail {
        Detail::All => details.iter().collect(),
        Detail::Points => details.iter().filter(counts).collect(),
    };
    if !details.iter().any(|d| counts(&d)) {
        out.line("  nothing speaks against it")?;
    }
    for detail in &shown {
        reason(detail, out)?;
    }
    match details.len() - shown.len() {
        0 => {}
        more => out.line(format!("  {more} more without points: see -v"))?,
    }
    Ok(())
}

fn reason(detail: &Value, out: &mut Out) -> Result<()> {
    let text = |key: &str| detail[key].as_str().unwrap_or_default();
    let points = -detail["points"].as_i64().unwrap_or(0);
    out.line(format!(
        "  {points:>+4}  {:<9} {}",
        text("severity"),
        text("code")
    ))?;
    out.line(format!("        {}", text("description")))?;
    for evidence in detail["evidence"].as_array().into_iter().flatten() {
        out.line(format!("        · {}", sentence(evidence)))?;
    }
    Ok(())
}

/// One piece of evidence in a line:
/// `192.0.2.1/32, threatfox, 2026-04-25 to 2026-06-20`.
fn sentence(evidence: &Value) -> String {
    let text = |key: &str| evidence[key].as_str();
    let what = text("prefix").or_else(|| text("topic"));
    let when = match (text("first_seen"), text("last_seen")) {
        (Some(first), Some(last)) => Some(format!("{first} to {last}")),
        _ => None,
    };
    let parts = [what, text("source"), when.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// All evidence in a line, whether it costs points or not.
fn evidence(profile: &Profile<'_>) -> Option<String> {
    let threats = profile.signals.threats.as_deref()?;
    let (first, last) = threats.first_seen.zip(threats.last_seen)?;
    let many = |count: usize, one: &str, more: &str| {
        format!("{count} {}", if count == 1 { one } else { more })
    };
    let addresses = usize::try_from(threats.distinct_ips).unwrap_or(usize::MAX);
    Some(format!(
        "  evidence: {} on {} of {}, from {first} to {last}",
        many(addresses, "bad address", "bad addresses"),
        many(threats.sources.into(), "list", "lists"),
        many(threats.families.len(), "publisher", "publishers"),
    ))
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `AS64500 EXAMPLE (Example Ltd, GB, ripencc)`: what is not known is left out.
fn headline(profile: &Profile<'_>) -> String {
    let registration = profile.registration;
    let name = registration.name.as_deref();
    let organisation = registration.organisation.as_deref();
    let about = [
        organisation.filter(|text| Some(*text) != name),
        registration.country.as_ref().map(|country| country.as_str()),
        registration.rir.map(|rir| rir.as_str()),
    ];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let mut line = profile.asn.to_string();
    if let Some(name) = name {
        line = format!("{line} {name}");
    }
    match about.is_empty() {
        true => line,
        false => format!("{line} ({})", about.join(", ")),
    }
}

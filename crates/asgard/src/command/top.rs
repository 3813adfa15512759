//! `asgard top`: the worst or the best networks.

use anyhow::Result;
use asgard_api::view::ProfileView;
use asgard_model::{AssessmentState, Profile, Snapshot};

use crate::{
    cli::{Form, Top},
    config::Config,
    exit::Exit,
    local,
    output::Out,
};

pub(crate) async fn run(
    config: &Config,
    top: &Top,
    out: &mut Out,
) -> Result<Exit> {
    let snapshot = local::snapshot(config).await?;
    let ranked = rank(&snapshot, top);
    match top.output.output {
        Form::Json => {
            let views: Vec<_> = ranked
                .iter()
                .map(|profile| ProfileView::new(&snapshot, profile))
                .collect();
            out.json(&views)?;
        }
        Form::Table => {
            let header = [
                "asn",
                "score",
                "level",
                "conf",
                "name",
                "organisation",
                "cc",
                "/24s",
                "reasons",
            ];
            if out.is_terminal() {
                out.table(&NARROW, ranked.iter().map(narrow).collect())?;
            } else {
                let rows = ranked.iter().map(|p| row(p).to_vec()).collect();
                out.table(&header, rows)?;
            }
        }
    }
    Ok(Exit::Ok)
}

/// By the unrounded score, so that there are no ties; then by number.
fn rank<'a>(snapshot: &'a Snapshot, top: &Top) -> Vec<Profile<'a>> {
    let mut profiles: Vec<Profile<'_>> = snapshot
        .profiles()
        .filter(|p| {
            top.country.is_none() || p.registration.country == top.country
        })
        // Silence is not health: who was never watched is nobody's best.
        .filter(|p| !top.best || p.assessment.state == AssessmentState::Ok)
        .collect();
    profiles.sort_by(|a, b| {
        let (x, y) = (a.assessment.score_exact, b.assessment.score_exact);
        let order = if top.best { y.total_cmp(&x) } else { x.total_cmp(&y) };
        order.then(a.asn.cmp(&b.asn))
    });
    profiles.truncate(top.count);
    profiles
}

/// Columns that fit a terminal of 100 characters.
const NARROW: [&str; 8] =
    ["asn", "score", "level", "conf", "name", "cc", "/24s", "reasons"];
/// Most characters of a name in them.
const NAME: usize = 17;

fn narrow(profile: &Profile<'_>) -> Vec<String> {
    let [asn, score, level, confidence, name, _, country, space, _] =
        row(profile);
    let mut name: Vec<char> = name.chars().collect();
    if name.len() > NAME {
        name.truncate(NAME - 1);
        name.push('…');
    }
    let mut costs = reasons(profile).into_iter();
    let mut reason = costs.next().unwrap_or_default();
    if costs.len() > 0 {
        reason = format!("{reason} +{}", costs.len());
    }
    let name = name.into_iter().collect();
    vec![asn, score, level, confidence, name, country, space, reason]
}

fn reasons(profile: &Profile<'_>) -> Vec<String> {
    let details = profile.assessment.details.iter();
    details
        .filter(|detail| detail.points != 0)
        .map(|detail| format!("{} {}", detail.code.as_str(), detail.points))
        .collect()
}

fn row(profile: &Profile<'_>) -> [String; 9] {
    let a = profile.assessment;
    let registration = profile.registration;
    let text = |value: &Option<Box<str>>| {
        value.as_deref().unwrap_or_default().to_owned()
    };
    [
        profile.asn.to_string(),
        a.score.to_string(),
        a.level.to_string(),
        format!("{:.2}", a.confidence),
        text(&registration.name),
        text(&registration.organisation),
        registration.country.map(|c| c.to_string()).unwrap_or_default(),
        format!("{:.0}", profile.signals.exposure.v4),
        reasons(profile).join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_terminal_fits_100_columns() {
        // The widest of each: number, score, level, confidence, name, country,
        // space, and a reason with a count of the others. Each column has a
        // blank on both sides.
        let widest = ["AS4294967295", "score", "CRITICAL", "0.00", "", "cc"];
        let reason = "STABILITY_SERIAL_ORIGIN 10 +5".len();
        let text: usize = widest.iter().map(|w| w.len()).sum();
        let space = "1000000".len();
        let gaps = 2 * NARROW.len();
        assert!(text + NAME + space + reason + gaps <= 100);
    }
}

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
            let rows = ranked.iter().map(|p| row(p)).collect();
            out.table(&header, rows)?;
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

fn row(profile: &Profile<'_>) -> Vec<String> {
    let a = profile.assessment;
    let registration = profile.registration;
    let text = |value: &Option<Box<str>>| {
        value.as_deref().unwrap_or_default().to_owned()
    };
    let reasons: Vec<String> = a
        .details
        .iter()
        .filter(|detail| detail.points != 0)
        .map(|detail| format!("{} {}", detail.code.as_str(), detail.points))
        .collect();
    vec![
        profile.asn.to_string(),
        a.score.to_string(),
        a.level.to_string(),
        format!("{:.2}", a.confidence),
        text(&registration.name),
        text(&registration.organisation),
        registration.country.map(|c| c.to_string()).unwrap_or_default(),
        format!("{:.0}", profile.signals.exposure.v4),
        reasons.join(", "),
    ]
}

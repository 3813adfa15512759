//! Rules that cannot be evaluated for a request: the operator is told, and the
//! log is not flooded.

use std::time::Duration;

use asgard_gateway::{
    config::{Overrides, load},
    metrics::RuleMetrics,
};
use asgard_policy::gate::RuleIndex;

use crate::{
    backend::Backend,
    log_lines::LogLines,
    stage::{Stage, status, yaml},
};

/// Divides by zero for every request without a body.
const RULES: &str = "\
rules:
  - {name: quotient, action: DENY, expression: '9 / contentLength == 3'}
  - {name: other, action: DENY, expression: '7 / contentLength == 3'}
";

#[tokio::test]
async fn a_rule_that_fails_is_told_once_by_its_name() {
    let backend = Backend::start().await;
    let stage = Stage::of(&yaml(backend.address, RULES)).await;
    let (lines, _guard) = LogLines::caught(tracing::Level::WARN);
    for _ in 0..20 {
        assert_eq!(status(&stage.get("/", "").await), 200);
    }
    for rule in ["quotient", "other"] {
        let told = lines.with(&format!("rule=\"{rule}\""));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("division by zero"), "{told:?}");
        let count = format!(
            "rule_errors_total{{mode=\"enforce\",rule=\"{rule}\"}} 20\n"
        );
        let text = stage.gateway.metrics_text().unwrap();
        assert!(text.contains(&count), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_told_again_after_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, RULES).unwrap();
    let loaded = load(&file, &Overrides::default()).unwrap();
    let metrics = RuleMetrics::new(&loaded.policy, "hash");
    let (lines, _guard) = LogLines::caught(tracing::Level::WARN);
    let told = || lines.with("rule=\"quotient\"").len();
    let rule = RuleIndex(0);
    for minute in 1..=5 {
        for _ in 0..59 {
            metrics.error(rule, &"why");
            assert_eq!(told(), minute);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

//! Reading `model.toml`, refusing what makes no sense, naming the version.
//!
//! Refuses unknown and missing keys, numbers that are negative or not finite,
//! ramps that do not rise, quantiles on the wrong side and weights of unknown
//! sources: always with the line, because a score from a mistyped file looks
//! like any other score.

use sha2::{Digest, Sha256};
use toml::{
    Value,
    de::{DeTable, DeValue},
};

use super::{Model, ramp::Ramps};

/// Why a `model.toml` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not TOML, an unknown or missing key, or a value of another type.
    #[error("model line {line}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A value that the model cannot use.
    #[error("model line {line}: `{key} = {value}` must be {demand}")]
    Value {
        /// Line, from 1.
        line: usize,
        /// Dotted key.
        key: String,
        /// The value as written.
        value: String,
        /// What it must be.
        demand: &'static str,
    },
    /// A weight of something that is no source: it would do nothing.
    #[error("model line {line}: source_weight: {problem}")]
    Source {
        /// Line, from 1.
        line: usize,
        /// What is wrong with the name.
        problem: String,
    },
}

/// The file that is compiled in.
const DEFAULT: &str = include_str!("../../model.toml");

/// `(dotted key, whether its value is good, what it must be)`.
type Check = (&'static str, bool, &'static str);

impl Model {
    /// Reads and checks a `model.toml`.
    ///
    /// # Errors
    /// The first thing wrong, with its line.
    pub fn from_toml(text: &str) -> Result<Self, ModelError> {
        let mut model: Self =
            toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let table: Value =
            toml::from_str(text).map_err(|error| syntax(text, &error))?;
        refuse_negative(text, "", &table)?;
        let checks = [ranges(&model), shares(&model), counts(&model)];
        for (key, good, demand) in checks.concat() {
            if !good {
                return Err(refusal(text, key, &table, demand));
            }
        }
        refuse_heavy_sources(text, &model, &table)?;
        model.ramps = Ramps::new(&model);
        Ok(model)
    }

    /// Refuses weights of what is no source. Only who has the catalogue can
    /// tell; `text` is what the model was read from, for the line.
    ///
    /// # Errors
    /// The first name that `known` refuses, with its words.
    pub fn check_sources<T, E: ToString>(
        &self,
        text: &str,
        known: impl Fn(&str) -> Result<T, E>,
    ) -> Result<(), ModelError> {
        for name in self.source_weight.keys() {
            known(name).map_err(|error| ModelError::Source {
                line: line_of_key(text, &format!("source_weight.{name}")),
                problem: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// The model that is compiled in.
    pub fn default_model() -> Self {
        Self::from_toml(DEFAULT).expect("a test reads the compiled-in file")
    }

    /// `<name>-<12 hex digits>`: the digest of the values, so that comments,
    /// order and spelling of numbers do not matter.
    pub fn version(&self) -> String {
        let canonical = toml::to_string(self)
            .expect("a struct of numbers and strings is a TOML table");
        let digest = Sha256::digest(canonical.as_bytes());
        let hex: String =
            digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hex}", self.name)
    }
}

fn ranges(model: &Model) -> Vec<Check> {
    let rate = &model.rate;
    let rises = "more than 0 and less than r1";
    let ramp = |key, r: &super::weights::RateUnits| {
        (key, 0.0 < r.r0 && r.r0 < r.r1, rises)
    };
    let low = model.quantile_low;
    let high = model.quantile_high;
    let name = model.name.bytes();
    vec![
        ("name", is_name(name), "1 to 32 of a–z, 0–9, `.`, `_`"),
        ("quantile_low", 0.0 < low && low < 0.5, "inside (0, 0.5)"),
        ("quantile_high", 0.5 < high && high < 1.0, "inside (0.5, 1)"),
        ramp("rate.hosting.r0", &rate.hosting),
        ramp("rate.phishing.r0", &rate.phishing),
        ramp("rate.spam.r0", &rate.spam),
        ramp("rate.attack.r0", &rate.attack),
    ]
}

fn is_name(mut name: impl ExactSizeIterator<Item = u8>) -> bool {
    (1..=32).contains(&name.len())
        && name.all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b)
        })
}

fn shares(model: &Model) -> Vec<Check> {
    let share = |key, value: f64| (key, value <= 1.0, "a share, 0 to 1");
    let benign = &model.benign;
    vec![
        share("persistence_floor", model.persistence_floor),
        share("benign.scanner", benign.scanner),
        share("benign.tor", benign.tor),
        share("benign.sinkhole", benign.sinkhole),
        share("benign.ddos_mitigation", benign.ddos_mitigation),
        share("benign.anycast", benign.anycast),
        share("visibility.k_share", model.visibility.k_share),
        share("visibility.full_feed_share", model.visibility.full_feed_share),
        share("stability.hop_factor", model.stability.hop_factor),
        share("related.sibling_factor", model.related.sibling_factor),
        share("related.full_sibling_share", model.related.full_sibling_share),
        share("related.successor_factor", model.related.successor_factor),
        share("related.successor_space", model.related.successor_space),
        share("assessment.min_coverage", model.assessment.min_coverage),
        share("assessment.min_confidence", model.assessment.min_confidence),
        share("uncertainty.history_floor", model.uncertainty.history_floor),
        share("uncertainty.low_visibility", model.uncertainty.low_visibility),
        share("uncertainty.not_announced", model.uncertainty.not_announced),
    ]
}

fn counts(model: &Model) -> Vec<Check> {
    let more = |key, value: f64| (key, value > 0.0, "more than 0");
    let rate = &model.rate;
    let days = &model.half_life_days;
    let hours = &model.staleness_hours;
    let months = (1..=16).contains(&model.window_months);
    let peers = model.visibility.k_min <= model.visibility.k_max;
    vec![
        ("window_months", months, "1 to 16"),
        ("visibility.k_min", peers, "at most k_max"),
        ("stability.cap", model.stability.cap <= 100.0, "at most 100"),
        more("prior_b", model.prior_b),
        more("rate_v6.prior_b", model.rate_v6.prior_b),
        more("rate_v6.factor_r", model.rate_v6.factor_r),
        more("rate_v6.g_factor", model.rate_v6.g_factor),
        more("rate.hosting.g", rate.hosting.g),
        more("rate.phishing.g", rate.phishing.g),
        more("rate.spam.g", rate.spam.g),
        more("rate.attack.g", rate.attack.g),
        more("half_life_days.c2", days.c2),
        more("half_life_days.malware", days.malware),
        more("half_life_days.phishing", days.phishing),
        more("half_life_days.attack", days.attack),
        more("half_life_days.spam", days.spam),
        more("half_life_days.route_incident", days.route_incident),
        more("half_life_days.delisted", days.delisted),
        more("flat.drop_space_exponent", model.flat.drop_space_exponent),
        more(
            "hygiene.rpki_invalid_full_at",
            model.hygiene.rpki_invalid_full_at,
        ),
        more("staleness_hours.routing", hours.routing),
        more("staleness_hours.vrp", hours.vrp),
        more("staleness_hours.threat", hours.threat),
        more("staleness_hours.drop", hours.drop),
        more("staleness_hours.registry", hours.registry),
        more("assessment.history_days", model.assessment.history_days),
        more("assessment.evidence_full", model.assessment.evidence_full),
        more("uncertainty.precision_units", model.uncertainty.precision_units),
    ]
}

fn refuse_negative(
    text: &str,
    path: &str,
    value: &Value,
) -> Result<(), ModelError> {
    let number = match value {
        Value::Table(table) => {
            for (key, inner) in table {
                let dot = if path.is_empty() { "" } else { "." };
                refuse_negative(text, &format!("{path}{dot}{key}"), inner)?;
            }
            return Ok(());
        }
        Value::Float(number) => *number,
        Value::Integer(integer) if *integer < 0 => -1.0,
        _ => 0.0,
    };
    if number.is_finite() && number >= 0.0 {
        return Ok(());
    }
    let demand = "a number, 0 or more";
    Err(ModelError::Value {
        line: line_of_key(text, path),
        key: path.to_owned(),
        value: value.to_string(),
        demand,
    })
}

fn refuse_heavy_sources(
    text: &str,
    model: &Model,
    table: &Value,
) -> Result<(), ModelError> {
    match model.source_weight.iter().find(|(_, weight)| **weight > 1.0) {
        None => Ok(()),
        Some((source, _)) => {
            let key = format!("source_weight.{source}");
            Err(refusal(text, &key, table, "a share, 0 to 1"))
        }
    }
}

fn refusal(
    text: &str,
    key: &str,
    table: &Value,
    demand: &'static str,
) -> ModelError {
    let value =
        key.split('.').try_fold(table, |at, part| at.get(part)).map_or_else(
            // A default that a written value contradicts.
            || "default".to_owned(),
            Value::to_string,
        );
    let line = line_of_key(text, key);
    ModelError::Value { line, key: key.to_owned(), value, demand }
}

fn syntax(text: &str, error: &toml::de::Error) -> ModelError {
    let start = error.span().map_or(0, |span| span.start);
    ModelError::Syntax {
        line: line_at(text, start),
        message: error.message().to_owned(),
    }
}

/// Line of a dotted key, or of its innermost table that is written.
fn line_of_key(text: &str, key: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 1 };
    let mut table = Some(document.get_ref());
    let mut start = 0;
    for part in key.split('.') {
        let Some((name, value)) = table.and_then(|t| t.get_key_value(part))
        else {
            break;
        };
        start = name.span().start;
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    line_at(text, start)
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiled-in file with one line replaced.
    fn with(old: &str, new: &str) -> Result<Model, ModelError> {
        assert!(DEFAULT.contains(old), "{old}");
        Model::from_toml(&DEFAULT.replacen(old, new, 1))
    }

    fn line_of(text: &str) -> usize {
        1 + DEFAULT.lines().position(|line| line == text).unwrap()
    }

    #[test]
    fn reads_the_compiled_in_file() {
        let model = Model::default_model();
        assert_eq!(model.link(), super::super::Link::Exp);
        assert!((model.half_life(crate::Category::C2) - 60.0).abs() < 1e-9);
        assert_eq!(model.source_weight("threatfox"), Some(0.7));
        assert_eq!(model.source_weight("unheard"), None);
        assert_eq!(model.visibility().min_peers(2), 1);
        assert_eq!(model.visibility().min_peers(20), 3);
        assert_eq!(model.visibility().min_peers(90), 5);
        assert_eq!(model.visibility().min_peers(900), 10);
    }

    #[test]
    fn sections_that_older_files_lack_have_the_same_values() {
        let start = DEFAULT.find("# Without `families`").unwrap();
        let end = DEFAULT.find("# How much the word of a source").unwrap();
        let older = DEFAULT.replace(&DEFAULT[start..end], "");
        let start = older.find("# confidence =").unwrap();
        let older = Model::from_toml(&older[..start]).unwrap();
        assert_eq!(older.version(), Model::default_model().version());
    }

    #[test]
    fn the_version_depends_on_values_alone() {
        let version = Model::default_model().version();
        let (name, hex) = version.split_once('-').unwrap();
        assert_eq!((name, hex.len()), ("m1", 12));
        let respelled = with("cap = 70", "cap = 7.0e1 # the same").unwrap();
        assert_eq!(respelled.version(), version);
        let heavier = with("cap = 70", "cap = 71").unwrap();
        assert_ne!(heavier.version(), version);
    }

    #[test]
    fn refuses_values_that_make_no_sense_and_names_the_line() {
        for (old, new, key) in [
            ("cap = 70", "cap = -1", "rate.hosting.cap"),
            ("cap = 70", "cap = nan", "rate.hosting.cap"),
            ("r0 = 0.1", "r0 = 5.0", "rate.hosting.r0"),
            ("r0 = 0.1", "r0 = 0", "rate.hosting.r0"),
            ("quantile_low = 0.05", "quantile_low = 0.5", "quantile_low"),
            ("quantile_low = 0.05", "quantile_low = 0", "quantile_low"),
            ("quantile_high = 0.95", "quantile_high = 1", "quantile_high"),
            ("prior_b = 4.0", "prior_b = inf", "prior_b"),
            ("window_months = 12", "window_months = 17", "window_months"),
            ("threatfox = 0.7", "threatfox = 1.5", "source_weight.threatfox"),
            ("k_min = 3", "k_min = 11", "visibility.k_min"),
            ("drop = 168", "drop = 0", "staleness_hours.drop"),
            ("scanner = 0.0", "scanner = 2", "benign.scanner"),
            (r#"name = "m1""#, r#"name = "M 1""#, "name"),
        ] {
            let refused = with(old, new).unwrap_err();
            let ModelError::Value { line, key: found, .. } = &refused else {
                panic!("{new}: {refused}");
            };
            assert_eq!((*line, found.as_str()), (line_of(old), key), "{new}");
        }
    }

    #[test]
    fn refuses_weights_of_what_is_no_source_with_the_line() {
        let text = DEFAULT.replace("c2-tracker = 0.6", "c2tracker = 0.6");
        let model = Model::from_toml(&text).unwrap();
        let known = |name: &str| match name {
            "c2tracker" => Err("nobody"),
            _ => Ok(()),
        };
        let refused = model.check_sources(&text, known).unwrap_err();
        let line = line_of("c2-tracker = 0.6");
        let problem = "nobody".to_owned();
        assert_eq!(refused, ModelError::Source { line, problem });
    }

    #[test]
    fn refuses_unknown_missing_and_mistyped_keys_with_the_line() {
        for (old, new, message) in [
            ("r1 = 5.0", "r2 = 5.0", "unknown field `r2`"),
            ("stub = 4", "stubb = 4", "unknown field `stubb`"),
            ("[benign]", "[benigne]", "unknown field `benigne`"),
            (r#"link = "exp""#, r#"link = "cube""#, "unknown variant `cube`"),
            ("stub = 4", r#"stub = "4""#, "invalid type"),
            ("stub = 4", "stub = = 4", ""),
        ] {
            let refused = with(old, new).unwrap_err();
            let ModelError::Syntax { line, message: text } = &refused else {
                panic!("{new}: {refused}");
            };
            assert_eq!(*line, line_of(old), "{new}: {text}");
            assert!(text.contains(message), "{text}");
        }
        let refused = with("stub = 4\n", "").unwrap_err();
        assert!(refused.to_string().contains("missing field `stub`"));
        assert!(Model::from_toml("").is_err());
    }
}

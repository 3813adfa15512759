//! From a file to a [`Config`] and its compiled policy, or to every fault.

use std::{
    fmt, fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use asgard_policy::{
    Diagnostic, Policy, Sources,
    gate::{self, Feature, HiddenFields, Offered, RequestLimits},
    yaml::{self, Reading, Section},
};

use super::{Config, ListSource, overrides, read, trusted};

/// What the user said outside of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `ASGARD_GATEWAY__LOG__LEVEL=debug` and the like: the whole environment
    /// may be given, other names are ignored.
    pub environment: Vec<(String, String)>,
    /// `log.level` with its value, from flags; they win.
    pub flags: Vec<(String, String)>,
}

/// A configuration that works.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Everything that is configured.
    pub config: Config,
    /// Its rules, compiled.
    pub policy: Arc<Policy>,
    /// Remarks; none of them refuses the file.
    pub lints: Vec<Diagnostic>,
    /// For lines and columns.
    pub sources: Sources,
}

/// Why a configuration is refused: every fault. Exit code 2.
#[derive(Clone, Debug)]
pub struct Faults {
    /// At least one of them is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// For lines and columns.
    pub sources: Sources,
    /// What could be read all the same, to know its files; never put into
    /// force.
    pub config: Option<Box<Config>>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sources.render_all(&self.diagnostics))
    }
}

impl std::error::Error for Faults {}

/// Reads a configuration, the rule files that it names, and compiles its
/// rules. Blocking: it reads files.
///
/// # Errors
/// Every fault at once; nothing is taken in part.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, Faults> {
    load_from(path, overrides, &text)
}

/// The same with other texts of the files than those on disk.
///
/// # Errors
/// As [`load`].
pub fn load_from(
    path: &Path,
    overrides: &Overrides,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, Faults> {
    let mut sources = Sources::default();
    let mut reading = Reading::default();
    let name = path.display().to_string();
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            reading.note(unreadable(&name, &error));
            return Err(Faults {
                diagnostics: reading.found,
                sources,
                config: None,
            });
        }
    };
    let base = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
    let file = sources.add(&name, &text);
    let root = yaml::parse(file, &text).map_err(|fault| Faults {
        diagnostics: vec![fault],
        sources: sources.clone(),
        config: None,
    })?;
    let root = overrides::apply(root, overrides, &mut sources, &mut reading);
    let config = read::config(&mut reading, &root);
    let Some(mut config) = config else {
        return Err(Faults {
            diagnostics: reading.found,
            sources,
            config: None,
        });
    };
    config.files.push(path.to_owned());
    for path in rule_files(&mut config, &root, &base, &mut reading) {
        let text = read(&path);
        rule_file(&mut config, &path, text, &mut sources, &mut reading);
        config.files.push(path);
    }
    finish(config, &root, reading, sources)
}

/// Compiles the rules even if something else is wrong, so that every fault is
/// reported at once.
fn finish(
    config: Config,
    root: &yaml::Node,
    reading: Reading,
    sources: Sources,
) -> Result<Loaded, Faults> {
    let mut found = reading.found;
    found.extend(trusted::lint(&config, node(root, &["trusted_proxies"])));
    let offered = offered(&config, root, &sources);
    let policy = match Policy::compile(&config.policy, &offered) {
        Ok((policy, mut lints)) => {
            // What the rules do means nothing while some could not be read.
            if found.iter().any(Diagnostic::is_error) {
                lints.retain(|lint| !lint.code.starts_with("W22"));
            }
            found.extend(lints);
            Some(policy)
        }
        Err(faults) => {
            found.extend(faults);
            None
        }
    };
    match policy {
        Some(policy) if !found.iter().any(Diagnostic::is_error) => Ok(Loaded {
            config,
            policy: Arc::new(policy),
            lints: found,
            sources,
        }),
        _ => Err(Faults {
            diagnostics: found,
            sources,
            config: Some(Box::new(config)),
        }),
    }
}

/// What rules may use; for what is off, which line turns it on.
fn offered(config: &Config, root: &yaml::Node, sources: &Sources) -> Offered {
    let line = |path: &[&str]| {
        let place = node(root, path)?.place;
        Some(format!(" (line {})", sources.line_column(place).0))
    };
    let feature = |name: &str, enabled: bool, usage: bool| {
        if enabled && usage {
            return Feature::On;
        }
        let (path, what) = match (enabled, usage) {
            (false, _) => (vec!["features", name, "enabled"], "features"),
            (true, _) => (
                vec!["features", name, "policy_usage", "enabled"],
                "policy_usage",
            ),
        };
        let reason = match what {
            "features" => format!("features.{name} is off"),
            _ => format!("features.{name}.policy_usage is off"),
        };
        let place = (1..=path.len()).rev().find_map(|n| line(&path[..n]));
        let place = place.unwrap_or_default();
        Feature::Off {
            reason,
            fix: format!("set {}: true{place}", path.join(".")),
        }
    };
    let asn = &config.features.asn;
    let geoip = &config.features.geoip;
    let asn_feature = feature("asn", asn.enabled, asn.policy_usage);
    Offered {
        // Whether a file carries scores shows when it is loaded: a rule that
        // asks for them is legal, and unknown until then.
        scores: asn_feature.clone(),
        asn: asn_feature,
        geoip: feature("geoip", geoip.enabled, geoip.policy_usage),
        entries: config
            .ip_lists
            .iter()
            .map(|list| match &list.source {
                ListSource::Inline(entries) => Some(entries.clone()),
                _ => None,
            })
            .collect(),
        lists: config.ip_lists.iter().map(|l| l.name.clone()).collect(),
        feeds: config.feeds.iter().map(|f| f.name.clone()).collect(),
        crawlers: config.crawlers.iter().map(|c| c.name.clone()).collect(),
        own_networks: own_networks(config),
        hidden: hidden(config),
        limits: request_limits(config),
    }
}

/// What stands under some keys.
fn node<'n>(root: &'n yaml::Node, path: &[&str]) -> Option<&'n yaml::Node> {
    path.iter().try_fold(root, |node, key| match &node.value {
        yaml::Value::Map(entries) => {
            let mut entries = entries.iter();
            entries.find(|(k, _)| k.value == *key).map(|(_, node)| node)
        }
        _ => None,
    })
}

/// What the listeners let through, for the cost of expressions.
fn request_limits(config: &Config) -> RequestLimits {
    let count = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let limits = &config.limits;
    RequestLimits {
        headers: count(limits.headers),
        header_bytes: count(limits.header_bytes),
        uri_bytes: count(limits.uri_bytes),
    }
}

/// Beyond what rules never see: what backends are told, and by what name.
fn hidden(config: &Config) -> HiddenFields {
    let names = &config.features.asn.downstream_headers;
    HiddenFields::new([
        names.number.as_str(),
        &names.org,
        &names.score,
        &names.level,
        &config.features.client_ip_header,
    ])
}

/// Blocks that an operator hardly wants to refuse: proxies, balancers and
/// whoever else was named as trusted.
fn own_networks(config: &Config) -> Vec<(String, asgard_model::Prefix)> {
    let named = |what: &'static str| {
        move |block: &asgard_model::Prefix| (format!("{what} {block}"), *block)
    };
    let proxies = match &config.trusted_proxies {
        super::TrustedProxies::Blocks(blocks) => blocks.as_slice(),
        super::TrustedProxies::IpList(at) => match &config.ip_lists.get(*at) {
            Some(list) => match &list.source {
                ListSource::Inline(blocks) => blocks.as_slice(),
                _ => &[],
            },
            None => &[],
        },
        super::TrustedProxies::File(_) => &[],
    };
    let askers = config.verdict.iter().flat_map(|v| &v.trusted_peers);
    let proxies = proxies.iter().map(named("trusted proxy"));
    proxies.chain(askers.map(named("trusted peer"))).collect()
}

/// The files that `rule_files` names, in the order of their names.
fn rule_files(
    config: &mut Config,
    root: &yaml::Node,
    base: &Path,
    reading: &mut Reading,
) -> Vec<PathBuf> {
    // The keys were checked before.
    let mut scratch = Reading::default();
    let known = &["rule_files"];
    let Some(mut section) = Section::open(&mut scratch, root, "", known) else {
        return Vec::new();
    };
    let patterns = section.items("rule_files", |_, node, path| {
        let text = reading.text(node, path)?;
        Some((node.place, text.to_owned()))
    });
    let mut all = Vec::new();
    for (place, pattern) in patterns {
        let whole = base.join(&pattern);
        config.rule_patterns.push(whole.clone());
        match files_like(&whole) {
            Ok(found) if found.is_empty() => {
                let message = format!("no file is named like `{pattern}`");
                reading.note(Diagnostic::lint("W216", message).at(place));
            }
            Ok(found) => all.extend(found),
            Err(why) => {
                let message = format!("`{pattern}`: {why}");
                reading.note(Diagnostic::error("E007", message).at(place));
            }
        }
    }
    all
}

/// Appends the rules of one file.
fn rule_file(
    config: &mut Config,
    path: &Path,
    text: io::Result<String>,
    sources: &mut Sources,
    reading: &mut Reading,
) {
    let name = path.display().to_string();
    let text = match text {
        Ok(text) => text,
        Err(error) => return reading.note(unreadable(&name, &error)),
    };
    let file = sources.add(&name, &text);
    match yaml::parse(file, &text) {
        Ok(root) => {
            let more = gate::read::rule_file(reading, &root);
            config.policy.rules.extend(more.rules);
            config.policy.tests.extend(more.tests);
        }
        Err(fault) => reading.note(fault),
    }
}

/// Files whose name fits a pattern with `*` and `?` in its last part, by name.
pub(crate) fn files_like(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let wild = |text: &str| text.contains(['*', '?']);
    let name = pattern.file_name().and_then(|name| name.to_str());
    let Some(name) = name else { return Err("this names no file".into()) };
    let parent = pattern.parent().unwrap_or_else(|| Path::new(""));
    if parent.to_str().is_none_or(wild) {
        return Err("`*` may stand in the last part only".into());
    }
    if !wild(name) {
        return Ok(vec![pattern.to_owned()]);
    }
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|file| file.to_str())
                // As in a shell, `*` is no hidden file: an editor's, say.
                .filter(|file| !file.starts_with('.') || name.starts_with('.'))
                .is_some_and(|file| fits(name.as_bytes(), file.as_bytes()))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern; linear, with one point of return.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    let message = format!("`{name}` cannot be read: {error}");
    Diagnostic::error("E007", message)
}

/// The text of a file, not more than a little beyond the limit.
fn text(path: &Path) -> io::Result<String> {
    let limit = yaml::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let why = format!("byte {at} is not UTF-8");
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        let fits = |a: &str, b: &str| fits(a.as_bytes(), b.as_bytes());
        assert!(fits("*.yaml", "10-a.yaml"));
        assert!(fits("*-?.yaml", "10-a.yaml"));
        assert!(fits("a*b*c", "a-b-b-c"));
        assert!(!fits("*.yaml", "a.yml"));
        assert!(!fits("a?", "a"));
    }
}

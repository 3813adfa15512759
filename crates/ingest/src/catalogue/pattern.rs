//! Patterns of files in a mirror, and the date in a file's name.
//!
//! A pattern is a path relative to the root of the mirror in which `*` stands
//! for any text without `/`. Patterns are walked, not searched: only folders
//! that can hold a match are opened. Test samples (`mrt/`, and any `formats/`
//! or `samples/`) are out of reach of every pattern.

use asgard_model::Day;

/// Folders of test samples of many years; data in them would be nonsense.
const NEVER: [&str; 3] = ["mrt", "formats", "samples"];

/// Which files of a mirror belong to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern such as `threats/asndrop/asndrop-*.json*`; `None` for
    /// an absolute path, `..`, an empty component or a folder of samples.
    pub fn parse(text: &str) -> Option<Self> {
        let components: Vec<String> =
            text.split('/').map(str::to_owned).collect();
        let fits = |component: &String| {
            !component.is_empty()
                && component != "."
                && component != ".."
                && !NEVER.contains(&component.as_str())
        };
        components.iter().all(fits).then_some(Self(components))
    }

    /// Whether a path relative to the root, separated by `/`, matches.
    pub fn matches(&self, path: &str) -> bool {
        let mut names = path.split('/');
        self.0.iter().all(|component| {
            names.next().is_some_and(|name| fits(component, name))
        }) && names.next().is_none()
    }

    /// The components, outermost first; the last one is the file.
    pub(crate) fn components(&self) -> &[String] {
        &self.0
    }
}

/// Whether a name matches one component of a pattern.
pub(crate) fn fits(component: &str, name: &str) -> bool {
    if NEVER.contains(&name) || name.starts_with('.') {
        return false;
    }
    let mut pieces = component.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// The date in a path: of the file name, else of the nearest folder.
pub(crate) fn day_of(path: &str) -> Option<Day> {
    path.rsplit('/').find_map(day_in)
}

/// The first date in a name: `YYYYMMDD` (a time may follow), `YYYY-MM-DD`, or
/// `YYYYMM`, which means the first of the month.
fn day_in(name: &str) -> Option<Day> {
    let bytes = name.as_bytes();
    (0..bytes.len())
        .filter(|&at| at == 0 || !bytes[at - 1].is_ascii_digit())
        .find_map(|at| day_at(&name.get(at..)?))
}

fn day_at(text: &&str) -> Option<Day> {
    let dashed = text.get(..10).and_then(|date| date.parse().ok());
    let tail = text.get(10..).unwrap_or_default();
    if dashed.is_some() && !tail.starts_with(|c: char| c.is_ascii_digit()) {
        return dashed;
    }
    let run = text.bytes().take_while(u8::is_ascii_digit).count();
    match run {
        6 => format!("{}01", &text[..6]).parse().ok(),
        8 | 10 | 12 | 14 => text[..8].parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_text_within_one_component() {
        let pattern = Pattern::parse("threats/*/feodo-*.ipset*").unwrap();
        assert!(pattern.matches("threats/firehol/feodo-20260107.ipset.gz"));
        assert!(pattern.matches("threats/x/feodo-.ipset"));
        for path in [
            "threats/feodo-1.ipset",
            "threats/a/b/feodo-1.ipset",
            "threats/a/feodo_badips-1.ipset",
            "threats/a/feodo-1.netset",
            "threats/a/.feodo-1.ipset",
            "threats/samples/feodo-1.ipset",
        ] {
            assert!(!pattern.matches(path), "{path}");
        }
    }

    #[test]
    fn pieces_of_a_component_never_overlap() {
        assert!(fits("a*a", "aa"));
        assert!(!fits("a*a", "a"));
        assert!(!fits("ab*bc", "abc"));
        assert!(fits("*x*y*", "1x2y3"));
        assert!(!fits("*x*y*", "1y2x3"));
        assert!(fits("exact", "exact"));
        assert!(!fits("exact", "exactly"));
    }

    #[test]
    fn patterns_stay_inside_the_mirror_and_away_from_samples() {
        for text in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "mrt/x",
            "a/./b",
            "routing/formats/*.dat",
            "rpki/samples/*",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_day_comes_from_the_name_or_from_the_folder() {
        for (path, day) in [
            ("threats/feodo/feodo-20260107.ipset.gz", "2026-01-07"),
            ("relations/20180101.as-rel.txt.bz2", "2018-01-01"),
            ("relations/asrel_201806.txt.bz2", "2018-06-01"),
            ("x/ipsum_3-20260623.ipset.gz", "2026-06-23"),
            ("routing/rib.20260627.0800.bz2", "2026-06-27"),
            ("routing/updates.202606270800.gz", "2026-06-27"),
            ("x/list-2026-06-27.txt", "2026-06-27"),
            ("ranges/borestad-20260822/applebot.ipv4", "2026-08-22"),
        ] {
            assert_eq!(day_of(path), day.parse().ok(), "{path}");
        }
        for path in [
            "peeringdb/api-samples-2026/prod-net-page-1.json.gz",
            "x/list-20261399.txt",
            "x/list-123456789.txt",
            "x/é",
            "",
        ] {
            assert_eq!(day_of(path), None, "{path}");
        }
    }
}

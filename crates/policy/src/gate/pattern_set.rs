//! All patterns of a kind against one text, in one pass.

use std::cell::OnceCell;

use regex::{Regex, RegexSet, SetMatches};

use super::pattern::{self, Automaton};

/// All patterns of a kind, each known by its number.
#[derive(Debug, Default)]
pub(super) struct PatternSet {
    /// Says which; `None`: none, or together too large, then each is tried
    /// alone.
    which: Option<RegexSet>,
    /// Says whether there is any, several times as fast.
    any: Option<Automaton>,
}

impl PatternSet {
    pub(super) fn new(patterns: &[&str]) -> Self {
        if patterns.is_empty() {
            return Self::default();
        }
        Self { which: pattern::set(patterns), any: Automaton::new(patterns) }
    }

    /// The patterns against a text; nothing is tried yet.
    pub(super) fn against<'p>(&'p self, text: &'p str) -> Matches<'p> {
        Matches { set: self, text, found: OnceCell::new() }
    }
}

/// Which patterns fit one text, found out when somebody asks.
#[derive(Debug)]
pub(super) struct Matches<'p> {
    set: &'p PatternSet,
    text: &'p str,
    /// `None`: no pattern fits.
    found: OnceCell<Option<SetMatches>>,
}

impl Matches<'_> {
    /// Whether it is known that none fits.
    pub(super) fn is_none(&self) -> bool {
        self.found().is_some_and(Option::is_none)
    }

    /// Whether a pattern, with its number, fits.
    pub(super) fn has(&self, pattern: &(Regex, usize)) -> bool {
        match self.found() {
            None => pattern.0.is_match(self.text),
            Some(found) => {
                found.as_ref().is_some_and(|matches| matches.matched(pattern.1))
            }
        }
    }

    /// `None` without a set.
    fn found(&self) -> Option<&Option<SetMatches>> {
        let set = self.set.which.as_ref()?;
        Some(self.found.get_or_init(|| {
            // Most texts fit no pattern: that is known sooner than which.
            let any = self.set.any.as_ref();
            let any = any.and_then(|any| any.is_match(self.text));
            let any = any.unwrap_or_else(|| set.is_match(self.text));
            let which = any.then(|| set.matches(self.text));
            which.filter(SetMatches::matched_any)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [&str; 6] =
        ["^/\\.git/", "\\.(bak|sql)$", "^$", "bot", "(?i)Grüße", "\\d{3}"];
    /// One that would fit inside a character, if texts were bytes.
    const INSIDE: [&str; 2] = ["(?-u:\\B)", "^aéa"];

    #[test]
    fn a_set_says_what_its_patterns_say_alone() {
        let texts = [
            "",
            "/",
            "/.git/HEAD",
            "x/.git/",
            "/dump.sql",
            "/dump.sqlx",
            "GRÜSSE",
            "grüße",
            "aéa",
            "12",
            "1234",
            "/.git/robot.bak",
            "\u{0}\n",
        ];
        // One that an automaton cannot have: Unicode's word boundary.
        let sets = [["z", "y"], ["\\bword\\b", "y"], INSIDE];
        for more in sets {
            let mut patterns = more.to_vec();
            if more != INSIDE {
                patterns.extend(PATTERNS);
            }
            let set = PatternSet::new(&patterns);
            assert_eq!(set.any.is_none(), more[0].starts_with("\\b"));
            let alone: Vec<(Regex, usize)> = patterns
                .iter()
                .enumerate()
                .map(|(at, pattern)| (Regex::new(pattern).unwrap(), at))
                .collect();
            for text in texts {
                let matches = set.against(text);
                let mut any = false;
                for pattern in &alone {
                    let fits = pattern.0.is_match(text);
                    assert_eq!(
                        matches.has(pattern),
                        fits,
                        "{pattern:?} {text}"
                    );
                    any |= fits;
                }
                assert_eq!(matches.is_none(), !any, "{text}");
            }
        }
    }

    #[test]
    fn patterns_too_large_together_are_tried_alone() {
        let none = PatternSet::default();
        let pattern = (Regex::new("b").unwrap(), 0);
        assert!(none.against("abc").has(&pattern));
        assert!(!none.against("xyz").has(&pattern));
        assert!(!none.against("abc").is_none(), "nobody knows");
    }
}

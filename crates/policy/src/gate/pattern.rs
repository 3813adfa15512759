//! Patterns: a linear-time engine, compiled when the policy is loaded.
//!
//! Refused: what is not a pattern, and what would need more than 1 MiB when
//! compiled. There is no back-tracking, so no text can make a pattern slow.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_automata::{
    Anchored, Input, MatchKind,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
};

use super::rule::Written;
use crate::diagnostic::Diagnostic;

/// Largest compiled pattern, in bytes.
pub const SIZE_LIMIT: usize = 1 << 20;
/// Longest pattern, in bytes.
pub const MAX_BYTES: usize = 16 << 10;

/// Whether a pattern can be used.
///
/// # Errors
/// What is wrong with it, at its place.
pub fn check(pattern: &Written<String>) -> Result<(), Diagnostic> {
    compile(pattern).map(|_| ())
}

/// Compiles one pattern.
pub(crate) fn compile(pattern: &Written<String>) -> Result<Regex, Diagnostic> {
    regex(&pattern.value).map_err(|(offset, len, why)| {
        Diagnostic::error("E131", "this pattern cannot be used")
            .at(pattern.part(offset, len))
            .hint(why)
    })
}

/// Compiles a pattern; else offset, length and reason.
pub(crate) fn regex(pattern: &str) -> Result<Regex, (usize, usize, String)> {
    if pattern.len() > MAX_BYTES {
        let why = format!(
            "it has {} bytes, at most {MAX_BYTES} are allowed",
            pattern.len()
        );
        return Err((0, pattern.len(), why));
    }
    RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => {
                let why =
                    format!("compiled it needs more than {SIZE_LIMIT} bytes");
                (0, pattern.len(), why)
            }
            error => {
                let (offset, why) = place(pattern, &error.to_string());
                (offset, 1, why)
            }
        }
    })
}

/// All patterns in one automaton; `None` if together they are too large, then
/// each is tried alone.
pub(super) fn set(patterns: &[&str]) -> Option<RegexSet> {
    RegexSetBuilder::new(patterns)
        .size_limit(64 << 20)
        .dfa_size_limit(8 << 20)
        .build()
        .ok()
}

/// Largest automaton of all patterns of a kind, and what may be needed to make
/// it, in bytes.
const AUTOMATON_LIMIT: usize = 1 << 19;

/// Patterns determinised ahead: one table look-up a byte, and nothing that is
/// built while requests wait.
#[derive(Debug)]
pub(super) struct Automaton(dense::DFA<Vec<u32>>);

impl Automaton {
    /// `None` if they need more room, or something that no automaton can say
    /// (Unicode's `\b`).
    pub(super) fn new(patterns: &[&str]) -> Option<Self> {
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(AUTOMATON_LIMIT))
            .determinize_size_limit(Some(4 * AUTOMATON_LIMIT));
        // An empty match inside a character counts: then too much is said to
        // fit, which the set corrects. Else such a match would hide others.
        let bytes = thompson::Config::new().utf8(false);
        let mut builder = dense::Builder::new();
        let builder = builder.configure(config).thompson(bytes);
        builder.build_many(patterns).ok().map(Self)
    }

    /// Whether any pattern fits, or seems to; `None` if it cannot say.
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        let input = Input::new(text).anchored(Anchored::No).earliest(true);
        self.0.try_search_fwd(&input).ok().map(|found| found.is_some())
    }
}

/// The engine shows the pattern with a caret under it; we show the file.
fn place(pattern: &str, message: &str) -> (usize, String) {
    let why = message
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "))
        .unwrap_or("it is not understood")
        .to_owned();
    let single = !pattern.contains('\n');
    let column = message
        .lines()
        .find(|line| line.trim_start().starts_with('^'))
        .and_then(|line| line.find('^'))
        .map_or(0, |column| column.saturating_sub(4));
    let offset = match single {
        true => pattern.char_indices().nth(column).map_or(0, |(at, _)| at),
        false => 0,
    };
    (offset, why)
}

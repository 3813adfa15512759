//! What an operator may change: which sources are read, from where, how often.
//!
//! Refuses names that no source or family has, and says which one was meant.

use std::{collections::BTreeMap, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};

use super::{Catalogue, Source, raw::is_web};

/// One source's changes; what is `None` stays as the catalogue has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Read it, or not.
    pub enabled: Option<bool>,
    /// Where to fetch it instead: replaces all addresses of a source of one
    /// part, and may contain `{yyyymm}` or `{yyyymmdd}`.
    pub url: Option<String>,
    /// How often to fetch it: `30m`, `6h`.
    #[serde(default, with = "compact::optional")]
    pub cadence: Option<Duration>,
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No source has the name.
    #[error("`{name}` is not a source{}", hint(near))]
    UnknownSource {
        /// The name that was given.
        name: String,
        /// Names that look like it, nearest first.
        near: Vec<String>,
    },
    /// Neither a source nor a family has the name.
    #[error("`{name}` is neither a source nor a family{}", hint(near))]
    UnknownName {
        /// The name that was given.
        name: String,
        /// Names that look like it, nearest first.
        near: Vec<String>,
    },
    /// The address cannot be fetched.
    #[error("source `{name}`: `{url}` is not an http or https address")]
    BadUrl {
        /// The source.
        name: String,
        /// The address that was given.
        url: String,
    },
    /// One address cannot replace those of several files.
    #[error("source `{name}` has {parts} files, one url cannot replace them")]
    ManyParts {
        /// The source.
        name: String,
        /// How many files a version of it has.
        parts: usize,
    },
    /// A source must rest between two polls.
    #[error("source `{name}`: a cadence is longer than nothing")]
    ZeroCadence {
        /// The source.
        name: String,
    },
}

fn hint(near: &[String]) -> String {
    match near {
        [] => "; `asgard source list` shows them all".to_owned(),
        near => format!("; did you mean `{}`?", near.join("` or `")),
    }
}

impl Catalogue {
    /// Applies an operator's changes.
    ///
    /// # Errors
    ///
    /// [`SelectionError`], naming the source; nothing is changed then.
    pub fn with_overrides(
        mut self,
        overrides: &BTreeMap<String, Override>,
    ) -> Result<Self, SelectionError> {
        for (name, change) in overrides {
            let known = self.sources.iter_mut().find(|s| s.name == *name);
            match known {
                Some(source) => source.change(change)?,
                None => return Err(self.unknown_source(name)),
            }
        }
        Ok(self)
    }

    /// Switches off sources, each named by itself or by its family.
    ///
    /// # Errors
    ///
    /// [`SelectionError::UnknownName`]; nothing is changed then.
    pub fn exclude(mut self, names: &[String]) -> Result<Self, SelectionError> {
        for name in names {
            let mut found = false;
            for source in &mut self.sources {
                if source.name == *name || source.family == *name {
                    source.enabled = false;
                    found = true;
                }
            }
            if !found {
                return Err(self.unknown_name(name));
            }
        }
        Ok(self)
    }

    /// The source of a name.
    ///
    /// # Errors
    ///
    /// [`SelectionError::UnknownSource`], with the names that look like it.
    pub fn find(&self, name: &str) -> Result<&Source, SelectionError> {
        self.get(name).ok_or_else(|| self.unknown_source(name))
    }

    fn unknown_source(&self, name: &str) -> SelectionError {
        let names = self.sources.iter().map(|source| &source.name);
        let near = nearest(name, names);
        SelectionError::UnknownSource { name: name.to_owned(), near }
    }

    fn unknown_name(&self, name: &str) -> SelectionError {
        let names = self.sources.iter().map(|source| &source.name);
        let near = nearest(name, names.chain(&self.families));
        SelectionError::UnknownName { name: name.to_owned(), near }
    }
}

impl Source {
    fn change(&mut self, change: &Override) -> Result<(), SelectionError> {
        if change.cadence.is_some_and(|cadence| cadence.is_zero()) {
            let name = self.name.clone();
            return Err(SelectionError::ZeroCadence { name });
        }
        if let Some(url) = &change.url {
            self.redirect(url)?;
        }
        self.enabled = change.enabled.unwrap_or(self.enabled);
        self.cadence = change.cadence.unwrap_or(self.cadence);
        Ok(())
    }

    fn redirect(&mut self, url: &str) -> Result<(), SelectionError> {
        let name = self.name.clone();
        if !is_web(url) {
            return Err(SelectionError::BadUrl { name, url: url.to_owned() });
        }
        match self.parts.as_mut_slice() {
            [only] => only.urls = vec![url.to_owned()],
            parts => {
                let parts = parts.len();
                return Err(SelectionError::ManyParts { name, parts });
            }
        }
        // How many rows there must be is known of the publisher's file only.
        self.min_rows = 1;
        Ok(())
    }
}

/// At most three known names that differ from `name` by little.
fn nearest<'a>(
    name: &str,
    known: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let mut near: Vec<(usize, &String)> = known
        .map(|candidate| (closeness(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= 3)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

/// Edit distance, but 2 at most when one name contains the other.
fn closeness(name: &str, known: &str) -> usize {
    let distance = distance(name.as_bytes(), known.as_bytes());
    let part =
        name.len() >= 3 && (known.contains(name) || name.contains(known));
    if part { distance.min(2) } else { distance }
}

/// Levenshtein distance of two short names.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

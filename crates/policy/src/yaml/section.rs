//! One mapping of a file, read key by key with its defaults.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{Node, Reading, fields::Fields};
use crate::diagnostic::Place;

/// One mapping, its path for messages, and where faults go.
#[derive(Debug)]
pub struct Section<'r, 'n> {
    /// Where faults go.
    pub reading: &'r mut Reading,
    /// The keys.
    pub fields: Fields<'n>,
    path: String,
}

impl<'r, 'n> Section<'r, 'n> {
    /// Opens a mapping that may have only the `known` keys; `None` (with a
    /// fault) if it is no mapping.
    pub fn open(
        reading: &'r mut Reading,
        node: &'n Node,
        path: &str,
        known: &[&str],
    ) -> Option<Self> {
        let fields = reading.fields(node, path, known)?;
        Some(Self { reading, fields, path: path.to_owned() })
    }

    /// Path of a key, for messages.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            return key.to_owned();
        }
        format!("{}.{key}", self.path)
    }

    /// Of the whole mapping.
    pub fn place(&self) -> Place {
        self.fields.place
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.fields.get(key)
    }

    /// A mapping below this one.
    pub fn child(
        &mut self,
        key: &str,
        known: &[&str],
    ) -> Option<Section<'_, 'n>> {
        let node = self.get(key)?;
        let path = self.path(key);
        Section::open(self.reading, node, &path, known)
    }

    /// Notes that a key is missing.
    pub fn missing(&mut self, key: &str, example: &str) {
        let (path, place) = (self.path(key), self.place());
        self.reading.missing(place, &path, example);
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        let path = self.path(key);
        self.get(key)
            .and_then(|node| self.reading.boolean(node, &path))
            .unwrap_or(default)
    }

    /// A whole number within bounds.
    pub fn integer<T>(
        &mut self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: TryFrom<i128> + Into<i128> + Copy + Display,
    {
        let path = self.path(key);
        self.get(key)
            .and_then(|node| self.reading.integer(node, &path, range))
            .unwrap_or(default)
    }

    /// A number of things in memory.
    pub fn size(
        &mut self,
        key: &str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> usize {
        usize::try_from(self.integer(key, default, range)).unwrap_or(usize::MAX)
    }

    /// A duration.
    pub fn duration(&mut self, key: &str, default: Duration) -> Duration {
        self.duration_opt(key).unwrap_or(default)
    }

    /// A duration of more than nothing.
    pub fn positive(&mut self, key: &str, default: Duration) -> Duration {
        match self.duration_opt(key) {
            Some(Duration::ZERO) => {
                let message = format!("`{}` cannot be 0", self.path(key));
                if let Some(node) = self.get(key) {
                    self.reading.wrong(node, message, "for example 30s");
                }
                default
            }
            Some(duration) => duration,
            None => default,
        }
    }

    /// How often; `0` and nothing are never.
    pub fn interval(
        &mut self,
        key: &str,
        default: Option<Duration>,
    ) -> Option<Duration> {
        match self.duration_opt(key) {
            Some(Duration::ZERO) => None,
            Some(duration) => Some(duration),
            None => default,
        }
    }

    fn duration_opt(&mut self, key: &str) -> Option<Duration> {
        let path = self.path(key);
        self.get(key).and_then(|node| self.reading.duration(node, &path))
    }

    /// Text; empty text is none.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let path = self.path(key);
        let text = self.get(key).and_then(|n| self.reading.text(n, &path))?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A path of a file; empty text is none.
    pub fn file(&mut self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// A name out of a table.
    pub fn choice<T: Clone>(
        &mut self,
        key: &str,
        default: T,
        values: &[(&str, T)],
    ) -> T {
        let path = self.path(key);
        self.get(key)
            .and_then(|node| self.reading.choice(node, &path, values))
            .unwrap_or(default)
    }

    /// Each item of a list, or one without brackets.
    pub fn items<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Reading, &'n Node, &str) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let path = self.path(key);
        Reading::one_or_many(node)
            .iter()
            .filter_map(|item| read(self.reading, item, &path))
            .collect()
    }
}

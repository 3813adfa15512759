//! Reading a tree: every fault is noted, none ends the reading.
//!
//! A method that finds a fault notes it and returns the default or `None`, so
//! that what comes after is still looked at.

use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive, time::Duration};

use asgard_model::Prefix;

use super::{Node, Value, duration};
use crate::{
    diagnostic::{Diagnostic, Place, did_you_mean},
    gate::Written,
};

/// Collects what is wrong, and what is odd.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// In the order in which they were found.
    pub found: Vec<Diagnostic>,
}

/// The keys of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'n> {
    entries: &'n [(Written<String>, Node)],
    /// Of the whole mapping.
    pub place: Place,
}

impl<'n> Fields<'n> {
    /// The value of a key; `None` if it is absent or says nothing.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(k, _)| k.value == key)?;
        (!node.is_null()).then_some(node)
    }

    /// The key itself, for its place; also if its value says nothing.
    pub fn key(&self, key: &str) -> Option<&'n Written<String>> {
        let (key, _) = self.entries.iter().find(|(k, _)| k.value == key)?;
        Some(key)
    }

    /// Every key with its value.
    pub fn entries(&self) -> &'n [(Written<String>, Node)] {
        self.entries
    }
}

impl Reading {
    /// Notes a fault or a remark.
    pub fn note(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Notes a wrong value.
    pub fn wrong(
        &mut self,
        node: &Node,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::error("E004", message);
        self.note(diagnostic.at(node.place).hint(hint));
    }

    /// Notes a value of the wrong kind.
    pub fn mismatch(&mut self, node: &Node, path: &str, wanted: &str) {
        let message = format!("`{path}` must be {wanted}");
        let diagnostic = Diagnostic::error("E003", message);
        let hint = format!("this is {}", node.kind());
        self.note(diagnostic.at(node.place).hint(hint));
    }

    /// Notes that something is missing.
    pub fn missing(&mut self, place: Place, path: &str, example: &str) {
        let message = format!("`{path}` is missing");
        let place = Place { end: place.start + 1, ..place };
        let diagnostic = Diagnostic::error("E005", message).at(place);
        self.note(diagnostic.fix(format!("write `{example}`")));
    }

    /// The keys of a mapping that may have only the `known` ones.
    pub fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let fields = self.mapping(node, path)?;
        for (key, _) in fields.entries {
            if known.contains(&key.value.as_str()) {
                continue;
            }
            let place = if path.is_empty() {
                String::new()
            } else {
                format!(" in `{path}`")
            };
            let message = format!("unknown key `{}`{place}", key.value);
            let hint = match did_you_mean(&key.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            let fault = Diagnostic::error("E002", message);
            self.note(fault.at(key.place).hint(hint));
        }
        Some(fields)
    }

    /// The entries of a mapping whose keys are names.
    pub fn mapping<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
    ) -> Option<Fields<'n>> {
        match &node.value {
            Value::Map(entries) => Some(Fields { entries, place: node.place }),
            _ if node.is_null() => {
                Some(Fields { entries: &[], place: node.place })
            }
            _ => {
                self.mismatch(node, path, "a mapping");
                None
            }
        }
    }

    /// The items of a list.
    pub fn list<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            _ => {
                self.mismatch(node, path, "a list");
                &[]
            }
        }
    }

    /// The items of a list, or one item without brackets.
    pub fn one_or_many(node: &Node) -> &[Node] {
        match &node.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    /// Text, also if it looks like a number.
    pub fn text<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.mismatch(node, path, "text");
                None
            }
        }
    }

    /// Text with its place.
    pub fn written(
        &mut self,
        node: &Node,
        path: &str,
    ) -> Option<Written<String>> {
        let Value::Scalar { text, map, .. } = &node.value else {
            self.mismatch(node, path, "text");
            return None;
        };
        let map = map.clone();
        Some(Written { value: text.clone(), place: node.place, map })
    }

    /// Names of which one is picked.
    pub fn choice<T: Clone>(
        &mut self,
        node: &Node,
        path: &str,
        values: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node, path)?;
        let found = values.iter().find(|(name, _)| *name == text);
        if let Some((_, value)) = found {
            return Some(value.clone());
        }
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let message = format!("`{path}` cannot be `{}`", short(text));
        let hint = match did_you_mean(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", names.join(", ")),
        };
        self.wrong(node, message, hint);
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, path: &str) -> Option<bool> {
        match &node.value {
            Value::Scalar { text, plain: true, .. } if text == "true" => {
                Some(true)
            }
            Value::Scalar { text, plain: true, .. } if text == "false" => {
                Some(false)
            }
            _ => {
                self.mismatch(node, path, "true or false");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn integer<T>(
        &mut self,
        node: &Node,
        path: &str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: TryFrom<i128> + Into<i128> + Copy + Display,
    {
        let number = match &node.value {
            Value::Scalar { text, plain: true, .. } => text.parse::<i128>(),
            _ => "".parse::<i128>(),
        };
        let Ok(number) = number else {
            self.mismatch(node, path, "a whole number");
            return None;
        };
        let bounds = (*range.start()).into()..=(*range.end()).into();
        match T::try_from(number) {
            Ok(value) if bounds.contains(&number) => Some(value),
            _ => {
                let message = format!("`{path}` cannot be {number}");
                let (low, high) = (range.start(), range.end());
                self.wrong(node, message, format!("{low} to {high}"));
                None
            }
        }
    }

    /// A duration, Go style.
    pub fn duration(&mut self, node: &Node, path: &str) -> Option<Duration> {
        let text = self.text(node, path)?;
        match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                let message =
                    format!("`{path}`: `{}` is no duration", short(text));
                self.wrong(node, message, why);
                None
            }
        }
    }

    /// An address or a block.
    pub fn prefix(&mut self, node: &Node, path: &str) -> Option<Prefix> {
        let text = self.text(node, path)?;
        let parsed = match text.parse::<std::net::IpAddr>() {
            Ok(address) => Ok(Prefix::host(address.to_canonical())),
            Err(_) => text.parse::<Prefix>(),
        };
        match parsed {
            Ok(prefix) => Some(prefix),
            Err(error) => {
                let message = format!("`{path}`: {error}");
                self.wrong(node, message, "for example 10.0.0.0/8");
                None
            }
        }
    }

    /// `address:port`.
    pub fn socket(&mut self, node: &Node, path: &str) -> Option<SocketAddr> {
        let text = self.text(node, path)?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                let message = format!(
                    "`{path}`: `{}` is no address with a port",
                    short(text)
                );
                self.wrong(node, message, "for example 0.0.0.0:8080");
                None
            }
        }
    }
}

/// The beginning of a text, for messages.
pub fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

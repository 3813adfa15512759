//! Reading one JSON object field by field: an unknown name is refused together
//! with the names that are known.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::refusal::{Code, Refusal, shown};

/// An object whose names are all known.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: &'a str,
}

/// The longest name of a rule, in characters.
pub(super) const MAX_NAME: usize = 200;
/// The longest description or reason, in characters.
pub(super) const MAX_TEXT: usize = 2_000;

impl<'a> Fields<'a> {
    /// An object at a path (empty for the top) with no names but these.
    pub(super) fn of(
        value: &'a Value,
        path: &'a str,
        known: &[&str],
    ) -> Result<Self, Refusal> {
        let Some(object) = value.as_object() else {
            return Err(Refusal::new(
                Code::BadField,
                path,
                format!("a JSON object is expected{}", place(path)),
            ));
        };
        for name in object.keys() {
            if !known.contains(&name.as_str()) {
                let fields = Self { object, path };
                return Err(Refusal::new(
                    Code::BadField,
                    fields.at(name),
                    format!(
                        "unknown field `{}`{}; known are {}",
                        shown(name),
                        place(path),
                        known.join(", ")
                    ),
                ));
            }
        }
        Ok(Self { object, path })
    }

    /// The path of a field.
    pub(super) fn at(&self, name: &str) -> String {
        match self.path {
            "" => shown(name),
            path => format!("{path}.{}", shown(name)),
        }
    }

    /// A field; `None` if it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there, be it null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// A text of at most so many characters, without control characters.
    pub(super) fn text(
        &self,
        name: &str,
        longest: usize,
    ) -> Result<Option<String>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let refuse = |code, message: String| {
            Err(Refusal::new(code, self.at(name), message))
        };
        let Value::String(text) = value else {
            return refuse(Code::BadField, format!("{name} is not a text"));
        };
        if text.chars().count() > longest {
            let message = format!("{name} is longer than {longest} characters");
            return refuse(Code::TooMany, message);
        }
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        if text.contains(control) {
            let message = format!("{name} holds a control character");
            return refuse(Code::BadField, message);
        }
        Ok(Some(text.clone()))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| {
            Refusal::new(
                Code::BadField,
                self.at(name),
                format!("{name} is true or false"),
            )
        })
    }

    /// A moment after `now`, to the second.
    pub(super) fn moment_after(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let refuse = |message: String| {
            Refusal::new(Code::BadExpiration, self.at(name), message)
        };
        let moment: Timestamp = value
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(whole_second)
            .ok_or_else(|| {
                refuse(format!(
                    "{name} is a moment such as \"2027-01-31T18:00:00Z\", or \
                     null for never"
                ))
            })?;
        match moment > now {
            true => Ok(Some(moment)),
            false => Err(refuse(format!("{name} is not in the future"))),
        }
    }

    /// A share of all IPv4 addresses: above 0, at most 1.
    pub(super) fn share(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let share = value.as_f64().filter(|s| *s > 0.0 && *s <= 1.0);
        share.map(Some).ok_or_else(|| {
            Refusal::new(
                Code::BadField,
                self.at(name),
                format!(
                    "{name} is a share of all IPv4 addresses, above 0 and at \
                     most 1"
                ),
            )
        })
    }

    /// A list, each element read by `read` with its path, without duplicates,
    /// ascending.
    pub(super) fn list<T: Ord>(
        &self,
        name: &str,
        most: usize,
        read: impl Fn(&Value, &str) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let field = self.at(name);
        let Some(elements) = value.as_array() else {
            return Err(Refusal::new(
                Code::BadField,
                field,
                format!("{name} is not a list"),
            ));
        };
        if elements.len() > most {
            let message = format!(
                "{name} has {} elements, at most {most} are taken; make \
                 several rules",
                elements.len()
            );
            return Err(Refusal::new(Code::TooMany, field, message));
        }
        let mut list = elements
            .iter()
            .enumerate()
            .map(|(at, element)| read(element, &format!("{field}[{at}]")))
            .collect::<Result<Vec<T>, Refusal>>()?;
        list.sort_unstable();
        list.dedup();
        Ok(list)
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in {path}") }
}

/// The moment without its fraction of a second.
pub(super) fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

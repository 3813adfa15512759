//! The fields of a request as rules see them: what the client says about its
//! request.
//!
//! Not those of the connection, which a proxy in between has made anew, nor those
//! by which proxies speak: else a rule would say one thing here and another
//! when nginx or Envoy asks about the same request.

use std::borrow::Cow;

use asgard_policy::gate::Headers;
use httparse::Header;

use crate::headers::Fate;

/// Fields with what happens to each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleView<'r> {
    pub(crate) fields: &'r [Header<'r>],
    pub(crate) fates: &'r [Fate],
}

impl<'r> RuleView<'r> {
    fn visible(&self) -> impl Iterator<Item = &'r Header<'r>> + Clone {
        let fates = self.fates.iter();
        self.fields
            .iter()
            .zip(fates)
            .filter(|(_, fate)| matches!(fate, Fate::Keep | Fate::Cookie))
            .map(|(field, _)| field)
    }

    /// Value of a field that should be single.
    pub(crate) fn first(&self, name: &str) -> Option<Cow<'r, str>> {
        self.visible()
            .find(|field| is_named(field, name))
            .map(|field| text(field.value))
    }

    fn joined(&self, name: &str) -> Option<Cow<'r, str>> {
        let mut values = self
            .visible()
            .filter(|field| is_named(field, name))
            .map(|field| text(field.value));
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        let separator =
            if name.eq_ignore_ascii_case("cookie") { "; " } else { ", " };
        let mut all = first.into_owned();
        for value in std::iter::once(second).chain(values) {
            all.push_str(separator);
            all.push_str(&value);
        }
        Some(Cow::Owned(all))
    }
}

/// Most names differ in their length: that is seen first.
fn is_named(field: &Header<'_>, name: &str) -> bool {
    field.name.len() == name.len() && field.name.eq_ignore_ascii_case(name)
}

/// Almost every value is UTF-8, which is checked faster than it is repaired.
fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value),
    }
}

impl Headers for RuleView<'_> {
    fn has(&self, name: &str) -> bool {
        self.visible().any(|field| is_named(field, name))
    }

    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.joined(name)
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &str)) {
        let mut seen: Vec<String> = Vec::new();
        for field in self.visible() {
            let name = field.name.to_ascii_lowercase();
            if seen.contains(&name) {
                continue;
            }
            if let Some(value) = self.joined(&name) {
                visit(&name, &value);
            }
            seen.push(name);
        }
    }
}

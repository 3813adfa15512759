//! The fields of a request as rules see them, without copies: repeats joined,
//! what [`HiddenFields`] names left out, which the fates say.
//!
//! [`HiddenFields`]: asgard_policy::gate::HiddenFields

use std::borrow::Cow;

use asgard_policy::gate::Headers;
use httparse::Header;

use super::{name, text::lossy};
use crate::headers::Fate;

/// Fields with what happens to each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleView<'r> {
    pub(crate) fields: &'r [Header<'r>],
    pub(crate) fates: &'r [Fate],
    /// The head that the fields are parts of; may be empty.
    pub(crate) whole: &'r str,
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

    /// `User-Agent`; of several the first.
    pub(crate) fn user_agent(&self) -> Option<Cow<'r, str>> {
        self.visible()
            .find(|field| name::is(field.name, "user-agent"))
            .map(|field| lossy(self.whole, field.value))
    }

    /// All cookies.
    pub(crate) fn cookies(&self) -> Option<Cow<'r, str>> {
        self.joined(|name| name::is(name, "cookie"), "; ")
    }

    fn joined(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        separator: &str,
    ) -> Option<Cow<'r, str>> {
        let mut values = self
            .visible()
            .filter(|field| is_wanted(field.name))
            .map(|field| lossy(self.whole, field.value));
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        let mut all = first.into_owned();
        for value in std::iter::once(second).chain(values) {
            all.push_str(separator);
            all.push_str(&value);
        }
        Some(Cow::Owned(all))
    }
}

impl Headers for RuleView<'_> {
    fn has(&self, wanted: &str) -> bool {
        self.visible().any(|field| name::is(field.name, wanted))
    }

    fn get(&self, wanted: &str) -> Option<Cow<'_, str>> {
        let separator = if name::is(wanted, "cookie") { "; " } else { ", " };
        self.joined(|name| name::is(name, wanted), separator)
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &str)) {
        let mut seen: Vec<String> = Vec::new();
        for field in self.visible() {
            let name = field.name.to_ascii_lowercase();
            if seen.contains(&name) {
                continue;
            }
            if let Some(value) = self.get(&name) {
                visit(&name, &value);
            }
            seen.push(name);
        }
    }
}

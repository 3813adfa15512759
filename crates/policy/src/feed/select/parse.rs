//! The query of a request ↔ [`FeedParams`].

use std::{fmt::Write, str::FromStr};

use super::{
    Channel, Family, FeedParams, Order, Overflow, ParamError, Per, Translation,
};
use crate::{
    access::{RiskSelector, Threshold, selector::levels_of},
    feed::{
        compile::{AllowMode, Expand},
        entry::Origin,
        profile::Profiles,
    },
};

/// Most values of a parameter that takes several.
const MOST_VALUES: usize = 1_000;
/// Shortest prefixes that may be asked for: the guard's.
const SHORTEST: [u8; 2] = [8, 19];

/// Every parameter with what it takes.
pub const PARAMETERS: [(&str, &str); 27] = [
    ("ipv4only", BOOLEAN),
    ("ipv6only", BOOLEAN),
    ("aggregate", BOOLEAN),
    ("tr", "0, 1 or 2"),
    ("n", "a number of entries, 1 or more"),
    ("s", "a number of entries, 0 or more"),
    ("max_entries", "a number of entries, 1 or more"),
    ("overflow", "error, truncate or coarsen"),
    ("order", "numeric or severity"),
    ("profile", "the name of a device profile"),
    ("mc", "a length from 8 to 32"),
    ("min_prefix4", "a length from 8 to 32"),
    ("min_prefix6", "a length from 19 to 128"),
    ("host_suffix", BOOLEAN),
    ("exclude_private", BOOLEAN),
    ("max_score", "a number from 0 to 100"),
    ("level", "LOW, MEDIUM, HIGH, CRITICAL, separated by commas"),
    ("asn", "AS numbers, separated by commas"),
    ("country", "countries of two letters, separated by commas"),
    ("list", "names of threat lists, separated by commas"),
    ("rule", "ids of rules, separated by commas"),
    ("origin", "ip, asn, country, risk, list, separated by commas"),
    ("expand", "effective or announced"),
    ("allow", "subtract or ignore"),
    ("comments", BOOLEAN),
    ("version", "a version of the rules, 1 or more"),
    ("channel", "stable or canary"),
];

const BOOLEAN: &str = "nothing, 1, true, 0 or false";

/// The parameters of a query, by name, each known.
struct Query<'a>(Vec<(&'static str, Vec<&'a str>)>);

fn refuse(parameter: &str, message: impl Into<String>) -> ParamError {
    let parameter = crate::access::shown(parameter);
    ParamError { parameter, message: message.into() }
}

impl<'a> Query<'a> {
    fn read(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ParamError> {
        let mut query = Self(Vec::new());
        for (name, value) in pairs {
            let known = PARAMETERS.iter().find(|(known, _)| *known == name);
            let Some(&(known, _)) = known else {
                let names: Vec<&str> =
                    PARAMETERS.iter().map(|(name, _)| *name).collect();
                let message =
                    format!("unknown; known are {}", names.join(", "));
                return Err(refuse(name, message));
            };
            match query.0.iter_mut().find(|(found, _)| *found == known) {
                Some((_, values)) => values.push(value),
                None => query.0.push((known, vec![value])),
            }
        }
        Ok(query)
    }

    fn all(&self, name: &str) -> &[&'a str] {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or(&[], |(_, values)| values)
    }

    fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// The only value of a parameter, read.
    fn one<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ParamError> {
        match self.all(name) {
            [] => Ok(None),
            [value] => read(value).map(Some).ok_or_else(|| wrong(name, value)),
            _ => Err(refuse(name, "given more than once")),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, ParamError> {
        self.one(name, |value| match value {
            "" | "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        })
    }

    fn number<T: FromStr + PartialOrd>(
        &self,
        name: &str,
        least: T,
        most: T,
    ) -> Result<Option<T>, ParamError> {
        self.one(name, |value| {
            let digits = !value.is_empty()
                && value.bytes().all(|byte| byte.is_ascii_digit());
            let number: T = value.parse().ok().filter(|_| digits)?;
            (number >= least && number <= most).then_some(number)
        })
    }

    /// Values separated by commas, or given several times; ascending.
    fn several<T: Ord>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ParamError> {
        let mut list = Vec::new();
        for value in self.all(name).iter().flat_map(|text| text.split(',')) {
            let value = value.trim();
            list.push(read(value).ok_or_else(|| wrong(name, value))?);
            if list.len() > MOST_VALUES {
                let message = format!("more than {MOST_VALUES} values");
                return Err(refuse(name, message));
            }
        }
        list.sort_unstable();
        list.dedup();
        Ok(list)
    }
}

fn wrong(name: &str, value: &str) -> ParamError {
    let expected = PARAMETERS.iter().find(|(known, _)| *known == name);
    let expected = expected.map_or("another value", |(_, text)| text);
    let value = crate::access::shown(value);
    refuse(name, format!("`{value}` is not what it takes: {expected}"))
}

impl FeedParams {
    /// Reads the query of a request, already decoded, in its order.
    ///
    /// # Errors
    /// A parameter that is unknown, given twice, cannot be read, or
    /// contradicts another.
    pub fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        profiles: &Profiles,
    ) -> Result<Self, ParamError> {
        let query = Query::read(pairs)?;
        let mut params = Self::default();
        params.take_profile(&query, profiles)?;
        params.take_form(&query)?;
        params.take_budget(&query)?;
        params.take_filters(&query)?;
        if let Some(expand) = query.one("expand", |value| match value {
            "effective" => Some(Expand::Effective),
            "announced" => Some(Expand::Announced),
            _ => None,
        })? {
            params.expand = expand;
        }
        if let Some(allow) = query.one("allow", |value| match value {
            "subtract" => Some(AllowMode::Subtract),
            "ignore" => Some(AllowMode::Ignore),
            _ => None,
        })? {
            params.allow = allow;
        }
        params.version = query.number("version", 1, u64::MAX)?;
        let channel = query.one("channel", |value| match value {
            "stable" => Some(Channel::Stable),
            "canary" => Some(Channel::Canary),
            _ => None,
        })?;
        params.channel = channel.unwrap_or_default();
        if params.version.is_some() && channel.is_some() {
            let message = "a version of the past has no channel";
            return Err(refuse("channel", message));
        }
        Ok(params)
    }

    /// Defaults of a device.
    fn take_profile(
        &mut self,
        query: &Query<'_>,
        profiles: &Profiles,
    ) -> Result<(), ParamError> {
        let name = query.one("profile", |value| Some(value.to_owned()))?;
        let Some(name) = name else { return Ok(()) };
        let Some(profile) = profiles.get(&name) else {
            let names: Vec<&str> =
                profiles.iter().map(|profile| profile.name.as_str()).collect();
            let message = format!("unknown; known are {}", names.join(", "));
            return Err(refuse("profile", message));
        };
        self.max_entries = Some(profile.max_entries);
        self.per = profile.per;
        self.tr = profile.tr;
        self.order = profile.order;
        self.aggregate = profile.aggregate;
        self.profile = Some(name);
        Ok(())
    }

    fn take_form(&mut self, query: &Query<'_>) -> Result<(), ParamError> {
        let v4 = query.flag("ipv4only")?.unwrap_or(false);
        let v6 = query.flag("ipv6only")?.unwrap_or(false);
        self.family = match (v4, v6) {
            (false, false) => Family::Both,
            (true, false) => Family::V4,
            (false, true) => Family::V6,
            (true, true) => {
                let message = "ipv4only and ipv6only exclude each other";
                return Err(refuse("ipv6only", message));
            }
        };
        let tr = query.number("tr", 0, 2)?.and_then(Translation::from_number);
        self.tr = tr.unwrap_or(self.tr);
        let aggregate = query.flag("aggregate")?;
        let merges = self.tr != Translation::None;
        if aggregate == Some(false) && merges && tr.is_some() {
            let message = "tr=1 and tr=2 merge: aggregate cannot be off";
            return Err(refuse("aggregate", message));
        }
        if aggregate == Some(false) && merges {
            self.tr = Translation::None;
        }
        self.aggregate =
            aggregate.unwrap_or(self.aggregate) || self.tr != Translation::None;
        let order = query.one("order", |value| match value {
            "numeric" => Some(Order::Numeric),
            "severity" => Some(Order::Severity),
            _ => None,
        })?;
        self.order = order.unwrap_or(self.order);
        self.host_suffix = query.flag("host_suffix")?.unwrap_or(true);
        self.comments = query.flag("comments")?.unwrap_or(false);
        Ok(())
    }

    fn take_budget(&mut self, query: &Query<'_>) -> Result<(), ParamError> {
        self.n = query.number("n", 1, usize::MAX)?;
        self.s = query.number("s", 0, usize::MAX)?.unwrap_or(0);
        if let Some(max) = query.number("max_entries", 1, usize::MAX)? {
            self.max_entries = Some(max);
            // A number that was asked for is a limit, however lists are split.
            if self.per == Per::Set {
                self.per = Per::List;
            }
        }
        let overflow = query.one("overflow", |value| match value {
            "error" => Some(Overflow::Error),
            "truncate" => Some(Overflow::Truncate),
            "coarsen" => Some(Overflow::Coarsen),
            _ => None,
        })?;
        self.overflow = overflow.unwrap_or_default();
        let [least4, least6] = SHORTEST;
        let mc = query.number("mc", least4, 32)?;
        let min4 = query.number("min_prefix4", least4, 32)?;
        if mc.is_some() && min4.is_some() && mc != min4 {
            let message = "mc and min_prefix4 are the same and differ";
            return Err(refuse("mc", message));
        }
        self.min_prefix4 = min4.or(mc).filter(|&len| len > least4);
        let min6 = query.number("min_prefix6", least6, 128)?;
        self.min_prefix6 = min6.filter(|&len| len > least6);
        Ok(())
    }

    fn take_filters(&mut self, query: &Query<'_>) -> Result<(), ParamError> {
        let private = query.flag("exclude_private")?;
        self.exclude_private = private.unwrap_or(false);
        let max = query
            .one("max_score", |value| Threshold::new(value.parse().ok()?))?;
        let levels = match query.has("level") {
            true => query.one("level", levels_of)?.unwrap_or_default(),
            false => Vec::new(),
        };
        self.risk = RiskSelector::new(max, levels);
        self.asn = query.several("asn", |value| value.parse().ok())?;
        self.country = query.several("country", |value| value.parse().ok())?;
        self.list = query.several("list", |value| {
            let name = value.to_ascii_lowercase();
            (!name.is_empty()).then(|| name.into_boxed_str())
        })?;
        self.rule = query.several("rule", |value| value.parse().ok())?;
        self.origin = query.several("origin", |value| {
            let known = Origin::VALUES.iter().find(|(name, _)| *name == value);
            known.map(|(_, origin)| *origin)
        })?;
        Ok(())
    }

    /// The one spelling of these parameters: defaults left out, in a fixed
    /// order. Equal feeds have equal texts; the key of a cache.
    pub fn canonical(&self) -> String {
        let mut text = Canonical::default();
        match self.family {
            Family::Both => {}
            Family::V4 => text.put("ipv4only", 1),
            Family::V6 => text.put("ipv6only", 1),
        }
        let default = Self::default();
        match self.tr {
            Translation::None => text.some("aggregate", self.aggregate, 1),
            Translation::Ranges => text.put("tr", 1),
            Translation::Prefixes => text.put("aggregate", 1),
        }
        text.option("n", self.n);
        text.some("s", self.s > 0, self.s);
        self.canonical_budget(&mut text);
        text.option("min_prefix4", self.min_prefix4);
        text.option("min_prefix6", self.min_prefix6);
        text.some("host_suffix", !self.host_suffix, 0);
        text.some("exclude_private", self.exclude_private, 1);
        text.option("risk", self.risk.as_ref());
        text.list("asn", &self.asn);
        text.list("country", &self.country);
        text.list("list", &self.list);
        text.list("rule", &self.rule);
        let origins: Vec<&str> =
            self.origin.iter().map(|origin| origin.as_str()).collect();
        text.list("origin", &origins);
        text.some("expand", self.expand != default.expand, "announced");
        text.some("allow", self.allow != default.allow, "ignore");
        text.some("comments", self.comments, 1);
        text.option("version", self.version);
        text.some("channel", self.channel == Channel::Canary, "canary");
        text.0
    }

    fn canonical_budget(&self, text: &mut Canonical) {
        text.some("order", self.order == Order::Severity, "severity");
        let Some(max) = self.max_entries else { return };
        if self.per == Per::Set {
            return;
        }
        text.put("max_entries", max);
        text.some("per", self.per == Per::Family, "family");
        text.some("ranges", self.may_range, 1);
        match self.overflow {
            Overflow::Error => {}
            Overflow::Truncate => text.put("overflow", "truncate"),
            Overflow::Coarsen => text.put("overflow", "coarsen"),
        }
    }
}

#[derive(Default)]
struct Canonical(String);

impl Canonical {
    fn put(&mut self, name: &str, value: impl std::fmt::Display) {
        let and = if self.0.is_empty() { "" } else { "&" };
        write!(self.0, "{and}{name}={value}").expect("text takes text");
    }

    fn some(&mut self, name: &str, put: bool, value: impl std::fmt::Display) {
        if put {
            self.put(name, value);
        }
    }

    fn option(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[impl ToString]) {
        if values.is_empty() {
            return;
        }
        let texts: Vec<String> =
            values.iter().map(ToString::to_string).collect();
        self.put(name, texts.join(","));
    }
}

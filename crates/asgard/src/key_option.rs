//! What the options of `keys` say: how long a key lives, its rate class, and from
//! where it may be used.
//! Parsed once, where the words come in.

use std::str::FromStr;

use asgard_model::Prefix;
use jiff::SignedDuration;

/// How long a new key lives, in whole days or hours: `90d`, `12h`. Never
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    hours: u32,
}

/// Longest life of a key: about a century. Whoever wants more wants no end.
const HOURS_MAX: u32 = 24 * 36_525;

impl Lifetime {
    /// As a span of time.
    pub(crate) fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.hours))
    }
}

/// Text that is no lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LifetimeError(String);

impl std::fmt::Display for LifetimeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not a number of days or hours (90d, 12h)", self.0)
    }
}

impl std::error::Error for LifetimeError {}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => whole(days).and_then(|d| d.checked_mul(24)),
            (_, Some(hours)) => whole(hours),
            (None, None) => None,
        };
        hours
            .filter(|hours| (1..=HOURS_MAX).contains(hours))
            .map(|hours| Self { hours })
            .ok_or_else(|| LifetimeError(text.to_owned()))
    }
}

/// Digits only: no sign, no blank.
fn whole(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The name of a rate class: 1 to 32 of `a` to `z`, digits, `-` and `_`, so
/// that it means the same in a file, on a command line and in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateClass(pub(crate) String);

/// Text that names no class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateClassError(String);

impl std::fmt::Display for RateClassError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` is not a name of a class (1 to 32 of a-z, 0-9, - and _)",
            self.0
        )
    }
}

impl std::error::Error for RateClassError {}

impl FromStr for RateClass {
    type Err = RateClassError;

    fn from_str(text: &str) -> Result<Self, RateClassError> {
        let plain = |b: u8| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)
        };
        let good = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        good.then(|| Self(text.to_owned()))
            .ok_or_else(|| RateClassError(text.to_owned()))
    }
}

/// A network from which a key may be used. At least a /8 or, of IPv6, a /19: a
/// key that is good in half of the Internet is bound to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientCidr(pub(crate) Prefix);

/// Text that is no such network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCidrError(String);

impl std::fmt::Display for ClientCidrError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` is not an address or prefix of /8 or smaller (IPv6: /19)",
            self.0
        )
    }
}

impl std::error::Error for ClientCidrError {}

impl FromStr for ClientCidr {
    type Err = ClientCidrError;

    fn from_str(text: &str) -> Result<Self, ClientCidrError> {
        let least = |prefix: Prefix| if prefix.is_v4() { 8 } else { 19 };
        let prefix = text.trim().parse().ok();
        prefix
            .filter(|&prefix: &Prefix| prefix.len() >= least(prefix))
            .map(Self)
            .ok_or_else(|| ClientCidrError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_of_days_or_hours() {
        let hours = |text: &str| {
            text.parse::<Lifetime>().map(|life| life.duration().as_hours()).ok()
        };
        assert_eq!(hours("90d"), Some(2_160));
        assert_eq!(hours("12h"), Some(12));
        assert_eq!(hours("36525d"), Some(876_600));
        for bad in [
            "",
            "d",
            "h",
            "0d",
            "0h",
            "90",
            "-1d",
            "+1d",
            "1.5d",
            "1 d",
            "1D",
            "1w",
            "36526d",
            "4294967295d",
            "99999999999h",
            "dd",
        ] {
            assert_eq!(hours(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_bound_to_networks_that_are_not_half_of_the_internet() {
        let read = |text: &str| {
            text.parse::<ClientCidr>().map(|cidr| cidr.0.to_string())
        };
        assert_eq!(read("192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(read(" 10.0.0.0/8").unwrap(), "10.0.0.0/8");
        assert_eq!(read("2001:db8::/32").unwrap(), "2001:db8::/32");
        for bad in ["0.0.0.0/0", "10.0.0.0/7", "::/0", "example.net", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_class_has_a_plain_name() {
        for good in ["siem", "a", "tier-1_b", &"x".repeat(32)] {
            assert!(good.parse::<RateClass>().is_ok(), "{good}");
        }
        for bad in ["", "SIEM", "a b", "é", "a\n", &"x".repeat(33)] {
            assert!(bad.parse::<RateClass>().is_err(), "{bad:?}");
        }
    }
}

//! Why something that was written is refused: a code for programs, a sentence
//! with the field and the way out for people.

use serde::Serialize;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// `expiration` is no whole number of seconds from 1 to ten years.
    BadExpiration,
    /// `type` is not `access_rules`.
    BadType,
    /// `action` is neither `block` nor `unblock`.
    BadAction,
    /// Not exactly one selector, or one that cannot be read.
    BadSelector,
    /// A field that nobody knows, or whose value cannot be read.
    BadField,
    /// More than the limit of a list, or of a text.
    TooMany,
    /// No network has this number in the data.
    UnknownAsn,
    /// The data have no such country.
    UnknownCountry,
    /// The data have no such threat list, or may not pass it on.
    UnknownList,
    /// Space that is never blocked, whoever asks.
    NeverBlock,
    /// Protected or whitelisted.
    Protected,
    /// Too large a share of the address space without a confirmation.
    GuardShare,
}

impl Code {
    /// Every code with its name in answers.
    pub const VALUES: [(Self, &'static str); 12] = [
        (Self::BadExpiration, "BAD_EXPIRATION"),
        (Self::BadType, "BAD_TYPE"),
        (Self::BadAction, "BAD_ACTION"),
        (Self::BadSelector, "BAD_SELECTOR"),
        (Self::BadField, "BAD_FIELD"),
        (Self::TooMany, "TOO_MANY"),
        (Self::UnknownAsn, "UNKNOWN_ASN"),
        (Self::UnknownCountry, "UNKNOWN_COUNTRY"),
        (Self::UnknownList, "UNKNOWN_LIST"),
        (Self::NeverBlock, "NEVER_BLOCK"),
        (Self::Protected, "PROTECTED"),
        (Self::GuardShare, "GUARD_SHARE"),
    ];

    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal. `field` is a path into what was sent: `block.ips[3]`.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// The field at fault; empty for the whole.
    pub field: String,
    /// For people: what is wrong, and what would be right.
    pub message: String,
    /// Of [`Code::GuardShare`]: the share of all IPv4 addresses, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_v4: Option<f64>,
    /// Of [`Code::GuardShare`]: the `confirm_share` that would pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_share: Option<f64>,
}

impl Refusal {
    /// A refusal of a field.
    pub fn new(
        code: Code,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            field: field.into(),
            message: message.into(),
            share_v4: None,
            confirm_share: None,
        }
    }
}

/// The beginning of a text that somebody sent, for a message. What looks like a
/// secret is not repeated: a key that was pasted into the wrong place must not
/// reach logs, screens and tickets by way of an error.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if looks_secret(text) {
        return "(not repeated: it looks like a secret)".to_owned();
    }
    let mut shown: String =
        text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a word of a text is a key of ours, or long and of the letters and
/// digits of a random token. Names of lists and ids of rules are neither.
fn looks_secret(text: &str) -> bool {
    const SHORTEST: usize = 20;
    let of_token = |c: char| c.is_ascii_alphanumeric() || "_-+/=.~".contains(c);
    text.split(|c| !of_token(c)).any(|word| {
        let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        let hexadecimal = word.bytes().all(|b| b.is_ascii_hexdigit())
            && has(u8::is_ascii_alphabetic);
        word.to_ascii_lowercase().contains("asgard_live_")
            || (word.len() >= SHORTEST
                && has(u8::is_ascii_digit)
                && (mixed || hexadecimal))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_repeated() {
        for secret in [
            "asgard_live_ab12cd34_x",
            "ASGARD_LIVE_",
            "hunter: asgard_live_ab12cd34_x",
            "Kq8vT2mZ7pLw4RxN9sYd",
            "0123456789abcdef0123456789abcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        ] {
            let said = shown(secret);
            assert!(said.starts_with("(not repeated"), "{said}");
        }
        for plain in [
            "spamhaus-drop",
            "AS4294967296",
            "203.0.113.300/24",
            "2001:db8:1234:5678:9abc:def0:1234:56789",
            "01a21734-3d04-70f9-950a-d7fe0a42dc5b",
            "a-very-long-name-of-a-list-in-lower-case",
            "NL,DE,UK",
            "99999999999999999999999",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(shown(plain), plain);
        }
    }
}

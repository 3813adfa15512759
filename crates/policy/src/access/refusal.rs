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

/// The beginning of a text that somebody sent, for a message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String =
        text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

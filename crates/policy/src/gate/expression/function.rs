//! Functions: their names, and their values.
//!
//! A call looks at the kinds of the values it gets; the checker made sure that
//! they fit ([`super::signature`]).

use super::{
    evaluate::mismatch,
    value::{Fail, Outcome, Value},
};

mod conversion;
mod format;
mod network;
mod text;
mod time;

pub(in crate::gate) use conversion::show;
use network::cidr_text;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `size`
    Size,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `bool`
    Bool,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `type`
    Type,
    /// `dyn`
    Dyn,
    /// `contains`
    Contains,
    /// `startsWith`
    StartsWith,
    /// `endsWith`
    EndsWith,
    /// `charAt`
    CharAt,
    /// `indexOf`
    IndexOf,
    /// `lastIndexOf`
    LastIndexOf,
    /// `join`
    Join,
    /// `lowerAscii`
    LowerAscii,
    /// `upperAscii`
    UpperAscii,
    /// `replace`
    Replace,
    /// `split`
    Split,
    /// `substring`
    Substring,
    /// `trim`
    Trim,
    /// `reverse`
    Reverse,
    /// `format`
    Format,
    /// `strings.quote`
    Quote,
    /// `getFullYear`
    FullYear,
    /// `getMonth`
    Month,
    /// `getDate`
    Date,
    /// `getDayOfMonth`
    DayOfMonth,
    /// `getDayOfWeek`
    DayOfWeek,
    /// `getDayOfYear`
    DayOfYear,
    /// `getHours`
    Hours,
    /// `getMinutes`
    Minutes,
    /// `getSeconds`
    Seconds,
    /// `getMilliseconds`
    Milliseconds,
    /// `ip`
    Ip,
    /// `isIP`
    IsIp,
    /// `ip.isCanonical`
    IsCanonical,
    /// `cidr`
    Cidr,
    /// `isCIDR`
    IsCidr,
    /// `family`
    Family,
    /// `isUnspecified`
    IsUnspecified,
    /// `isLoopback`
    IsLoopback,
    /// `isLinkLocalMulticast`
    IsLinkLocalMulticast,
    /// `isLinkLocalUnicast`
    IsLinkLocalUnicast,
    /// `isGlobalUnicast`
    IsGlobalUnicast,
    /// `containsIP`
    ContainsIp,
    /// `containsCIDR`
    ContainsCidr,
    /// `masked`
    Masked,
    /// `prefixLength`
    PrefixLength,
    /// `segments`
    Segments,
    /// `regexSafe`
    RegexSafe,
}

impl Function {
    /// Every function with its name.
    pub const VALUES: &[(&str, Self)] = &[
        ("size", Self::Size),
        ("int", Self::Int),
        ("uint", Self::Uint),
        ("double", Self::Double),
        ("string", Self::String),
        ("bytes", Self::Bytes),
        ("bool", Self::Bool),
        ("timestamp", Self::Timestamp),
        ("duration", Self::Duration),
        ("type", Self::Type),
        ("dyn", Self::Dyn),
        ("contains", Self::Contains),
        ("startsWith", Self::StartsWith),
        ("endsWith", Self::EndsWith),
        ("charAt", Self::CharAt),
        ("indexOf", Self::IndexOf),
        ("lastIndexOf", Self::LastIndexOf),
        ("join", Self::Join),
        ("lowerAscii", Self::LowerAscii),
        ("upperAscii", Self::UpperAscii),
        ("replace", Self::Replace),
        ("split", Self::Split),
        ("substring", Self::Substring),
        ("trim", Self::Trim),
        ("reverse", Self::Reverse),
        ("format", Self::Format),
        ("strings.quote", Self::Quote),
        ("getFullYear", Self::FullYear),
        ("getMonth", Self::Month),
        ("getDate", Self::Date),
        ("getDayOfMonth", Self::DayOfMonth),
        ("getDayOfWeek", Self::DayOfWeek),
        ("getDayOfYear", Self::DayOfYear),
        ("getHours", Self::Hours),
        ("getMinutes", Self::Minutes),
        ("getSeconds", Self::Seconds),
        ("getMilliseconds", Self::Milliseconds),
        ("ip", Self::Ip),
        ("isIP", Self::IsIp),
        ("ip.isCanonical", Self::IsCanonical),
        ("cidr", Self::Cidr),
        ("isCIDR", Self::IsCidr),
        ("family", Self::Family),
        ("isUnspecified", Self::IsUnspecified),
        ("isLoopback", Self::IsLoopback),
        ("isLinkLocalMulticast", Self::IsLinkLocalMulticast),
        ("isLinkLocalUnicast", Self::IsLinkLocalUnicast),
        ("isGlobalUnicast", Self::IsGlobalUnicast),
        ("containsIP", Self::ContainsIp),
        ("containsCIDR", Self::ContainsCidr),
        ("masked", Self::Masked),
        ("prefixLength", Self::PrefixLength),
        ("segments", Self::Segments),
        ("regexSafe", Self::RegexSafe),
    ];

    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::VALUES.iter().find(|(own, _)| *own == name);
        found.map(|(_, function)| *function)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        let found = Self::VALUES.iter().find(|(_, own)| *own == self);
        found.map_or("", |(name, _)| name)
    }
}

/// The value of a call; a receiver is the first argument.
pub(super) fn call<'a>(function: Function, args: &[Value<'a>]) -> Outcome<'a> {
    use Function as F;
    match function {
        F::Size
        | F::Int
        | F::Uint
        | F::Double
        | F::String
        | F::Bytes
        | F::Bool
        | F::Type
        | F::Dyn => conversion::call(function, args),
        F::Timestamp
        | F::Duration
        | F::FullYear
        | F::Month
        | F::Date
        | F::DayOfMonth
        | F::DayOfWeek
        | F::DayOfYear
        | F::Hours
        | F::Minutes
        | F::Seconds
        | F::Milliseconds => time::call(function, args),
        F::Ip
        | F::IsIp
        | F::IsCanonical
        | F::Cidr
        | F::IsCidr
        | F::Family
        | F::IsUnspecified
        | F::IsLoopback
        | F::IsLinkLocalMulticast
        | F::IsLinkLocalUnicast
        | F::IsGlobalUnicast
        | F::ContainsIp
        | F::ContainsCidr
        | F::Masked
        | F::PrefixLength => network::call(function, args),
        F::Format => format::call(args),
        _ => text::call(function, args),
    }
}

/// No overload fits: the checker should have refused it.
fn refuse(function: Function, args: &[Value<'_>]) -> Fail {
    let args: Vec<&Value<'_>> = args.iter().collect();
    mismatch(function.name(), &args)
}

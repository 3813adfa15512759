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

macro_rules! functions {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*
        }

        impl Function {
            /// Every function with its name.
            pub const VALUES: &[(&str, Self)] =
                &[$(($name, Self::$variant)),*];
        }
    };
}

functions! {
    Size = "size", Int = "int", Uint = "uint", Double = "double",
    String = "string", Bytes = "bytes", Bool = "bool",
    Timestamp = "timestamp", Duration = "duration", Type = "type", Dyn = "dyn",
    Contains = "contains", StartsWith = "startsWith", EndsWith = "endsWith",
    CharAt = "charAt", IndexOf = "indexOf", LastIndexOf = "lastIndexOf",
    Join = "join", LowerAscii = "lowerAscii", UpperAscii = "upperAscii",
    Replace = "replace", Split = "split", Substring = "substring",
    Trim = "trim", Reverse = "reverse", Format = "format",
    Quote = "strings.quote", FullYear = "getFullYear", Month = "getMonth",
    Date = "getDate", DayOfMonth = "getDayOfMonth",
    DayOfWeek = "getDayOfWeek", DayOfYear = "getDayOfYear",
    Hours = "getHours", Minutes = "getMinutes", Seconds = "getSeconds",
    Milliseconds = "getMilliseconds", Ip = "ip", IsIp = "isIP",
    IsCanonical = "ip.isCanonical", Cidr = "cidr", IsCidr = "isCIDR",
    Family = "family", IsUnspecified = "isUnspecified",
    IsLoopback = "isLoopback", IsLinkLocalMulticast = "isLinkLocalMulticast",
    IsLinkLocalUnicast = "isLinkLocalUnicast",
    IsGlobalUnicast = "isGlobalUnicast", ContainsIp = "containsIP",
    ContainsCidr = "containsCIDR", Masked = "masked",
    PrefixLength = "prefixLength", Segments = "segments",
    RegexSafe = "regexSafe",
}

impl Function {
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

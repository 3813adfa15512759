//! Kinds of values, as the checker knows them.

use std::fmt;

/// The type of an expression (CEL specification, "Values and types").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true`, `false`.
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, unsigned.
    Uint,
    /// IEEE 754, 64 bits.
    Double,
    /// Unicode text.
    String,
    /// Octets.
    Bytes,
    /// `null`.
    Null,
    /// A moment, years 1 to 9999.
    Timestamp,
    /// A span of time.
    Duration,
    /// An address (network extension).
    Ip,
    /// A block of addresses (network extension).
    Cidr,
    /// A list.
    List(Box<Self>),
    /// A map.
    Map(Box<Self>, Box<Self>),
    /// The type of a value, as a value.
    Type,
    /// Element of an empty list: fits everything.
    Nothing,
    /// Known when it is evaluated only. Rules cannot have it.
    Dyn,
}

impl Kind {
    /// A list of this.
    pub fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// A map.
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    /// Whether a value of this kind may stand where `wanted` is asked for.
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Dyn | Self::Nothing, _) | (_, Self::Dyn | Self::Nothing) => {
                true
            }
            (Self::List(a), Self::List(b)) => a.fits(b),
            (Self::Map(k, v), Self::Map(l, w)) => k.fits(l) && v.fits(w),
            (a, b) => a == b,
        }
    }

    /// The kind of what is one or the other; `None` if they differ.
    pub fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Nothing, kind) | (kind, Self::Nothing) => Some(kind.clone()),
            (Self::Dyn, _) | (_, Self::Dyn) => Some(Self::Dyn),
            (Self::List(a), Self::List(b)) => Some(Self::list(a.join(b)?)),
            (Self::Map(k, v), Self::Map(l, w)) => {
                Some(Self::map(k.join(l)?, v.join(w)?))
            }
            (a, b) => (a == b).then(|| a.clone()),
        }
    }

    /// Whether it is known, and all its parts.
    pub fn is_static(&self) -> bool {
        match self {
            Self::Dyn => false,
            Self::List(of) => of.is_static(),
            Self::Map(key, value) => key.is_static() && value.is_static(),
            _ => true,
        }
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::List(of) => return write!(f, "list({of})"),
            Self::Map(key, value) => return write!(f, "map({key}, {value})"),
            Self::Type => "type",
            Self::Nothing => "empty",
            Self::Dyn => "dyn",
        };
        f.write_str(name)
    }
}

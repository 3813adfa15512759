//! Values while an expression is evaluated.
//!
//! What belongs to the request is borrowed; what is made on the way is shared,
//! so that a value is cheap to copy.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::{
    kind::Kind,
    lazy_map::{LazyMap, MAX_NAMES},
};

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// 64 bits, signed.
    Int(i64),
    /// 64 bits, unsigned.
    Uint(u64),
    /// 64 bits of IEEE 754.
    Double(f64),
    /// Text.
    String(Text<'a>),
    /// Octets.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<[Self]>),
    /// A map, in order of insertion; keys differ.
    Map(Arc<[(Self, Self)]>),
    /// Headers or the query, looked up in the request.
    Lazy(LazyMap<'a>),
    /// A moment.
    Timestamp(Timestamp),
    /// Nanoseconds.
    Duration(i128),
    /// An address; the text may have been v4-mapped.
    Ip(IpAddr),
    /// An address and a length; bits beyond the length are kept.
    Cidr(IpAddr, u8),
    /// The type of a value.
    Type(Arc<str>),
}

/// Text, borrowed or shared.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Of the request or of the policy.
    Borrowed(&'a str),
    /// Made on the way.
    Shared(Arc<str>),
}

impl Text<'_> {
    /// The characters.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Fail {
    /// Something is not known.
    Unknown,
    /// It cannot be computed.
    Error(Fault),
}

/// What cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// An integer beyond 64 bits, a time beyond its range.
    #[error("the result is out of range")]
    Overflow,
    /// `x / 0`.
    #[error("division by zero")]
    DivisionByZero,
    /// `x % 0`.
    #[error("modulus by zero")]
    ModulusByZero,
    /// A missing key.
    #[error("no such key: {0}")]
    NoSuchKey(String),
    /// A list index out of bounds.
    #[error("index {0} is out of bounds")]
    OutOfBounds(i64),
    /// Two equal keys in a map literal.
    #[error("a key occurs twice: {0}")]
    RepeatedKey(String),
    /// Text that does not stand for what it should.
    #[error("{0}")]
    Conversion(String),
    /// A value of another type than the checker said: never in a rule.
    #[error("no such overload: {0}")]
    NoSuchOverload(String),
    /// An intermediate result too large to keep.
    #[error("the result is too large")]
    TooLarge,
    /// More names in a query than a macro goes through.
    #[error("the query has more than {MAX_NAMES} names")]
    TooManyNames,
}

/// A value, or why there is none.
pub type Outcome<'a> = Result<Value<'a>, Fail>;

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        Self::Error(fault)
    }
}

impl<'a> Value<'a> {
    /// Text.
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::String(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    /// The name of its type, as `type(x)` shows it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) | Self::Lazy(_) => "map",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Ip(_) => "net.IP",
            Self::Cidr(..) => "net.CIDR",
            Self::Type(_) => "type",
        }
    }

    /// Its kind, without looking into lists and maps.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Double(_) => Kind::Double,
            Self::String(_) => Kind::String,
            Self::Bytes(_) => Kind::Bytes,
            Self::List(_) => Kind::list(Kind::Dyn),
            Self::Map(_) => Kind::map(Kind::Dyn, Kind::Dyn),
            Self::Lazy(_) => Kind::map(Kind::String, Kind::String),
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Duration(_) => Kind::Duration,
            Self::Ip(_) => Kind::Ip,
            Self::Cidr(..) => Kind::Cidr,
            Self::Type(_) => Kind::Type,
        }
    }

    /// Whether it can be the key of a map.
    pub fn is_key(&self) -> bool {
        matches!(
            self,
            Self::Bool(_) | Self::Int(_) | Self::Uint(_) | Self::String(_)
        )
    }

    /// The same, owned: what a policy keeps.
    pub fn into_static(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Uint(value) => Value::Uint(value),
            Self::Double(value) => Value::Double(value),
            Self::String(text) => {
                Value::String(Text::Shared(text.as_str().into()))
            }
            Self::Bytes(value) => Value::Bytes(value),
            Self::List(items) => Value::List(
                items.iter().map(|item| item.clone().into_static()).collect(),
            ),
            Self::Map(entries) => Value::Map(owned(&entries)),
            Self::Lazy(map) => Value::Map(owned(&map.entries())),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Duration(value) => Value::Duration(value),
            Self::Ip(value) => Value::Ip(value),
            Self::Cidr(address, len) => Value::Cidr(address, len),
            Self::Type(name) => Value::Type(name),
        }
    }
}

type Entries<'a> = [(Value<'a>, Value<'a>)];

fn owned(entries: &Entries<'_>) -> Arc<Entries<'static>> {
    entries
        .iter()
        .map(|(k, v)| (k.clone().into_static(), v.clone().into_static()))
        .collect()
}

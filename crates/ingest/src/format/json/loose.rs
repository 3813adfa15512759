//! Values of which nothing is assumed: a field of the wrong kind makes a bad
//! row, not a broken document.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess,
    SeqAccess, Visitor,
};

use super::super::cells;

/// A value of which nothing is assumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::format) enum Loose {
    /// Absent or null.
    #[default]
    Missing,
    /// A number without sign or fraction.
    Int(u64),
    /// A string.
    Text(String),
    /// Anything else.
    Other,
}

impl Loose {
    /// The text of a string that is not empty.
    pub(in crate::format) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// The bytes of a string; empty for anything else.
    pub(in crate::format) fn bytes(&self) -> &[u8] {
        self.text().unwrap_or("").as_bytes()
    }

    /// A number, also one in a string.
    pub(in crate::format) fn int(&self) -> Option<u64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => cells::number(text.as_bytes()),
            _ => None,
        }
    }
}

impl fmt::Display for Loose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Other => f.write_str("?"),
        }
    }
}

/// A row: the value itself, or, of an object, the wanted fields.
#[derive(Debug)]
pub(in crate::format) struct Node<const N: usize> {
    /// The value, unless it is an object.
    pub(in crate::format) value: Loose,
    /// Its wanted fields, if it is an object.
    pub(in crate::format) fields: [Loose; N],
}

impl<const N: usize> Node<N> {
    fn scalar(value: Loose) -> Self {
        Self { value, fields: [const { Loose::Missing }; N] }
    }

    /// The node as one line, to show where it is bad.
    pub(in crate::format) fn excerpt(&self) -> String {
        let mut parts = vec![self.value.to_string()];
        parts.extend(self.fields.iter().map(Loose::to_string));
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }
}

/// Names of the fields that are wanted of an object.
pub(in crate::format) struct Wanted<'n, const N: usize>(
    pub(in crate::format) &'n [&'n str; N],
);

impl<'de, const N: usize> DeserializeSeed<'de> for Wanted<'_, N> {
    type Value = Node<N>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Node<N>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Wanted<'_, N> {
    type Value = Node<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Missing))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Other))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Int(number)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Other))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Other))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<N>, E> {
        Ok(Node::scalar(Loose::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> Result<Node<N>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::scalar(Loose::Other))
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut entries: A,
    ) -> Result<Node<N>, A::Error> {
        let mut node = Node::scalar(Loose::Other);
        while let Some(found) = entries.next_key_seed(Key(self.0))? {
            match found {
                Some(index) => node.fields[index] = entries.next_value()?,
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(node)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        Wanted(&[]).deserialize(deserializer).map(|node| node.value)
    }
}

/// A key, as its place among the wanted names.
struct Key<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

//! Rows that hold one list of plain values beside plain fields.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::loose::Loose;

/// A row that holds a list. Of a row that is no object everything is missing.
#[derive(Debug)]
pub(in crate::format) struct Listed<const N: usize> {
    /// The wanted fields.
    pub(in crate::format) fields: [Loose; N],
    /// The items of the list; `None` if it is missing, no list, or too long.
    pub(in crate::format) items: Option<Vec<Loose>>,
}

/// Which fields and which list are wanted of a row, and how long a list may
/// be.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct WantedList<const N: usize> {
    pub(in crate::format) fields: [&'static str; N],
    pub(in crate::format) list: &'static str,
    pub(in crate::format) most: usize,
}

/// Receives the rows, numbered from 1.
pub(in crate::format) type OnListed<'s, const N: usize> =
    &'s mut dyn FnMut(u64, Listed<N>);

/// A whole list of such rows.
pub(super) struct AllListed<'s, const N: usize> {
    pub(super) wanted: WantedList<N>,
    pub(super) on_row: OnListed<'s, N>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for AllListed<'_, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for AllListed<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some(row) = items.next_element_seed(self.wanted)? {
            count += 1;
            (self.on_row)(count, row);
        }
        Ok(())
    }
}

impl<const N: usize> WantedList<N> {
    fn nothing() -> Listed<N> {
        Listed { fields: [const { Loose::Missing }; N], items: None }
    }
}

impl<'de, const N: usize> DeserializeSeed<'de> for WantedList<N> {
    type Value = Listed<N>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<Listed<N>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for WantedList<N> {
    type Value = Listed<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut entries: A,
    ) -> Result<Listed<N>, A::Error> {
        let mut row = Self::nothing();
        while let Some(key) = entries.next_key::<String>()? {
            if key == self.list {
                row.items = entries.next_value_seed(Items(self.most))?;
            } else if let Some(at) = self.fields.iter().position(|f| *f == key)
            {
                row.fields[at] = entries.next_value()?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(row)
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> Result<Listed<N>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::nothing())
    }

    fn visit_unit<E: Error>(self) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Listed<N>, E> {
        Ok(Self::nothing())
    }
}

/// The items of a list, at most so many; anything else is none.
struct Items(usize);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Option<Vec<Loose>>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Option<Vec<Loose>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while found.len() < self.0 {
            match items.next_element()? {
                Some(item) => found.push(item),
                None => return Ok(Some(found)),
            }
        }
        let mut more = false;
        while items.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok((!more).then_some(found))
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut entries: A,
    ) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}

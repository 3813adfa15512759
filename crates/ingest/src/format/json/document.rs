//! Documents that hold a list of rows and some facts about it.

use std::{fmt, io::BufRead};

use serde::de::{
    DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{
    super::report::FormatError,
    loose::{Loose, Node, Wanted},
    stream,
};

/// Shape of an object that holds a list of rows and some facts about it.
pub(in crate::format) struct Document<const N: usize, const M: usize> {
    /// Key of the list.
    pub(in crate::format) rows: &'static str,
    /// Wanted fields of a row.
    pub(in crate::format) row: [&'static str; N],
    /// Key of the object with the facts.
    pub(in crate::format) about: &'static str,
    /// Wanted facts, there or on the top level.
    pub(in crate::format) facts: [&'static str; M],
}

type OnRow<'s, const N: usize> = &'s mut dyn FnMut(u64, Node<N>);

impl<const N: usize, const M: usize> Document<N, M> {
    /// Streams the rows, numbered from 1, and returns the facts.
    pub(in crate::format) fn read(
        &self,
        input: &mut dyn BufRead,
        on_row: OnRow<'_, N>,
    ) -> Result<[Loose; M], FormatError> {
        let mut found = Found { on_row, count: 0, lists: 0 };
        let facts = stream(input, Top { shape: self, found: &mut found })?;
        if found.lists == 0 {
            let rows = self.rows;
            return Err(FormatError::NotThisFormat(format!(
                "the document has no list `{rows}`"
            )));
        }
        Ok(facts)
    }
}

struct Found<'s, const N: usize> {
    on_row: OnRow<'s, N>,
    count: u64,
    lists: u32,
}

struct Top<'a, 's, const N: usize, const M: usize> {
    shape: &'a Document<N, M>,
    found: &'a mut Found<'s, N>,
}

impl<'de, const N: usize, const M: usize> DeserializeSeed<'de>
    for Top<'_, '_, N, M>
{
    type Value = [Loose; M];

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<[Loose; M], D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize, const M: usize> Visitor<'de> for Top<'_, '_, N, M> {
    type Value = [Loose; M];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list `{}`", self.shape.rows)
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut entries: A,
    ) -> Result<[Loose; M], A::Error> {
        let Document { rows, row, about, facts: names } = self.shape;
        let mut facts = [const { Loose::Missing }; M];
        while let Some(key) = entries.next_key::<String>()? {
            if key == *rows {
                self.found.lists += 1;
                let found = &mut *self.found;
                entries.next_value_seed(Rows { row, found })?;
            } else if key == *about {
                facts = entries.next_value_seed(Wanted(names))?.fields;
            } else if let Some(index) = names.iter().position(|n| *n == key) {
                facts[index] = entries.next_value()?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(facts)
    }
}

struct Rows<'a, 's, const N: usize> {
    row: &'a [&'static str; N],
    found: &'a mut Found<'s, N>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for Rows<'_, '_, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Rows<'_, '_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut items: A,
    ) -> Result<(), A::Error> {
        while let Some(node) = items.next_element_seed(Wanted(self.row))? {
            self.found.count += 1;
            (self.found.on_row)(self.found.count, node);
        }
        Ok(())
    }
}

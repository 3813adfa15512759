//! Documents that hold a list of rows and some facts about it.

use std::{fmt, io::BufRead};

use serde::de::{
    DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{
    super::report::FormatError,
    listed::{AllListed, OnListed, WantedList},
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
        let beside =
            Beside { key: "", wanted: NO_LIST, on_row: &mut |_, _| {} };
        self.read_both(input, on_row, beside)
    }

    /// As [`Self::read`], with a second list that may be missing.
    pub(in crate::format) fn read_both<'s, const K: usize>(
        &self,
        input: &mut dyn BufRead,
        on_row: OnRow<'s, N>,
        beside: Beside<'s, K>,
    ) -> Result<[Loose; M], FormatError> {
        let mut found = Found { on_row, count: 0, lists: 0, beside };
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

/// A second list of a document, of rows that hold lists.
pub(in crate::format) struct Beside<'s, const K: usize> {
    /// Its key.
    pub(in crate::format) key: &'static str,
    /// What is wanted of its rows.
    pub(in crate::format) wanted: WantedList<K>,
    /// Receives them.
    pub(in crate::format) on_row: OnListed<'s, K>,
}

const NO_LIST: WantedList<0> = WantedList { fields: [], list: "", most: 0 };

struct Found<'s, const N: usize, const K: usize> {
    on_row: OnRow<'s, N>,
    count: u64,
    lists: u32,
    beside: Beside<'s, K>,
}

struct Top<'a, 's, const N: usize, const M: usize, const K: usize> {
    shape: &'a Document<N, M>,
    found: &'a mut Found<'s, N, K>,
}

impl<'de, const N: usize, const M: usize, const K: usize> DeserializeSeed<'de>
    for Top<'_, '_, N, M, K>
{
    type Value = [Loose; M];

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<[Loose; M], D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize, const M: usize, const K: usize> Visitor<'de>
    for Top<'_, '_, N, M, K>
{
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
            } else if !key.is_empty() && key == self.found.beside.key {
                let Beside { wanted, on_row, .. } = &mut self.found.beside;
                let all = AllListed { wanted: *wanted, on_row: *on_row };
                entries.next_value_seed(all)?;
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

struct Rows<'a, 's, const N: usize, const K: usize> {
    row: &'a [&'static str; N],
    found: &'a mut Found<'s, N, K>,
}

impl<'de, const N: usize, const K: usize> DeserializeSeed<'de>
    for Rows<'_, '_, N, K>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, const N: usize, const K: usize> Visitor<'de> for Rows<'_, '_, N, K> {
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

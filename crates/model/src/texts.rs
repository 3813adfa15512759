//! Many short texts in one block of memory, each once.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::pages::{Index, Pages};

/// Texts by number, immutable once built. Number 0 is the empty text.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    bytes: Pages<u8>,
    ends: Pages<u32>,
}

impl Texts {
    /// The text of a number; empty if there is none.
    pub(crate) fn get(&self, number: u32) -> &str {
        let at = number as usize;
        let ends: &[u32] = &self.ends;
        let start = match at.checked_sub(1) {
            Some(before) => ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = ends.get(at).copied().unwrap_or(start);
        let text = self.bytes.get(start as usize..end as usize);
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.bytes() + self.ends.bytes()
    }
}

/// Collects texts.
#[derive(Debug)]
pub(crate) struct TextsBuilder {
    texts: Texts,
    numbers: Index,
}

impl Default for TextsBuilder {
    fn default() -> Self {
        let mut ends = Pages::default();
        ends.push(0);
        let texts = Texts { bytes: Pages::default(), ends };
        Self { texts, numbers: Index::default() }
    }
}

fn hash(text: &str) -> u64 {
    FxBuildHasher.hash_one(text)
}

impl TextsBuilder {
    /// Goes on from texts that were built.
    pub(crate) fn from_texts(texts: Texts) -> Self {
        let mut numbers = Index::default();
        let count = u32::try_from(texts.ends.len()).unwrap_or(u32::MAX);
        for number in 1..count {
            let hash_of = |number| hash(texts.get(number));
            numbers.insert(hash_of(number), number, hash_of);
        }
        Self { texts, numbers }
    }

    /// The number of a text, which is stored unless it is known. After 4 GiB
    /// of texts every new one is the empty text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let Self { texts, numbers } = self;
        let known = |number| texts.get(number) == text;
        if let Some(number) = numbers.find(hash(text), known) {
            return number;
        }
        let end = u32::try_from(texts.bytes.len() + text.len());
        let number = u32::try_from(texts.ends.len());
        let (Ok(end), Ok(number)) = (end, number) else { return 0 };
        texts.bytes.extend_from_slice(text.as_bytes());
        texts.ends.push(end);
        let hash_of = |number| hash(texts.get(number));
        numbers.insert(hash_of(number), number, hash_of);
        number
    }

    /// The texts.
    pub(crate) fn build(self) -> Texts {
        self.texts
    }
}

//! Many short texts in one block of memory, each once.

use rustc_hash::FxHashMap;

/// Texts by number, immutable. Number 0 is the empty text.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Box<str>,
    ends: Box<[u32]>,
}

impl Texts {
    /// The text of a number; empty if there is none.
    pub(crate) fn get(&self, number: u32) -> &str {
        let at = number as usize;
        let start = match at.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.ends)
    }
}

/// Collects texts.
#[derive(Debug, Default)]
pub(crate) struct TextsBuilder {
    bytes: String,
    ends: Vec<u32>,
    numbers: FxHashMap<Box<str>, u32>,
}

impl TextsBuilder {
    /// The number of a text, which is stored unless it is known. After 4 GiB
    /// of texts every new one is the empty text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        if text.is_empty() {
            return 0;
        }
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let end = u32::try_from(self.bytes.len() + text.len());
        let number = u32::try_from(self.ends.len());
        let (Ok(end), Ok(number)) = (end, number) else { return 0 };
        self.bytes.push_str(text);
        self.ends.push(end);
        self.numbers.insert(text.into(), number);
        number
    }

    /// The texts.
    pub(crate) fn build(mut self) -> Texts {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        Texts { bytes: self.bytes.into(), ends: self.ends.into() }
    }
}

//! The data section: self-describing values, decoded within a budget.
//!
//! Nothing is allocated because a size field says so: containers grow by what
//! is really there, and each value costs one from the budget, pointers or not.

use super::{MAX_DEPTH, MAX_FILE_VALUES, MAX_RECORD_VALUES, MmdbError};

/// A decoded value; text and bytes are borrowed from the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Any unsigned integer, of 16 to 128 bits.
    Unsigned(u128),
    /// A signed integer of 32 bits.
    Signed(i32),
    /// A floating point number of 32 or 64 bits.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// Named values, in the order of the file.
    Map(Vec<(&'a str, Self)>),
    /// Values in order.
    Array(Vec<Self>),
}

impl<'a> Value<'a> {
    /// The member of a map; `None` also if this is no map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(name, _)| *name == key).map(|(_, v)| v)
            }
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one without sign and fits 32 bits.
    pub fn number(&self) -> Option<u32> {
        match *self {
            Self::Unsigned(number) => u32::try_from(number).ok(),
            Self::Signed(number) => u32::try_from(number).ok(),
            _ => None,
        }
    }
}

/// Decodes values of one section.
#[derive(Debug)]
pub struct Decoder<'a> {
    data: &'a [u8],
    /// Values that may still be decoded, for the whole file.
    left: u64,
    /// The same for the present record.
    left_of_record: u32,
}

/// Type numbers of the format.
mod kind {
    pub(super) const POINTER: u8 = 1;
    pub(super) const TEXT: u8 = 2;
    pub(super) const DOUBLE: u8 = 3;
    pub(super) const BYTES: u8 = 4;
    pub(super) const U16: u8 = 5;
    pub(super) const U32: u8 = 6;
    pub(super) const MAP: u8 = 7;
    pub(super) const I32: u8 = 8;
    pub(super) const U64: u8 = 9;
    pub(super) const U128: u8 = 10;
    pub(super) const ARRAY: u8 = 11;
    pub(super) const BOOL: u8 = 14;
    pub(super) const FLOAT: u8 = 15;
}

impl<'a> Decoder<'a> {
    /// A decoder of a section, with the budget of a file.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, left: MAX_FILE_VALUES, left_of_record: 0 }
    }

    /// Decodes the value at an offset.
    ///
    /// # Errors
    /// [`MmdbError::Data`] names the place; [`MmdbError::TooLarge`] if a budget
    /// is used up.
    pub fn value(&mut self, at: usize) -> Result<Value<'a>, MmdbError> {
        self.left_of_record = MAX_RECORD_VALUES;
        Ok(self.decode(at, 0, true)?.0)
    }

    /// The value and where the next one begins. `pointers`: whether this may
    /// be one (what a pointer names may not).
    fn decode(
        &mut self,
        at: usize,
        depth: u32,
        pointers: bool,
    ) -> Result<(Value<'a>, usize), MmdbError> {
        self.spend()?;
        let (kind, bits, at_size) = self.control(at)?;
        if kind == kind::POINTER {
            if !pointers {
                return Err(fault(at, "a pointer that names a pointer"));
            }
            let (target, next) = self.pointer(bits, at_size)?;
            return Ok((self.decode(target, depth, false)?.0, next));
        }
        let (size, start) = self.size(bits, at_size)?;
        match kind {
            kind::MAP => self.map(size, start, depth),
            kind::ARRAY => self.array(size, start, depth),
            kind::BOOL if size < 2 => Ok((Value::Bool(size == 1), start)),
            _ => {
                let bytes = self.bytes(start, size)?;
                Ok((scalar(kind, bytes, at)?, start + size))
            }
        }
    }

    fn map(
        &mut self,
        size: usize,
        mut at: usize,
        depth: u32,
    ) -> Result<(Value<'a>, usize), MmdbError> {
        self.enter(size, at, depth)?;
        let mut entries = Vec::new();
        for _ in 0..size {
            let (key, next) = self.decode(at, depth + 1, true)?;
            let Value::Text(key) = key else {
                return Err(fault(at, "a key that is not text"));
            };
            let (value, next) = self.decode(next, depth + 1, true)?;
            entries.push((key, value));
            at = next;
        }
        Ok((Value::Map(entries), at))
    }

    fn array(
        &mut self,
        size: usize,
        mut at: usize,
        depth: u32,
    ) -> Result<(Value<'a>, usize), MmdbError> {
        self.enter(size, at, depth)?;
        let mut values = Vec::new();
        for _ in 0..size {
            let (value, next) = self.decode(at, depth + 1, true)?;
            values.push(value);
            at = next;
        }
        Ok((Value::Array(values), at))
    }

    /// Each element takes a byte at least, so a size beyond the section is a
    /// lie that needs no reading.
    fn enter(
        &self,
        size: usize,
        at: usize,
        depth: u32,
    ) -> Result<(), MmdbError> {
        if depth >= MAX_DEPTH {
            return Err(fault(at, "nested too deeply"));
        }
        if size > self.data.len().saturating_sub(at) {
            return Err(fault(at, "a container larger than the file"));
        }
        Ok(())
    }

    fn spend(&mut self) -> Result<(), MmdbError> {
        let over = |limit, what| Err(MmdbError::TooLarge { limit, what });
        if self.left_of_record == 0 {
            return over(MAX_RECORD_VALUES.into(), "values in one record");
        }
        if self.left == 0 {
            return over(MAX_FILE_VALUES, "values in one file");
        }
        self.left_of_record -= 1;
        self.left -= 1;
        Ok(())
    }

    /// Type, the five bits beside it, and where the size goes on.
    fn control(&self, at: usize) -> Result<(u8, u8, usize), MmdbError> {
        let [control] = self.take(at)?;
        match control >> 5 {
            0 => {
                let [extended] = self.take(at + 1)?;
                let kind = extended
                    .checked_add(7)
                    .ok_or_else(|| fault(at, "an unknown type"))?;
                Ok((kind, control & 0x1F, at + 2))
            }
            kind => Ok((kind, control & 0x1F, at + 1)),
        }
    }

    fn size(&self, bits: u8, at: usize) -> Result<(usize, usize), MmdbError> {
        Ok(match bits {
            0..=28 => (usize::from(bits), at),
            29 => (29 + self.big_endian(at, 1)?, at + 1),
            30 => (285 + self.big_endian(at, 2)?, at + 2),
            _ => (65_821 + self.big_endian(at, 3)?, at + 3),
        })
    }

    fn pointer(
        &self,
        bits: u8,
        at: usize,
    ) -> Result<(usize, usize), MmdbError> {
        let high = usize::from(bits & 7);
        Ok(match bits >> 3 {
            0 => ((high << 8) + self.big_endian(at, 1)?, at + 1),
            1 => ((high << 16) + self.big_endian(at, 2)? + 2048, at + 2),
            2 => ((high << 24) + self.big_endian(at, 3)? + 526_336, at + 3),
            _ => (self.big_endian(at, 4)?, at + 4),
        })
    }

    fn big_endian(&self, at: usize, len: usize) -> Result<usize, MmdbError> {
        let bytes = self.bytes(at, len)?;
        Ok(bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
    }

    fn take<const N: usize>(&self, at: usize) -> Result<[u8; N], MmdbError> {
        let bytes = self.bytes(at, N)?;
        bytes.try_into().map_err(|_| fault(at, "it ends here"))
    }

    fn bytes(&self, at: usize, len: usize) -> Result<&'a [u8], MmdbError> {
        let end =
            at.checked_add(len).ok_or_else(|| fault(at, "it ends here"))?;
        self.data.get(at..end).ok_or_else(|| fault(at, "it ends here"))
    }
}

fn scalar(kind: u8, bytes: &[u8], at: usize) -> Result<Value<'_>, MmdbError> {
    let unsigned = |limit: usize| {
        if bytes.len() > limit {
            return Err(fault(at, "an integer of too many bytes"));
        }
        Ok(bytes.iter().fold(0, |sum, &byte| sum << 8 | u128::from(byte)))
    };
    Ok(match kind {
        kind::TEXT => Value::Text(
            std::str::from_utf8(bytes)
                .map_err(|_| fault(at, "text that is not UTF-8"))?,
        ),
        kind::BYTES => Value::Bytes(bytes),
        kind::U16 => Value::Unsigned(unsigned(2)?),
        kind::U32 => Value::Unsigned(unsigned(4)?),
        kind::U64 => Value::Unsigned(unsigned(8)?),
        kind::U128 => Value::Unsigned(unsigned(16)?),
        kind::I32 => {
            let bits = u32::try_from(unsigned(4)?)
                .map_err(|_| fault(at, "an integer of too many bytes"))?;
            Value::Signed(bits.cast_signed())
        }
        kind::DOUBLE => Value::Double(f64::from_be_bytes(
            bytes
                .try_into()
                .map_err(|_| fault(at, "a double that is not 8 bytes"))?,
        )),
        kind::FLOAT => Value::Double(
            f32::from_be_bytes(
                bytes
                    .try_into()
                    .map_err(|_| fault(at, "a float that is not 4 bytes"))?,
            )
            .into(),
        ),
        kind::BOOL => return Err(fault(at, "a truth value above 1")),
        _ => return Err(fault(at, "an unknown type")),
    })
}

fn fault(at: usize, what: &'static str) -> MmdbError {
    MmdbError::Data { at, what }
}

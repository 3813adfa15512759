//! MaxMind DB files from prefixes: the same input gives the same bytes.
//!
//! Of prefixes that cover each other the longest wins, in whatever order they
//! come. Equal records are stored once. IPv4 lies under `::/96`, and
//! `::ffff:0:0/96` leads there too, as readers of mapped addresses expect.
//! Refused: more than 2^32 nodes and bytes of data, text of 64 KiB and more.

use rustc_hash::FxHashMap;

use super::{MARKER, SEPARATOR, Value};
use crate::Prefix;

/// Nothing is known about an address.
const NOTHING: u32 = u32::MAX;
/// Set in a link that is a record, clear in one that is a node.
const RECORD: u32 = 1 << 31;

/// Why a file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The format counts with 32 bits.
    #[error("too many networks for a MaxMind DB")]
    TooManyNetworks,
    /// Records take too much space for the format's offsets.
    #[error("more than {} bytes of records", u32::MAX)]
    TooMuchData,
    /// A text, map or array beyond what this writer stores.
    #[error("a value of {0} bytes or entries; at most 65,820")]
    LongValue(usize),
}

/// A stored record, to be named by any number of prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record(u32);

/// Collects networks and writes them as one file.
#[derive(Debug)]
pub struct Writer {
    database_type: String,
    description: String,
    build_epoch: u64,
    data: Vec<u8>,
    /// Where each record begins.
    offsets: Vec<u32>,
    known: FxHashMap<Vec<u8>, Record>,
    networks: Vec<(Prefix, Record)>,
}

impl Writer {
    /// A file of one type and moment (seconds since 1970), with a description
    /// in English.
    pub fn new(
        database_type: &str,
        description: &str,
        build_epoch: u64,
    ) -> Self {
        Self {
            database_type: database_type.to_owned(),
            description: description.to_owned(),
            build_epoch,
            data: Vec::new(),
            offsets: Vec::new(),
            known: FxHashMap::default(),
            networks: Vec::new(),
        }
    }

    /// Stores a record, or finds an equal one.
    ///
    /// # Errors
    /// [`WriteError::LongValue`], [`WriteError::TooMuchData`].
    pub fn record(&mut self, value: &Value<'_>) -> Result<Record, WriteError> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes)?;
        if let Some(&record) = self.known.get(&bytes) {
            return Ok(record);
        }
        let offset = u32::try_from(self.data.len())
            .map_err(|_| WriteError::TooMuchData)?;
        let record = u32::try_from(self.offsets.len())
            .ok()
            .filter(|&record| record < RECORD)
            .map(Record)
            .ok_or(WriteError::TooMuchData)?;
        self.data.extend_from_slice(&bytes);
        self.offsets.push(offset);
        self.known.insert(bytes, record);
        Ok(record)
    }

    /// Says that a prefix has a record.
    pub fn insert(&mut self, prefix: Prefix, record: Record) {
        self.networks.push((prefix, record));
    }

    /// The file.
    ///
    /// # Errors
    /// [`WriteError::TooManyNetworks`], [`WriteError::TooMuchData`].
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        // Covering prefixes first; of equal ones the last inserted wins.
        let mut networks = self.networks;
        networks.sort_by_key(|&(prefix, _)| in_tree(prefix).1);
        let mut tree = Tree::default();
        for &(prefix, Record(record)) in &networks {
            let (bits, len) = in_tree(prefix);
            tree.insert(bits, len, record | RECORD)?;
        }
        self.networks = Vec::new();
        tree.alias_mapped_addresses()?;
        let count = u32::try_from(tree.nodes.len())
            .map_err(|_| WriteError::TooManyNetworks)?;
        let beyond = self
            .data
            .len()
            .checked_add(tree.nodes.len() + SEPARATOR)
            .and_then(|end| u32::try_from(end).ok())
            .ok_or(WriteError::TooMuchData)?;
        let record_size: u8 = match beyond {
            0..0x0100_0000 => 24,
            0x0100_0000..0x1000_0000 => 28,
            _ => 32,
        };
        let mut file = Vec::with_capacity(
            tree.nodes.len() * usize::from(record_size) / 4
                + self.data.len()
                + 1024,
        );
        for node in &tree.nodes {
            let links = node.map(|link| self.link(link, count));
            put_node(&mut file, links, record_size);
        }
        file.extend_from_slice(&[0; SEPARATOR]);
        file.append(&mut self.data);
        file.extend_from_slice(MARKER);
        self.metadata(&mut file, count, record_size)?;
        Ok(file)
    }

    /// A link of the tree in the form of the file.
    fn link(&self, link: u32, count: u32) -> u32 {
        if link == NOTHING {
            return count;
        }
        if link & RECORD == 0 {
            return link;
        }
        let record = usize::try_from(link & !RECORD).unwrap_or_default();
        let offset = self.offsets.get(record).copied().unwrap_or_default();
        // Cannot overflow: `finish` has checked the sum for the last record.
        count + 16 + offset
    }

    /// Appends the metadata, whose integers have prescribed widths.
    fn metadata(
        &self,
        file: &mut Vec<u8>,
        node_count: u32,
        record_size: u8,
    ) -> Result<(), WriteError> {
        let numbers = [
            ("binary_format_major_version", 5, 2),
            ("binary_format_minor_version", 5, 0),
            ("build_epoch", 9, self.build_epoch),
            ("ip_version", 5, 6),
            ("node_count", 6, node_count.into()),
            ("record_size", 5, record_size.into()),
        ];
        let english = Value::Map(vec![("en", Value::Text(&self.description))]);
        let others = [
            ("database_type", Value::Text(&self.database_type)),
            ("description", english),
            ("languages", Value::Array(vec![Value::Text("en")])),
        ];
        control(file, 7, numbers.len() + others.len())?;
        for (key, kind, number) in numbers {
            encode(&Value::Text(key), file)?;
            unsigned(file, kind, number.into())?;
        }
        for (key, value) in others {
            encode(&Value::Text(key), file)?;
            encode(&value, file)?;
        }
        Ok(())
    }
}

/// Nodes with two links each: to a node, to a record, or to nothing.
#[derive(Debug)]
struct Tree {
    nodes: Vec<[u32; 2]>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![[NOTHING; 2]] }
    }
}

impl Tree {
    /// Puts a link at the end of a path. Covering prefixes must have come
    /// before: what they say is handed down when a leaf is divided.
    fn insert(
        &mut self,
        bits: u128,
        len: u8,
        link: u32,
    ) -> Result<(), WriteError> {
        if len == 0 {
            self.nodes[0] = [link; 2];
            return Ok(());
        }
        let mut node = 0;
        for depth in 0..len - 1 {
            node = self.below(node, side(bits, depth))?;
        }
        self.nodes[node][side(bits, len - 1)] = link;
        Ok(())
    }

    /// The node at one side, made if it is not there.
    fn below(&mut self, node: usize, side: usize) -> Result<usize, WriteError> {
        let link = self.nodes[node][side];
        if link & RECORD == 0 {
            return usize::try_from(link)
                .map_err(|_| WriteError::TooManyNetworks);
        }
        let new = self.nodes.len();
        let name = u32::try_from(new)
            .ok()
            .filter(|&name| name < RECORD)
            .ok_or(WriteError::TooManyNetworks)?;
        self.nodes.push([link; 2]);
        self.nodes[node][side] = name;
        Ok(new)
    }

    /// Lets `::ffff:0:0/96` lead to the IPv4 networks, unless the input says
    /// something of its own about it.
    fn alias_mapped_addresses(&mut self) -> Result<(), WriteError> {
        let mut node = 0;
        for _ in 0..95 {
            let link = self.nodes[node][0];
            if link & RECORD != 0 {
                return Ok(());
            }
            node = usize::try_from(link)
                .map_err(|_| WriteError::TooManyNetworks)?;
        }
        let ipv4 = self.nodes[node][0];
        let mut node = 0;
        for depth in 0..95 {
            node = self.below(node, side(0xFFFF << 32, depth))?;
        }
        if self.nodes[node][1] & RECORD != 0 {
            self.nodes[node][1] = ipv4;
        }
        Ok(())
    }
}

/// Where a prefix lies in the tree: its bits from the left, and their number.
fn in_tree(prefix: Prefix) -> (u128, u8) {
    match prefix {
        Prefix::V4(bits, len) => (u128::from(bits), len + 96),
        Prefix::V6(bits, len) => (bits, len),
    }
}

/// Which side bit `depth` of an address takes.
fn side(bits: u128, depth: u8) -> usize {
    usize::from(bits >> (127 - depth) & 1 == 1)
}

fn put_node(file: &mut Vec<u8>, [left, right]: [u32; 2], record_size: u8) {
    let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
    match record_size {
        24 => {
            file.extend_from_slice(&l[1..]);
            file.extend_from_slice(&r[1..]);
        }
        28 => {
            file.extend_from_slice(&l[1..]);
            file.push(l[0] << 4 | r[0] & 0x0F);
            file.extend_from_slice(&r[1..]);
        }
        _ => {
            file.extend_from_slice(&l);
            file.extend_from_slice(&r);
        }
    }
}

/// Appends a value in the form of the data section, without pointers.
fn encode(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), WriteError> {
    match value {
        Value::Text(text) => {
            control(out, 2, text.len())?;
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            control(out, 4, bytes.len())?;
            out.extend_from_slice(bytes);
        }
        Value::Unsigned(number) => {
            // The narrowest type that schema-bound readers expect: 32 bits,
            // as GeoLite2 has it, and wider only for what does not fit.
            let kind = match number.leading_zeros() {
                96.. => 6,
                64.. => 9,
                _ => 10,
            };
            unsigned(out, kind, *number)?;
        }
        Value::Signed(number) => {
            control(out, 8, 4)?;
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Double(number) => {
            control(out, 3, 8)?;
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Bool(truth) => control(out, 14, usize::from(*truth))?,
        Value::Map(entries) => {
            control(out, 7, entries.len())?;
            for (key, value) in entries {
                encode(&Value::Text(key), out)?;
                encode(value, out)?;
            }
        }
        Value::Array(values) => {
            control(out, 11, values.len())?;
            for value in values {
                encode(value, out)?;
            }
        }
    }
    Ok(())
}

/// An integer of one kind, without its leading zero bytes.
fn unsigned(
    out: &mut Vec<u8>,
    kind: u8,
    number: u128,
) -> Result<(), WriteError> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    control(out, kind, bytes.len() - zeros)?;
    out.extend_from_slice(&bytes[zeros..]);
    Ok(())
}

/// Type and size, in one to four bytes.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) -> Result<(), WriteError> {
    let long = || WriteError::LongValue(size);
    let (bits, more): (u8, Vec<u8>) = match size {
        0..29 => (u8::try_from(size).map_err(|_| long())?, Vec::new()),
        29..285 => (29, vec![u8::try_from(size - 29).map_err(|_| long())?]),
        285..65_821 => {
            let rest = u16::try_from(size - 285).map_err(|_| long())?;
            (30, rest.to_be_bytes().to_vec())
        }
        _ => return Err(long()),
    };
    if kind < 8 {
        out.push(kind << 5 | bits);
    } else {
        out.extend_from_slice(&[bits, kind - 7]);
    }
    out.extend_from_slice(&more);
    Ok(())
}

//! A plain reader of the MRT files, written from RFC 6396 and RFC 4271, which
//! shares nothing with the writer.

use std::{collections::BTreeMap, fs, io::Read, net::Ipv4Addr, path::Path};

use asgard_model::Prefix;
use flate2::read::GzDecoder;

/// What a peer says about a prefix; no path for a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) at: u32,
    pub(crate) prefix: Prefix,
    pub(crate) path: Vec<u32>,
}

/// A file of the folder `routing`, in order of the names.
pub(crate) fn files(world: &Path, name: &str) -> Vec<Vec<u8>> {
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in fs::read_dir(world.join("routing")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.starts_with(name) {
            let mut bytes = Vec::new();
            let packed = fs::File::open(path).unwrap();
            GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
            found.insert(file, bytes);
        }
    }
    found.into_values().collect()
}

/// Everything that is said in a file.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    while !bytes.is_empty() {
        let at = number(&mut bytes, 4);
        let (kind, subtype) = (number(&mut bytes, 2), number(&mut bytes, 2));
        let len = number(&mut bytes, 4) as usize;
        let mut body = take(&mut bytes, len);
        match (kind, subtype) {
            (13, 2 | 4) => table(at, subtype == 2, body, &mut said),
            (17, 4) => {
                take(&mut body, 4 + 8 + 2);
                let v4 = number(&mut body, 2) == 1;
                take(&mut body, if v4 { 8 } else { 32 });
                update(at, body, &mut said);
            }
            (13, 1) | (17, 5) => {}
            other => panic!("record {other:?}"),
        }
    }
    said
}

fn table(at: u32, v4: bool, mut body: &[u8], into: &mut Vec<Said>) {
    take(&mut body, 4);
    let prefix = prefix(v4, &mut body);
    for _ in 0..number(&mut body, 2) {
        take(&mut body, 6);
        let len = number(&mut body, 2) as usize;
        let (path, ..) = attributes(take(&mut body, len));
        into.push(Said { at, prefix, path });
    }
    assert!(body.is_empty());
}

fn update(at: u32, mut body: &[u8], into: &mut Vec<Said>) {
    assert_eq!(take(&mut body, 16), [0xff; 16]);
    let len = number(&mut body, 2) as usize;
    assert_eq!(len, body.len() + 18);
    assert!(len <= 4_096, "{len} bytes");
    assert_eq!(number(&mut body, 1), 2, "an UPDATE");
    let len = number(&mut body, 2) as usize;
    let gone = all(true, take(&mut body, len));
    let len = number(&mut body, 2) as usize;
    let (path, reached, lost) = attributes(take(&mut body, len));
    let come = [all(true, body), reached].concat();
    let mut say = |prefix, path| into.push(Said { at, prefix, path });
    gone.into_iter().chain(lost).for_each(|one| say(one, Vec::new()));
    come.into_iter().for_each(|one| say(one, path.clone()));
}

/// Path, prefixes of `MP_REACH_NLRI`, prefixes of `MP_UNREACH_NLRI`.
fn attributes(mut bytes: &[u8]) -> (Vec<u32>, Vec<Prefix>, Vec<Prefix>) {
    let (mut path, mut reached, mut lost) = (vec![], vec![], vec![]);
    while !bytes.is_empty() {
        let (flags, code) = (number(&mut bytes, 1), number(&mut bytes, 1));
        let width = if flags & 0x10 == 0 { 1 } else { 2 };
        let len = number(&mut bytes, width) as usize;
        let mut value = take(&mut bytes, len);
        match code {
            2 => {
                while !value.is_empty() {
                    assert_eq!(number(&mut value, 1), 2, "AS_SEQUENCE");
                    for _ in 0..number(&mut value, 1) {
                        path.push(number(&mut value, 4));
                    }
                }
            }
            // Of a table: the next hop alone.
            14 if value.len() == 17 => {}
            14 => {
                assert_eq!(take(&mut value, 3), [0, 2, 1]);
                let len = number(&mut value, 1) as usize;
                take(&mut value, len + 1);
                reached = all(false, value);
            }
            15 => {
                assert_eq!(take(&mut value, 3), [0, 2, 1]);
                lost = all(false, value);
            }
            _ => {}
        }
    }
    (path, reached, lost)
}

fn all(v4: bool, mut bytes: &[u8]) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    while !bytes.is_empty() {
        prefixes.push(prefix(v4, &mut bytes));
    }
    prefixes
}

fn prefix(v4: bool, bytes: &mut &[u8]) -> Prefix {
    let len = u8::try_from(number(bytes, 1)).unwrap();
    let given = take(bytes, usize::from(len.div_ceil(8)));
    let mut full = [0; 16];
    full[..given.len()].copy_from_slice(given);
    let bits = u128::from_be_bytes(full);
    match v4 {
        true => {
            let [a, b, c, d, ..] = full;
            Prefix::V4(Ipv4Addr::new(a, b, c, d).to_bits(), len)
        }
        false => Prefix::V6(bits, len),
    }
}

fn number(bytes: &mut &[u8], width: usize) -> u32 {
    let digits = take(bytes, width).iter();
    digits.fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (head, rest) = bytes.split_at(count);
    *bytes = rest;
    head
}

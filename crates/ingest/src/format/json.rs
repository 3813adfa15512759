//! JSON documents that are streamed, and rows in which each field may lie.
//!
//! A document of 100 MB is never held: rows are handed on as they are read,
//! and a field of the wrong kind makes a bad row, not a broken document.
//! Refused: strings over 64 KiB (before they are buffered), text behind the
//! document. What is not wanted is skipped without recursion, however deep.

mod document;
mod guard;
mod listed;
mod loose;

use std::io::{BufRead, BufReader};

use serde::de::DeserializeSeed;

pub(super) use document::{Beside, Document};
use guard::{CHUNK, Guard};
pub(super) use listed::{Listed, WantedList};
use loose::Wanted;
pub(super) use loose::{Loose, Node};

use super::{
    lines::refuse_foreign,
    report::{FormatError, Reason},
};

/// Reads one document from a stream to its end.
pub(super) fn stream<T, S>(
    input: &mut dyn BufRead,
    seed: S,
) -> Result<T, FormatError>
where
    S: for<'de> DeserializeSeed<'de, Value = T>,
{
    // Before the guard replaces what is not text, then behind BOM and blanks.
    refuse_foreign(input.fill_buf()?)?;
    let mut guard = Guard::new(input);
    let head = guard.head()?;
    refuse_foreign(head)?;
    match head.first() {
        None => return Err(FormatError::Empty),
        Some(b'{' | b'[') => {}
        Some(_) => {
            return Err(FormatError::NotThisFormat(
                "neither a JSON object nor a list".to_owned(),
            ));
        }
    }
    let reader = BufReader::with_capacity(CHUNK, guard);
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads one line that must be one object.
pub(super) fn object<const N: usize>(
    line: &[u8],
    names: &[&str; N],
) -> Result<[Loose; N], Reason> {
    const REASON: Reason = "not a JSON object";
    if !line.starts_with(b"{") {
        return Err(REASON);
    }
    let line = String::from_utf8_lossy(line);
    let mut deserializer = serde_json::Deserializer::from_str(&line);
    let node =
        Wanted(names).deserialize(&mut deserializer).map_err(|_| REASON)?;
    deserializer.end().map_err(|_| REASON)?;
    Ok(node.fields)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;

    const SHAPE: Document<2, 1> = Document {
        rows: "rows",
        row: ["a", "b"],
        about: "about",
        facts: ["date"],
    };

    fn read(
        text: impl AsRef<[u8]>,
    ) -> Result<(Vec<String>, Loose), FormatError> {
        let mut rows = Vec::new();
        let mut input = text.as_ref();
        let [date] = SHAPE.read(&mut input, &mut |index, node| {
            rows.push(format!("{index}:{}", node.excerpt()));
        })?;
        Ok((rows, date))
    }

    #[test]
    fn streams_rows_whatever_stands_in_them() {
        let (rows, date) = read(
            r#" {"x":[{}],"rows":[{"b":"t","a":1,"a":2,"c":{"a":9}},
               null,7,[1,[2]],{"a":-1,"b":1.5},"text"],"about":{"date":5}}"#,
        )
        .unwrap();
        assert_eq!(rows, ["1:? 2 t", "2:", "3:7", "4:?", "5:? ? ?", "6:text"]);
        assert_eq!(date, Loose::Int(5));
    }

    #[test]
    fn finds_facts_on_the_top_level_too() {
        let (rows, date) = read(r#"{"date":"x","rows":[]}"#).unwrap();
        assert_eq!((rows.len(), date.text()), (0, Some("x")));
    }

    #[test]
    fn replaces_what_is_not_utf8_also_across_chunks() {
        for shift in 0..4 {
            let pad = " ".repeat(CHUNK - 20 + shift);
            let mut bytes = b"\xef\xbb\xbf{\"rows\":[".to_vec();
            bytes.extend(pad.as_bytes());
            bytes.extend("\"é€\u{1f600}é€\"".as_bytes());
            bytes.extend(b",\"\xff\xc3\"]}");
            let (rows, _) = read(&bytes).unwrap();
            assert_eq!(rows, ["1:é€\u{1f600}é€", "2:??"], "{shift}");
        }
    }

    #[test]
    fn tells_cut_foreign_and_broken_documents_apart() {
        for (text, expected) in [
            ("", "Empty"),
            (" \n", "Empty"),
            ("\u{feff}", "Empty"),
            ("<html>", "Html"),
            ("1.2.3.4", "NotThisFormat"),
            ("[]", "NotThisFormat"),
            ("{}", "NotThisFormat"),
            (r#"{"rows":{}}"#, "NotThisFormat"),
            (r#"{"rows":[1,2"#, "Truncated"),
            (r#"{"rows":[1,,2]}"#, "Json"),
            (r#"{"rows":[]}x"#, "Json"),
            ("{\"rows\":[\"\0\"]}", "Json"),
        ] {
            let error = format!("{:?}", read(text).unwrap_err());
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn skips_deep_nesting_without_recursion() {
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        let deep = format!("{{\"rows\":[{open}{close}],\"x\":{open}{close}}}");
        assert_eq!(read(&deep).unwrap().0, ["1:?"]);
    }

    #[test]
    fn refuses_a_string_that_is_too_long_before_buffering_it() {
        let start: &[u8] = b"{\"rows\":[\"\\\"";
        let endless = start.chain(BufReader::new(io::repeat(b'a')));
        let mut input = BufReader::new(endless);
        let error = SHAPE.read(&mut input, &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("65536"), "{error}");
    }

    #[test]
    fn reads_a_line_that_is_one_object() {
        let [a, b] =
            object(b"{\"b\":\"\xff\",\"a\":\"12\"}", &["a", "b"]).unwrap();
        assert_eq!((a.int(), b.text()), (Some(12), Some("\u{fffd}")));
        for line in ["[]", "{", "{} {}", "{\"a\":}", "x"] {
            assert!(object(line.as_bytes(), &["a"]).is_err(), "{line}");
        }
    }
}

//! Cells of a row and what stands in them: quotes, columns by name, numbers.
//!
//! Hand-written, because the large tables are a million rows without a quote.
//! One row is one line: only IANA's registries break that, see
//! [`super::special_purpose`].

use std::{borrow::Cow, str::FromStr};

use asgard_model::{Asn, Prefix};

use super::{
    lines::Lines,
    report::{FormatError, Reason},
};

/// Iterator over the cells of one row (RFC 4180 but for line breaks).
pub(super) struct Cells<'l> {
    rest: Option<&'l [u8]>,
    separator: u8,
}

impl<'l> Cells<'l> {
    pub(super) fn new(row: &'l [u8], separator: u8) -> Self {
        Self { rest: Some(row), separator }
    }

    fn plain(&mut self, row: &'l [u8]) -> &'l [u8] {
        match row.iter().position(|&byte| byte == self.separator) {
            Some(end) => {
                self.rest = Some(&row[end + 1..]);
                &row[..end]
            }
            None => row,
        }
    }

    /// Reads from behind the opening quote; `""` stands for one quote.
    fn quoted(&mut self, row: &'l [u8]) -> Result<Cow<'l, [u8]>, Reason> {
        let mut doubled = false;
        let mut at = 0;
        let end = loop {
            let quote = row[at..].iter().position(|&byte| byte == b'"');
            let quote = at + quote.ok_or("quote is not closed")?;
            if row.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            doubled = true;
            at = quote + 2;
        };
        match row[end + 1..].trim_ascii_start() {
            [] => {}
            [next, rest @ ..] if *next == self.separator => {
                self.rest = Some(rest);
            }
            _ => return Err("text behind a closing quote"),
        }
        let cell = &row[..end];
        Ok(if doubled { Cow::Owned(undouble(cell)) } else { cell.into() })
    }
}

fn undouble(cell: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(cell.len());
    let mut bytes = cell.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == b'"' {
            bytes.next();
        }
    }
    out
}

impl<'l> Iterator for Cells<'l> {
    type Item = Result<Cow<'l, [u8]>, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rest.take()?;
        Some(match row.trim_ascii_start() {
            [b'"', inner @ ..] => self.quoted(inner),
            _ => Ok(Cow::Borrowed(self.plain(row).trim_ascii())),
        })
    }
}

/// Where the wanted columns stand, by the names in the header.
pub(super) struct Columns<const N: usize> {
    /// For each column of the file the wanted cell that it fills.
    wanted: Vec<Option<usize>>,
}

impl<const N: usize> Columns<N> {
    /// Reads the header line. The first `required` names must be in it;
    /// letter case does not matter, and columns may stand in any order.
    pub(super) fn read(
        lines: &mut Lines<'_>,
        names: &[&str; N],
        required: usize,
    ) -> Result<Self, FormatError> {
        let header = lines.next_line()?.ok_or(FormatError::Empty)?;
        let mut wanted = Vec::new();
        for cell in Cells::new(header.text, b',') {
            let cell = cell.map_err(|reason| not_a_header(reason.into()))?;
            wanted.push(names.iter().position(|name| {
                cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
            }));
        }
        for (index, name) in names.iter().enumerate().take(required) {
            if !wanted.contains(&Some(index)) {
                return Err(not_a_header(format!("no column `{name}`")));
            }
        }
        Ok(Self { wanted })
    }

    /// The wanted cells of a row; a missing one is empty.
    pub(super) fn pick<'l>(
        &self,
        row: &'l [u8],
    ) -> Result<[Cow<'l, [u8]>; N], Reason> {
        let mut cells = [const { Cow::Borrowed(&[] as &[u8]) }; N];
        // Columns beyond the header are tolerated and not looked at.
        for (cell, wanted) in Cells::new(row, b',').zip(&self.wanted) {
            let cell = cell?;
            if let Some(index) = wanted {
                cells[*index] = cell;
            }
        }
        Ok(cells)
    }
}

fn not_a_header(reason: String) -> FormatError {
    FormatError::NotThisFormat(format!("the header is wrong: {reason}"))
}

/// Text of a cell; bytes that are not UTF-8 are replaced.
pub(super) fn text(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

/// Text of a cell, `None` when it is empty.
pub(super) fn filled(cell: &str) -> Option<&str> {
    Some(cell.trim()).filter(|text| !text.is_empty())
}

/// Parses what must be ASCII.
pub(super) fn parse<T: FromStr>(cell: &[u8]) -> Option<T> {
    std::str::from_utf8(cell.trim_ascii()).ok()?.parse().ok()
}

/// A number of digits alone: no sign, no blank.
pub(super) fn number<T: FromStr>(cell: &[u8]) -> Option<T> {
    if cell.iter().all(u8::is_ascii_digit) { parse(cell) } else { None }
}

/// A number that may be missing.
pub(super) fn number_or_none<T: FromStr>(
    cell: &[u8],
    reason: Reason,
) -> Result<Option<T>, Reason> {
    if cell.is_empty() {
        return Ok(None);
    }
    number(cell).map(Some).ok_or(reason)
}

/// An AS number that is a network: not AS0.
pub(super) fn asn(cell: &[u8]) -> Result<Asn, Reason> {
    parse(cell).ok_or("not an AS number")
}

/// An AS number, or AS0: "not routed" in tables, "nobody" in ROAs.
pub(super) fn asn_or_zero(cell: &[u8]) -> Result<Asn, Reason> {
    match cell.trim_ascii() {
        b"0" | b"AS0" | b"as0" => Ok(Asn(0)),
        cell => asn(cell),
    }
}

/// A prefix or an address.
pub(super) fn prefix(cell: &[u8]) -> Result<Prefix, Reason> {
    parse(cell).ok_or("not an IP address or prefix")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &str) -> Result<Vec<String>, Reason> {
        Cells::new(row.as_bytes(), b',')
            .map(|cell| Ok(text(&cell?).into_owned()))
            .collect()
    }

    #[test]
    fn splits_rows_with_and_without_quotes() {
        for (row, expected) in [
            ("a,b,c", vec!["a", "b", "c"]),
            ("", vec![""]),
            (",", vec!["", ""]),
            ("a,\"b, c\",d", vec!["a", "b, c", "d"]),
            ("\"a\" , \"b\"", vec!["a", "b"]),
            ("\"say \"\"hi\"\"\",x", vec!["say \"hi\"", "x"]),
            ("\"\",\"\"\"\"", vec!["", "\""]),
            ("it's 5\" wide,x", vec!["it's 5\" wide", "x"]),
        ] {
            let found = cells(row).unwrap();
            assert_eq!(found, expected, "{row}");
        }
        for row in ["\"a", "a,\"b\"c", "\"a\"\"", "x,\""] {
            assert!(cells(row).is_err(), "{row}");
        }
    }

    #[test]
    fn finds_columns_in_any_order_and_ignores_others() {
        let mut input: &[u8] = b"\"Extra\", B ,a\nx,1,2,y\n3\n";
        let mut lines = Lines::new(&mut input);
        let columns = Columns::read(&mut lines, &["A", "b", "c"], 2).unwrap();
        let line = lines.next_line().unwrap().unwrap();
        let picked = columns.pick(line.text).unwrap();
        assert_eq!(
            picked.map(|cell| cell.into_owned()),
            [b"2".to_vec(), b"1".to_vec(), vec![]]
        );
        let short = lines.next_line().unwrap().unwrap();
        assert_eq!(columns.pick(short.text).unwrap()[0].len(), 0);
    }

    #[test]
    fn refuses_a_header_without_a_required_column() {
        let mut input: &[u8] = b"a,b\n";
        let mut lines = Lines::new(&mut input);
        let error = Columns::read(&mut lines, &["a", "z"], 2).err().unwrap();
        assert!(error.to_string().contains("no column `z`"));
    }

    #[test]
    fn numbers_have_digits_alone_and_stay_in_range() {
        assert_eq!(number::<u8>(b"255"), Some(255));
        for cell in ["256", "+1", "-1", "1.0", "", " 1"] {
            assert_eq!(number::<u8>(cell.as_bytes()), None, "{cell}");
        }
        assert_eq!(number_or_none::<u8>(b"", "bad"), Ok(None));
        assert_eq!(number_or_none::<u8>(b"x", "bad"), Err("bad"));
        assert_eq!(asn_or_zero(b"AS0"), Ok(Asn(0)));
        assert!(asn(b"0").is_err() && asn(b"4294967296").is_err());
    }
}

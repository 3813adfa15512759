//! YAML with the place of every node, so that a fault can show its line.
//!
//! The parser is a library; what is ours is the tree, its limits, and reading it
//! ([`fields`]). Refused: more than 4 MiB, more than 64 levels, more than
//! 100,000 nodes after aliases are followed (an "alias bomb"), duplicate keys,
//! keys that are not text, several documents, tags, merge keys (`<<`).

use std::{collections::HashSet, sync::Arc};

use granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use crate::{
    diagnostic::{Diagnostic, Place},
    gate::Written,
};

mod offsets;

pub mod duration;
pub mod fields;
pub mod section;

pub use fields::{Fields, Reading};
pub use section::Section;

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// Most levels.
pub const MAX_DEPTH: usize = 64;
/// Most nodes, after aliases are followed.
pub const MAX_NODES: usize = 100_000;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it is; of text, between the quotes.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, quoted or not.
    Scalar {
        /// After escapes.
        text: String,
        /// Not quoted: may be a number, a truth value or nothing.
        plain: bool,
        /// Source offset of each byte of the text, if it is not the identity.
        map: Option<Arc<[u32]>>,
    },
    /// `[a, b]`.
    List(Vec<Node>),
    /// `{a: b}`, in file order.
    Map(Vec<(Written<String>, Node)>),
}

impl Node {
    /// Whether it says nothing: empty, `~` or `null`.
    pub fn is_null(&self) -> bool {
        let nothing = ["", "~", "null", "Null", "NULL"];
        matches!(&self.value, Value::Scalar { text, plain: true, .. }
            if nothing.contains(&text.as_str()))
    }

    /// How people call this kind of node.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { plain: false, .. } => "text",
            Value::Scalar { text, .. } if text.parse::<f64>().is_ok() => {
                "a number"
            }
            Value::Scalar { text, .. } if text == "true" || text == "false" => {
                "a truth value"
            }
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(nodes) => nodes.iter().map(Self::size).sum(),
            Value::Map(entries) => {
                entries.iter().map(|(_, node)| 1 + node.size()).sum()
            }
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(nodes) => {
                nodes.iter().map(Self::depth).max().unwrap_or(0)
            }
            Value::Map(entries) => {
                entries.iter().map(|(_, n)| n.depth()).max().unwrap_or(0)
            }
        }
    }
}

/// Reads one document; `file` is its number among the sources.
///
/// # Errors
/// Text that is not YAML, or beyond the limits; at the first such place.
pub fn parse(file: usize, text: &str) -> Result<Node, Diagnostic> {
    let start = Place { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes", text.len());
        return Err(limit(message, start)
            .fix(format!("at most {MAX_BYTES} bytes are read")));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut tree = Tree {
        file,
        text,
        open: Vec::new(),
        anchors: Vec::new(),
        nodes: 0,
        root: None,
    };
    for event in parser {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
            let at = (0..=at).rev().find(|&n| text.is_char_boundary(n));
            let at = at.unwrap_or(0);
            let place = Place { file, start: at, end: at };
            Diagnostic::error("E001", "this is not valid YAML")
                .at(place)
                .hint(error.info())
        })?;
        tree.take(event, span)?;
    }
    Ok(tree.root.unwrap_or_else(|| Node {
        place: start,
        value: Value::Map(Vec::new()),
    }))
}

fn limit(message: String, place: Place) -> Diagnostic {
    Diagnostic::error("E006", message).at(place)
}

struct Open {
    node: Node,
    anchor: usize,
    /// A key without its value yet.
    key: Option<Written<String>>,
    /// Keys so far.
    seen: HashSet<String>,
}

struct Tree<'t> {
    file: usize,
    text: &'t str,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
    root: Option<Node>,
}

impl Tree<'_> {
    fn place(&self, span: Span) -> Place {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        Place { file: self.file, start, end: end.max(start) }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let place = self.place(span);
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => {
                Err(Diagnostic::error("E001", "tags are not understood")
                    .at(place)
                    .hint("write the value without `!…`"))
            }
            Event::Scalar(text, style, anchor, None) => {
                self.count(1, place)?;
                let node = self.scalar(&text, style, place);
                self.name(anchor, &node);
                self.put(node)
            }
            Event::SequenceStart(_, anchor, None) => {
                self.start(Value::List(Vec::new()), anchor, place)
            }
            Event::MappingStart(_, anchor, None) => {
                self.start(Value::Map(Vec::new()), anchor, place)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(mut open) = self.open.pop() else { return Ok(()) };
                open.node.place.end = place.end.max(open.node.place.end);
                self.name(open.anchor, &open.node);
                self.put(open.node)
            }
            Event::Alias(id) => self.alias(id, place),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Diagnostic::error("E001", "a second document begins")
                    .at(place)
                    .hint("a file holds one document"))
            }
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        place: Place,
    ) -> Result<(), Diagnostic> {
        self.count(1, place)?;
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} levels");
            return Err(limit(message, place));
        }
        let node = Node { place, value };
        self.open.push(Open { node, anchor, key: None, seen: HashSet::new() });
        Ok(())
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Diagnostic> {
        self.nodes += more;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message =
            format!("more than {MAX_NODES} values after aliases are followed");
        Err(limit(message, place).fix("write fewer aliases (`*name`)"))
    }

    fn name(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Diagnostic> {
        let found = self.anchors.iter().rfind(|(known, _)| *known == id);
        let Some((_, node)) = found else {
            return Err(Diagnostic::error("E001", "an alias of itself")
                .at(place)
                .hint("a value cannot contain itself"));
        };
        let (size, depth) = (node.size(), node.depth());
        let node = node.clone();
        self.count(size, place)?;
        if self.open.len() + depth > MAX_DEPTH {
            return Err(limit(format!("more than {MAX_DEPTH} levels"), place));
        }
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(nodes) => nodes.push(node),
            Value::Map(entries) => match open.key.take() {
                Some(key) => entries.push((key, node)),
                None => open.key = Some(key(node, &mut open.seen)?),
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, place: Place) -> Node {
        let plain = style == ScalarStyle::Plain;
        let place = offsets::inside(self.text, style, place);
        let raw = self.text.get(place.start..place.end).unwrap_or_default();
        let map =
            (raw != text).then(|| offsets::map(raw, text, style, place.start));
        let value = Value::Scalar { text: text.to_owned(), plain, map };
        Node { place, value }
    }
}

fn key(
    node: Node,
    seen: &mut HashSet<String>,
) -> Result<Written<String>, Diagnostic> {
    let place = node.place;
    let Value::Scalar { text, map, .. } = node.value else {
        return Err(Diagnostic::error("E001", "a key must be text").at(place));
    };
    if text == "<<" {
        return Err(Diagnostic::error("E001", "merge keys are not understood")
            .at(place)
            .hint("repeat the keys, or use an alias for the whole value"));
    }
    if !seen.insert(text.clone()) {
        let message = format!("`{text}` is written twice");
        return Err(Diagnostic::error("E002", message)
            .at(place)
            .hint("keep one of them"));
    }
    Ok(Written { value: text, place, map })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Diagnostic {
        parse(0, text).unwrap_err()
    }

    #[test]
    fn nodes_know_their_places() {
        let text =
            "a: 1\nb:\n  - \"x y\"\n  - 'it''s'\n  - |\n    one\n    two\n";
        let root = parse(0, text).unwrap();
        let Value::Map(entries) = &root.value else { panic!("{root:?}") };
        let (key, one) = &entries[0];
        assert_eq!(&text[key.place.start..key.place.end], "a");
        assert_eq!(&text[one.place.start..one.place.end], "1");
        let Value::List(items) = &entries[1].1.value else { panic!() };
        let place = items[0].place;
        assert_eq!(&text[place.start..place.end], "x y");
        for (item, part) in [(1, "s"), (2, "two")] {
            let Value::Scalar { text: decoded, map, .. } = &items[item].value
            else {
                panic!()
            };
            let at = decoded.rfind(part).unwrap();
            let at = map.as_ref().unwrap()[at] as usize;
            assert_eq!(&text[at..at + part.len()], part);
        }
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let inner = format!("*a{}", n - 1);
            let inner = [inner.as_str(); 10].join(", ");
            text += &format!("a{n}: &a{n} [{inner}]\n");
        }
        assert_eq!(error(&text).code, "E006");
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused() {
        assert_eq!(error(&"x".repeat(MAX_BYTES + 1)).code, "E006");
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(error(&deep).code, "E006");
        assert_eq!(error(&"[".repeat(100)).code, "E001", "it never ends");
        assert_eq!(error(&"- \n".repeat(MAX_NODES)).code, "E006");
        assert_eq!(error("a: 1\na: 2").code, "E002");
        assert_eq!(error("a: !x 2").code, "E001");
        assert_eq!(error("a: 1\n---\nb: 2").code, "E001");
        assert_eq!(error("a: [").code, "E001");
        assert_eq!(error("[a]: 1").code, "E001");
        assert_eq!(error("a: &a [*a]").code, "E001");
    }

    /// 1,000,000 by hand: `ASGARD_FUZZ_CASES=1000000`.
    fn cases(default: usize) -> usize {
        #[expect(clippy::disallowed_methods, reason = "a longer run by hand")]
        let wanted = std::env::var("ASGARD_FUZZ_CASES").ok();
        wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    #[test]
    fn random_bytes_never_panic() {
        let alphabet: Vec<char> =
            "ab:-[]{}&*!|>'\"%#\n\t ,?\u{e9}\\x0".chars().collect();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..cases(20_000) {
            let mut text = String::new();
            for _ in 0..30 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let n = usize::try_from(state % 97).unwrap();
                text.push(alphabet[n % alphabet.len()]);
            }
            let _ = parse(0, &text);
        }
    }
}

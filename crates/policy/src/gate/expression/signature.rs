//! Which functions there are, for which kinds: one table, in words.
//!
//! `A` and `B` stand for any kind, the same wherever they occur in a line. What
//! stands before a dot is the receiver. The table is the checker's, the
//! documentation's and the tests'.

use std::sync::LazyLock;

use super::{function::Function, kind::Kind};

/// Every function with its kinds.
pub const TABLE: &str = "\
size(string) int
size(bytes) int
size(list(A)) int
size(map(A, B)) int
string.size() int
bytes.size() int
list(A).size() int
map(A, B).size() int
int(int) int
int(uint) int
int(double) int
int(string) int
int(timestamp) int
uint(uint) uint
uint(int) uint
uint(double) uint
uint(string) uint
double(double) double
double(int) double
double(uint) double
double(string) double
string(string) string
string(int) string
string(uint) string
string(double) string
string(bool) string
string(bytes) string
string(timestamp) string
string(duration) string
string(ip) string
string(cidr) string
bytes(bytes) bytes
bytes(string) bytes
bool(bool) bool
bool(string) bool
timestamp(timestamp) timestamp
timestamp(string) timestamp
timestamp(int) timestamp
duration(duration) duration
duration(string) duration
type(A) type
dyn(A) dyn
string.contains(string) bool
string.startsWith(string) bool
string.endsWith(string) bool
string.charAt(int) string
string.indexOf(string) int
string.indexOf(string, int) int
string.lastIndexOf(string) int
string.lastIndexOf(string, int) int
list(string).join() string
list(string).join(string) string
string.lowerAscii() string
string.upperAscii() string
string.replace(string, string) string
string.replace(string, string, int) string
string.split(string) list(string)
string.split(string, int) list(string)
string.substring(int) string
string.substring(int, int) string
string.trim() string
string.reverse() string
string.format(list(dyn)) string
strings.quote(string) string
timestamp.getFullYear() int
timestamp.getFullYear(string) int
timestamp.getMonth() int
timestamp.getMonth(string) int
timestamp.getDate() int
timestamp.getDate(string) int
timestamp.getDayOfMonth() int
timestamp.getDayOfMonth(string) int
timestamp.getDayOfWeek() int
timestamp.getDayOfWeek(string) int
timestamp.getDayOfYear() int
timestamp.getDayOfYear(string) int
timestamp.getHours() int
timestamp.getHours(string) int
timestamp.getMinutes() int
timestamp.getMinutes(string) int
timestamp.getSeconds() int
timestamp.getSeconds(string) int
timestamp.getMilliseconds() int
timestamp.getMilliseconds(string) int
duration.getHours() int
duration.getMinutes() int
duration.getSeconds() int
duration.getMilliseconds() int
ip(string) ip
ip(ip) ip
isIP(string) bool
ip.isCanonical(string) bool
cidr(string) cidr
cidr(cidr) cidr
isCIDR(string) bool
ip.family() int
ip.isUnspecified() bool
ip.isLoopback() bool
ip.isLinkLocalMulticast() bool
ip.isLinkLocalUnicast() bool
ip.isGlobalUnicast() bool
cidr.containsIP(ip) bool
cidr.containsIP(string) bool
cidr.containsCIDR(cidr) bool
cidr.containsCIDR(string) bool
cidr.ip() ip
cidr.masked() cidr
cidr.prefixLength() int
segments(string) list(string)
string.segments() list(string)
regexSafe(string) string
";

/// One line of the table.
#[derive(Debug)]
pub struct Signature {
    /// As it is written; `strings.quote` is one name.
    pub name: &'static str,
    /// Which function it calls.
    pub function: Function,
    /// Kind of what stands before the dot.
    pub receiver: Option<Pattern>,
    /// Kinds of the arguments.
    pub params: Vec<Pattern>,
    /// Kind of the value.
    pub result: Pattern,
    /// The line, for messages.
    pub line: &'static str,
}

/// A kind with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A kind.
    Exactly(Kind),
    /// A hole, by number.
    Any(usize),
    /// A list of.
    List(Box<Self>),
    /// A map from and to.
    Map(Box<Self>, Box<Self>),
}

/// The table, read.
pub static SIGNATURES: LazyLock<Vec<Signature>> =
    LazyLock::new(|| TABLE.lines().filter_map(signature).collect());

/// Names that look like a receiver, but are part of the name.
const NAMESPACES: [&str; 2] = ["strings.quote", "ip.isCanonical"];

fn signature(line: &'static str) -> Option<Signature> {
    let open = opening(line)?;
    let (head, rest) = line.split_at(open);
    let close = rest.rfind(')')?;
    // The result may have parentheses itself.
    let close = matching(rest).unwrap_or(close);
    let params = split(&rest[1..close]);
    let result = pattern(rest[close + 1..].trim())?;
    let (receiver, name) = match head.rsplit_once('.') {
        Some(_) if NAMESPACES.contains(&head) => (None, head),
        Some((receiver, name)) => (Some(pattern(receiver)?), name),
        None => (None, head),
    };
    let params: Option<Vec<Pattern>> =
        params.iter().map(|text| pattern(text)).collect();
    Some(Signature {
        name,
        function: Function::named(name)?,
        receiver,
        params: params?,
        result,
        line,
    })
}

/// Where the arguments begin: the first parenthesis after the last dot that is
/// outside of parentheses.
fn opening(line: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut after_dot = 0;
    let mut opens = Vec::new();
    for (at, c) in line.char_indices() {
        match c {
            '(' if depth == 0 => {
                opens.push(at);
                depth += 1;
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => after_dot = at,
            _ => {}
        }
    }
    opens.into_iter().find(|&at| at > after_dot)
}

fn matching(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

fn pattern(text: &str) -> Option<Pattern> {
    if let Some((name, rest)) = text.split_once('(') {
        let parts = split(rest.strip_suffix(')')?);
        let mut parts = parts.into_iter().map(pattern);
        return match name {
            "list" => Some(Pattern::List(Box::new(parts.next()??))),
            "map" => Some(Pattern::Map(
                Box::new(parts.next()??),
                Box::new(parts.next()??),
            )),
            _ => None,
        };
    }
    Some(match text {
        "A" => Pattern::Any(0),
        "B" => Pattern::Any(1),
        "bool" => Pattern::Exactly(Kind::Bool),
        "int" => Pattern::Exactly(Kind::Int),
        "uint" => Pattern::Exactly(Kind::Uint),
        "double" => Pattern::Exactly(Kind::Double),
        "string" => Pattern::Exactly(Kind::String),
        "bytes" => Pattern::Exactly(Kind::Bytes),
        "timestamp" => Pattern::Exactly(Kind::Timestamp),
        "duration" => Pattern::Exactly(Kind::Duration),
        "ip" => Pattern::Exactly(Kind::Ip),
        "cidr" => Pattern::Exactly(Kind::Cidr),
        "type" => Pattern::Exactly(Kind::Type),
        "dyn" => Pattern::Exactly(Kind::Dyn),
        _ => return None,
    })
}

impl Pattern {
    /// Whether a kind fits; holes are filled on the way.
    pub(super) fn fits(&self, kind: &Kind, holes: &mut [Kind; 2]) -> bool {
        match (self, kind) {
            (_, Kind::Dyn | Kind::Nothing) => true,
            (Self::Exactly(own), kind) => kind.fits(own),
            (Self::Any(hole), kind) => match holes[*hole].join(kind) {
                Some(joined) => {
                    holes[*hole] = joined;
                    true
                }
                None => false,
            },
            (Self::List(own), Kind::List(of)) => own.fits(of, holes),
            (Self::Map(k, v), Kind::Map(key, value)) => {
                k.fits(key, holes) && v.fits(value, holes)
            }
            _ => false,
        }
    }

    /// The kind, with its holes filled.
    pub(super) fn filled(&self, holes: &[Kind; 2]) -> Kind {
        match self {
            Self::Exactly(kind) => kind.clone(),
            Self::Any(hole) => holes[*hole].clone(),
            Self::List(of) => Kind::list(of.filled(holes)),
            Self::Map(key, value) => {
                Kind::map(key.filled(holes), value.filled(holes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_signature() {
        for line in TABLE.lines() {
            assert!(signature(line).is_some(), "{line}");
        }
    }

    #[test]
    fn every_function_is_in_the_table() {
        for (name, function) in Function::VALUES {
            let found = SIGNATURES
                .iter()
                .any(|s| s.name == *name && s.function == *function);
            assert!(found, "{name}");
        }
    }
}

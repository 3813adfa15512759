//! One element of `Forwarded` (RFC 7239): whose request was it?
//!
//! `for=` appears once in an element; obfuscated identifiers and `unknown` are
//! no addresses and end the walk.

use std::net::IpAddr;

use super::hop_of;

/// The address after `for=`, if the element has exactly one and it is one.
pub(super) fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let element = std::str::from_utf8(element).ok()?;
    let mut found = None;
    for pair in pairs(element) {
        let (name, value) = pair.trim_ascii().split_once('=')?;
        if !name.eq_ignore_ascii_case("for") {
            continue;
        }
        if found.is_some() {
            return None;
        }
        found = Some(node(value)?);
    }
    found
}

/// An IPv6 node must be quoted and in brackets, since both `:` and `[` are no
/// token characters.
fn node(value: &str) -> Option<IpAddr> {
    let text = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None if value.contains([':', '[', ']']) => return None,
        None => value,
    };
    // A bare IPv6 address without brackets is not a node of RFC 7239.
    if text.matches(':').count() > 1 && !text.starts_with('[') {
        return None;
    }
    hop_of(text)
}

/// Splits at semicolons outside quoted strings.
fn pairs(element: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    element.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => return true,
            _ => {}
        }
        false
    })
}

//! The fast way of IPv4: `a.b.c.d` or `a.b.c.d/n` and the end of the line.
//!
//! Digits are looked at one by one. Looking at four bytes as one word, without
//! branches, was tried and is a third slower: each number must wait for the
//! length of the one before.

/// Address, length (32 for a host) and what follows the LF; `None` for
/// anything else.
#[inline]
pub(super) fn line(text: &[u8]) -> Option<(u32, u8, &[u8])> {
    let (a, text) = number(text)?;
    let (b, text) = number(text.strip_prefix(b".")?)?;
    let (c, text) = number(text.strip_prefix(b".")?)?;
    let (d, text) = number(text.strip_prefix(b".")?)?;
    let (len, text) = match text {
        [b'/', text @ ..] => number(text)?,
        _ => (32, text),
    };
    let ([b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..]) = text else {
        return None;
    };
    let bits = u32::from_be_bytes([a, b, c, d]);
    (len <= 32).then_some((bits, len, rest))
}

/// One to three digits that are a number up to 255 without leading zero.
#[inline]
fn number(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| {
        text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&d| d < 10)
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else { return Some((first, &text[1..])) };
    if first == 0 {
        return None;
    }
    let two = 10 * first + second;
    let Some(third) = digit(2) else { return Some((two, &text[2..])) };
    let three = u16::from(two) * 10 + u16::from(third);
    Some((u8::try_from(three).ok()?, &text[3..]))
}

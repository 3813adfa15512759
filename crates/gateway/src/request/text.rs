//! Values of fields as text.
//!
//! A head is checked for UTF-8 once, in long strides; its values are then cut
//! from it, which costs no look at their bytes.

use std::borrow::Cow;

/// A value as text, if it is text. Fast if it is a part of `whole`; checked by
/// itself if it lies elsewhere.
pub(crate) fn text<'r>(whole: &'r str, value: &'r [u8]) -> Option<&'r str> {
    let start = value.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    match whole.get(start..start.wrapping_add(value.len())) {
        Some(text) => Some(text),
        None => std::str::from_utf8(value).ok(),
    }
}

/// The same, with U+FFFD for what is no text.
pub(crate) fn lossy<'r>(whole: &'r str, value: &'r [u8]) -> Cow<'r, str> {
    match text(whole, value) {
        Some(text) => Cow::Borrowed(text),
        None => String::from_utf8_lossy(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_itself_wherever_it_lies() {
        let whole = "Host: größe\r\nX: y\r\n";
        let elsewhere = whole.as_bytes().to_vec();
        for start in 0..=whole.len() {
            for end in start..=whole.len() {
                let want = std::str::from_utf8(&elsewhere[start..end]).ok();
                let inside = &whole.as_bytes()[start..end];
                assert_eq!(text(whole, inside), want, "{start}..{end}");
                assert_eq!(text(whole, &elsewhere[start..end]), want);
                assert_eq!(text("", inside), want);
            }
        }
        assert_eq!(lossy("", b"a\xffb"), "a\u{fffd}b");
        // Text that only begins or ends beyond the whole is checked.
        let (head, tail) = whole.split_at(6);
        assert_eq!(text(head, tail.as_bytes()), Some(tail));
        assert_eq!(text(tail, head.as_bytes()), Some(head));
    }
}

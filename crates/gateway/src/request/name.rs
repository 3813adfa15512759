//! Names of fields, compared without case.
//!
//! A request has ten fields and we look for thirty names: these comparisons are
//! a tenth of what a verdict costs. Names are tokens (RFC 9110, section 5.6.2;
//! the parsers refuse all else), and of the characters of tokens only letters,
//! and `^` beside `~`, differ by the bit that makes a letter small.

/// Whether a name is the wanted one.
#[inline]
pub(crate) fn is(name: &str, wanted: &str) -> bool {
    name.len() == wanted.len() && agree(name.as_bytes(), wanted.as_bytes())
}

#[inline]
fn agree(name: &[u8], wanted: &[u8]) -> bool {
    // No early end: so the compiler compares words, not bytes.
    let odd = name.iter().zip(wanted).fold(0, |odd, (have, want)| {
        let strict = if want | 0x20 == b'~' { 0xff } else { !0x20 };
        odd | ((have ^ want) & strict)
    });
    odd == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters of a token (RFC 9110, section 5.6.2).
    fn token_characters() -> impl Iterator<Item = char> {
        ('!'..='~').filter(|&c| {
            c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
        })
    }

    #[test]
    fn names_are_compared_as_rfc_9110_says() {
        for want in token_characters() {
            for have in token_characters() {
                let equal = have.eq_ignore_ascii_case(&want);
                let (have, want) = (have.to_string(), want.to_string());
                assert_eq!(is(&have, &want), equal, "{have} for {want}");
            }
        }
        assert!(is("X-Real-IP", "x-real-ip"));
        assert!(!is("X-Real-IPs", "x-real-ip"));
    }
}

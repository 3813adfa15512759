//! The fast way of IPv6: hexadecimal groups with at most one `::`, and a length.
//!
//! Forms that embed IPv4 are left to the slow way.

/// The value of a hexadecimal digit; [`NO_DIGIT`] for all other bytes.
const NIBBLES: [u8; 256] = nibbles();
const NO_DIGIT: u8 = 0xff;

const fn nibbles() -> [u8; 256] {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
}

/// An address and what follows it.
pub(super) fn address(text: &[u8]) -> Option<(u128, &[u8])> {
    let (mut bits, mut count) = (0u128, 0u32);
    // The groups before `::`, and how many they are.
    let mut split = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"::") {
        split = Some((0, 0));
        rest = after;
    }
    loop {
        let Some((group, after)) = group(rest) else {
            // Only `::` may stand before the end.
            let before = &text[..text.len() - rest.len()];
            if !before.ends_with(b"::") {
                return None;
            }
            break;
        };
        bits = (bits << 16) | u128::from(group);
        count += 1;
        rest = after;
        match rest {
            [b':', b':', after @ ..] if split.is_none() && count < 8 => {
                split = Some((bits, count));
                bits = 0;
                rest = after;
            }
            [b':', after @ ..] if count < 8 => rest = after,
            _ => break,
        }
    }
    match split {
        None if count == 8 => Some((bits, rest)),
        Some((high, before)) if count < 8 => {
            let high = high.checked_shl(128 - 16 * before).unwrap_or(0);
            Some((high | bits, rest))
        }
        _ => None,
    }
}

/// One to four hexadecimal digits.
#[inline]
fn group(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut value, mut len) = (0u16, 0);
    while let Some(&byte) = text.get(len)
        && NIBBLES[usize::from(byte)] != NO_DIGIT
    {
        if len == 4 {
            return None;
        }
        value = (value << 4) | u16::from(NIBBLES[usize::from(byte)]);
        len += 1;
    }
    (len > 0).then(|| (value, &text[len..]))
}

/// A length after `/`, or that of a host.
pub(super) fn length(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'/', rest @ ..] = text else { return Some((128, text)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    // Three digits at most, so that the sum fits.
    let value = match digits {
        [_] | [_, _] | [_, _, _] => digits
            .iter()
            .fold(0u16, |value, byte| 10 * value + u16::from(byte - b'0')),
        _ => return None,
    };
    (value <= 128).then(|| Some((u8::try_from(value).ok()?, rest)))?
}

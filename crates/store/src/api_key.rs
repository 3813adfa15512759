//! The text of an API key: `asgard_live_<id>_<secret><checksum>`.
//!
//! After the token format of GitHub
//! (<https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>):
//! a prefix that secret scanners find, underscores so that a double click
//! selects the whole, and a CRC-32 that tells a typing error from a wrong key
//! without asking the store. It refuses every other form.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::KeyRefusal;

const PREFIX: &str = "asgard_live_";
const ID_LEN: usize = 8;
/// 62^43 > 2^256: 43 digits hold 32 bytes.
const SECRET_LEN: usize = 43;
/// 62^6 > 2^32: 6 digits hold a CRC-32.
const CHECKSUM_LEN: usize = 6;
const ID_START: usize = PREFIX.len();
const SECRET_START: usize = ID_START + ID_LEN + 1;
const CHECKSUM_START: usize = SECRET_START + SECRET_LEN;
const KEY_LEN: usize = CHECKSUM_START + CHECKSUM_LEN;

const DIGITS: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of a key: 8 base62 digits; may be logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_LEN]);

impl KeyId {
    /// The 8 digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id holds base62 digits only")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// Text that is not the id of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key id (8 letters and digits, the part after asgard_live_)"
)]
pub struct KeyIdError(String);

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        text.as_bytes()
            .try_into()
            .ok()
            .filter(|id: &[u8; ID_LEN]| {
                id.iter().all(u8::is_ascii_alphanumeric)
            })
            .map(Self)
            // A whole key may have been pasted: do not repeat its secret.
            .ok_or_else(|| KeyIdError(text.chars().take(20).collect()))
    }
}

/// A whole key, secret included; `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Random bytes that make one key.
    pub const ENTROPY: usize = 40;

    /// Makes a key of random bytes: 8 for the id, 32 for the secret.
    pub fn from_entropy(random: &[u8; Self::ENTROPY]) -> Self {
        let (id, secret) = random.split_at(8);
        let mut text = format!(
            "{PREFIX}{}_{}",
            base62::<ID_LEN>(id),
            base62::<SECRET_LEN>(secret)
        );
        text.extend(checksum(text.as_bytes()).map(char::from));
        Self(text)
    }

    /// The secret text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The public part.
    pub fn id(&self) -> KeyId {
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&self.0.as_bytes()[ID_START..ID_START + ID_LEN]);
        KeyId(id)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id())
    }
}

impl FromStr for ApiKey {
    type Err = KeyRefusal;

    fn from_str(text: &str) -> Result<Self, KeyRefusal> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == KEY_LEN
            && bytes.starts_with(PREFIX.as_bytes())
            && bytes[SECRET_START - 1] == b'_'
            && is_base62(&bytes[ID_START..SECRET_START - 1])
            && is_base62(&bytes[SECRET_START..])
            && checksum(&bytes[..CHECKSUM_START]) == bytes[CHECKSUM_START..];
        well_formed.then(|| Self(text.to_owned())).ok_or(KeyRefusal::Malformed)
    }
}

fn is_base62(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_alphanumeric)
}

/// The lowest `LEN` base62 digits of a big-endian number.
fn base62<const LEN: usize>(number: &[u8]) -> String {
    let mut rest = number.to_vec();
    let mut digits = [0; LEN];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::from(divide_by_62(&mut rest))];
    }
    digits.iter().map(|&d| char::from(d)).collect()
}

/// Divides a big-endian number in place and returns the remainder.
fn divide_by_62(number: &mut [u8]) -> u8 {
    let mut remainder: u16 = 0;
    for byte in number {
        let value = remainder << 8 | u16::from(*byte);
        *byte = low_byte(value / 62);
        remainder = value % 62;
    }
    low_byte(remainder)
}

fn low_byte(value: u16) -> u8 {
    value.to_le_bytes()[0]
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32(bytes);
    let mut digits = [0; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// CRC-32 of ISO 3309 and RFC 1952, section 8 (reflected 0x04C11DB7).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(!0, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut entry: u32 = 0;
    while entry < 256 {
        let mut crc = entry;
        let mut bit = 0;
        while bit < 8 {
            let feedback = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc = (crc >> 1) ^ feedback;
            bit += 1;
        }
        table[entry as usize] = crc;
        entry += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> ApiKey {
        let mut random = [0; ApiKey::ENTROPY];
        for (byte, n) in random.iter_mut().zip(0u8..) {
            *byte = n.wrapping_mul(37).wrapping_add(seed);
        }
        ApiKey::from_entropy(&random)
    }

    #[test]
    fn crc_32_gives_the_check_value_of_its_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn base62_reads_big_endian_and_pads_with_zeros() {
        assert_eq!(base62::<3>(&[0, 61]), "00z");
        assert_eq!(base62::<3>(&[1, 0]), "048");
        let largest = base62::<SECRET_LEN>(&[0xff; 32]);
        assert!(!largest.starts_with('0'), "43 digits, not fewer: {largest}");
        assert_eq!(base62::<44>(&[0xff; 32]), format!("0{largest}"));
    }

    #[test]
    fn a_key_has_the_documented_form_and_reads_back() {
        let key = key(1);
        let text = key.reveal();
        assert_eq!(text.len(), 70);
        assert!(text.starts_with("asgard_live_"), "{text}");
        assert_eq!(text.split('_').nth(2), Some(key.id().as_str()));
        assert_eq!(text.parse(), Ok(key.clone()));
        assert_eq!(key.id().to_string().parse(), Ok(key.id()));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = key(2);
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("asgard_live_{}_…", key.id()));
    }

    #[test]
    fn every_single_wrong_character_is_detected() {
        let text = key(3).reveal().to_owned();
        for position in 0..text.len() {
            for &digit in DIGITS {
                let mut wrong = text.clone().into_bytes();
                if wrong[position] == digit {
                    continue;
                }
                wrong[position] = digit;
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(
                    wrong.parse::<ApiKey>(),
                    Err(KeyRefusal::Malformed),
                    "{wrong}"
                );
            }
        }
    }

    #[test]
    fn every_shorter_or_longer_text_is_malformed() {
        let text = key(4).reveal().to_owned();
        for end in 0..text.len() {
            assert!(text[..end].parse::<ApiKey>().is_err(), "{end}");
        }
        assert!(format!("{text}0").parse::<ApiKey>().is_err());
        assert!(format!(" {text}").parse::<ApiKey>().is_err());
    }

    #[test]
    fn an_id_error_does_not_repeat_a_pasted_secret() {
        let key = key(5);
        let error = key.reveal().parse::<KeyId>().unwrap_err().to_string();
        assert!(!error.contains(&key.reveal()[SECRET_START..]), "{error}");
        assert!(error.contains("asgard_live_"), "{error}");
    }

    proptest! {
        #[test]
        fn any_entropy_makes_a_key_that_reads_back(
            random in prop::array::uniform32(any::<u8>()),
            id in prop::array::uniform8(any::<u8>()),
        ) {
            let mut entropy = [0; ApiKey::ENTROPY];
            entropy[..8].copy_from_slice(&id);
            entropy[8..].copy_from_slice(&random);
            let key = ApiKey::from_entropy(&entropy);
            prop_assert_eq!(key.reveal().parse(), Ok(key.clone()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            prop_assert!(text.parse::<ApiKey>().is_err());
            let prefixed = format!("asgard_live_{text}");
            prop_assert!(prefixed.parse::<ApiKey>().is_err());
        }

        #[test]
        fn no_text_of_the_right_length_makes_the_parser_panic(
            text in "asgard_live_[0-9a-zé_]{40,58}"
        ) {
            prop_assert!(text.parse::<ApiKey>().is_err());
        }
    }
}

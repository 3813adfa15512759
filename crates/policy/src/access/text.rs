//! How selectors are written in JSON: as the texts that people write.

use std::{fmt::Display, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serializer, de::Error, ser::SerializeSeq,
};

/// Writes each value as its text.
pub(crate) fn serialize<T: Display, S: Serializer>(
    values: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        list.serialize_element(&value.to_string())?;
    }
    list.end()
}

/// Reads a list of texts.
pub(crate) fn deserialize<'de, T, D>(
    deserializer: D,
) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| text.parse().map_err(D::Error::custom))
        .collect()
}

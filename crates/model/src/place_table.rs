//! Address → country, city and so on, from a geographic database.
//!
//! Read are the forms of GeoLite2/GeoIP2 (Country, City, Enterprise), of
//! IPinfo (`country: "US"`), of DB-IP, and flat ones with `country_code`.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::{
    CountryCode, Prefix,
    flat_table::{FlatTable, FlatTableBuilder},
    mmdb::{Database, MmdbError, Value},
    texts::{Texts, TextsBuilder},
};

/// Where an address is said to be; every text may be empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place<'a> {
    /// Country, two letters.
    pub country: Option<CountryCode>,
    /// Its English name.
    pub country_name: &'a str,
    /// City, English name.
    pub city: &'a str,
    /// Time zone, as in the tz database.
    pub time_zone: &'a str,
    /// Postal code.
    pub postal_code: &'a str,
    /// First subdivision: its ISO code, else its name.
    pub subdivision: &'a str,
    /// Continent, two letters.
    pub continent: &'a str,
    /// Degrees north and east.
    pub location: Option<(f64, f64)>,
}

/// Places of all addresses.
#[derive(Debug)]
pub struct PlaceTable {
    ranges: FlatTable,
    records: Box<[Stored]>,
    texts: Texts,
    networks: u32,
    build_epoch: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    country: Option<CountryCode>,
    /// Country name, city, time zone, postal code, subdivision, continent.
    texts: [u32; 6],
    /// Bits of the two numbers, which makes them comparable.
    location: Option<(u64, u64)>,
}

impl PlaceTable {
    /// Reads a geographic database.
    ///
    /// # Errors
    /// Whatever makes the file unreadable, or [`MmdbError::WrongKind`] if no
    /// network has a country.
    pub fn from_mmdb(bytes: &[u8]) -> Result<Self, MmdbError> {
        let database = Database::open(bytes)?;
        let mut decoder = database.decoder();
        let mut ranges = FlatTableBuilder::default();
        let mut texts = TextsBuilder::default();
        let mut records = Vec::new();
        let mut numbers: FxHashMap<Stored, u32> = FxHashMap::default();
        let mut known: FxHashMap<usize, Option<u32>> = FxHashMap::default();
        let (mut seen, mut networks) = (0u32, 0u32);
        database.walk(|network| {
            seen = seen.saturating_add(1);
            let record = match known.get(&network.record) {
                Some(&record) => record,
                None => {
                    let value = decoder.value(network.record)?;
                    let stored = read(&value, &mut texts);
                    let record = stored.map(|stored| {
                        *numbers.entry(stored).or_insert_with(|| {
                            records.push(stored);
                            u32::try_from(records.len() - 1)
                                .unwrap_or(u32::MAX - 1)
                        })
                    });
                    known.insert(network.record, record);
                    record
                }
            };
            if let Some(record) = record {
                ranges.push(network.prefix, record);
                networks = networks.saturating_add(1);
            }
            Ok(())
        })?;
        if networks == 0 {
            return Err(MmdbError::WrongKind {
                database_type: database.metadata().database_type.clone(),
                wanted: "countries",
                networks: seen,
            });
        }
        Ok(Self {
            ranges: ranges.build(),
            records: records.into(),
            texts: texts.build(),
            networks,
            build_epoch: database.metadata().build_epoch,
        })
    }

    /// Where an address is; `None` if the database does not say.
    pub fn lookup(&self, address: IpAddr) -> Option<Place<'_>> {
        let stored = self.records.get(self.ranges.get(address)? as usize)?;
        let [
            country_name,
            city,
            time_zone,
            postal_code,
            subdivision,
            continent,
        ] = stored.texts.map(|number| self.texts.get(number));
        Some(Place {
            country: stored.country,
            country_name,
            city,
            time_zone,
            postal_code,
            subdivision,
            continent,
            location: stored
                .location
                .map(|(n, e)| (f64::from_bits(n), f64::from_bits(e))),
        })
    }

    /// The part of the address space around an address about which the same is
    /// known, as the longest prefix in it.
    pub fn prefix(&self, address: IpAddr) -> Prefix {
        self.ranges.prefix(address)
    }

    /// Networks that it was made from.
    pub fn networks(&self) -> u32 {
        self.networks
    }

    /// When it was made: seconds since 1970, 0 if not known.
    pub fn build_epoch(&self) -> u64 {
        self.build_epoch
    }

    /// Bytes of memory.
    pub fn heap_bytes(&self) -> usize {
        self.ranges.heap_bytes()
            + size_of_val(&*self.records)
            + self.texts.heap_bytes()
    }
}

/// The place that a value of a file means; `None` if it names no country.
fn read(value: &Value<'_>, texts: &mut TextsBuilder) -> Option<Stored> {
    let country = value
        .get("country")
        .or_else(|| value.get("registered_country"))
        .or_else(|| value.get("country_code"))?;
    let code = country.get("iso_code").unwrap_or(country);
    let country_code = code.text().and_then(|code| code.parse().ok())?;
    let english = |value: Option<&Value<'_>>| {
        let value = value?;
        let name = value.get("names").and_then(|names| names.get("en"));
        name.unwrap_or(value).text().map(str::to_owned)
    };
    let member = |outer: &str, inner: &str| {
        value.get(outer).and_then(|v| v.get(inner)).and_then(Value::text)
    };
    let plain = |key: &str| value.get(key).and_then(Value::text);
    let subdivision = match value.get("subdivisions") {
        Some(Value::Array(all)) => all.first(),
        _ => value.get("region"),
    };
    let mut number = |text: Option<String>| {
        texts.number(&text.map(|text| clean(&text)).unwrap_or_default())
    };
    let own = |text: Option<&str>| text.map(str::to_owned);
    Some(Stored {
        country: Some(country_code),
        texts: [
            number(
                english(Some(country))
                    .filter(|name| Some(name.as_str()) != code.text())
                    .or_else(|| own(plain("country_name"))),
            ),
            number(english(value.get("city"))),
            number(own(
                member("location", "time_zone").or_else(|| plain("timezone"))
            )),
            number(own(
                member("postal", "code").or_else(|| plain("postal_code"))
            )),
            number(
                own(subdivision
                    .and_then(|s| s.get("iso_code"))
                    .and_then(Value::text))
                .or_else(|| english(subdivision)),
            ),
            number(own(
                member("continent", "code").or_else(|| plain("continent"))
            )),
        ],
        location: location(value),
    })
}

fn location(value: &Value<'_>) -> Option<(u64, u64)> {
    let location = value.get("location").unwrap_or(value);
    let degrees = |keys: [&str; 2], limit: f64| {
        let value = keys.iter().find_map(|key| location.get(key))?;
        let degrees = match value {
            Value::Double(degrees) => *degrees,
            Value::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        (degrees.abs() <= limit).then(|| degrees.to_bits())
    };
    degrees(["latitude", "lat"], 90.0).zip(degrees(["longitude", "lng"], 180.0))
}

/// Without control characters, at most 128 characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}

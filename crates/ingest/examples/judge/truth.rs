//! The truth as `asgard synth` tells it: `truth.json`, the relationships, and
//! what RFC 6811 says about each announcement.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use asgard_model::{Asn, Prefix};
use flate2::read::GzDecoder;
use serde::Deserialize;

#[derive(Deserialize)]
struct Sheet {
    as_of: String,
    incidents: Vec<Planted>,
    prepending: Vec<Habit>,
    blackholes: Vec<Habit>,
    flaps: Vec<Habit>,
    siblings: Vec<[u32; 2]>,
}

/// Something that shall be found.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Planted {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) subtype: String,
    pub(crate) asn: u32,
    start: String,
    end: Option<String>,
    /// Most peers that see one of its prefixes.
    pub(crate) peers: u16,
}

impl Planted {
    /// From when to when, in seconds since 1970.
    pub(crate) fn span(&self) -> (i64, i64) {
        let at = |text: &str| {
            let moment: Option<jiff::Timestamp> = text.parse().ok();
            moment.map_or(0, jiff::Timestamp::as_second)
        };
        (at(&self.start), self.end.as_deref().map_or(i64::MAX, at))
    }
}

#[derive(Deserialize)]
struct Habit {
    asn: u32,
    prefixes: Vec<String>,
}

/// Everything that is true.
pub(crate) struct Truth {
    pub(crate) incidents: Vec<Planted>,
    /// Networks with the number of such prefixes.
    pub(crate) prepending: BTreeSet<(u32, u32)>,
    /// The same.
    pub(crate) blackholes: BTreeSet<(u32, u32)>,
    /// Networks and their prefixes that flap.
    pub(crate) flaps: BTreeSet<(u32, Prefix)>,
    /// The end, in seconds since 1970.
    pub(crate) until: u32,
    /// (provider, customer).
    pub(crate) transit: BTreeSet<(u32, u32)>,
    /// (lower, higher).
    pub(crate) peering: BTreeSet<(u32, u32)>,
    /// (lower, higher): one organisation.
    pub(crate) siblings: BTreeSet<(u32, u32)>,
    /// The state of each announcement: valid, invalid, unknown.
    pub(crate) states: BTreeMap<(Prefix, Asn), String>,
}

impl Truth {
    pub(crate) fn read(world: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(world.join("truth.json"))?;
        let sheet: Sheet = serde_json::from_str(&text)?;
        let counts = |habits: &[Habit]| -> BTreeSet<(u32, u32)> {
            let count = |habit: &Habit| u32::try_from(habit.prefixes.len());
            habits.iter().map(|h| (h.asn, count(h).unwrap_or(0))).collect()
        };
        let mut flaps = BTreeSet::new();
        for habit in &sheet.flaps {
            for prefix in &habit.prefixes {
                flaps.insert((habit.asn, prefix.parse()?));
            }
        }
        let until: jiff::Timestamp = sheet.as_of.parse()?;
        let siblings: BTreeSet<(u32, u32)> =
            sheet.siblings.iter().map(|&[a, b]| ordered(a, b)).collect();
        let (transit, mut peering) = relationships(world)?;
        // They are neither, whatever the form of the file says.
        peering.retain(|pair| !siblings.contains(pair));
        Ok(Self {
            prepending: counts(&sheet.prepending),
            blackholes: counts(&sheet.blackholes),
            flaps,
            until: u32::try_from(until.as_second())?,
            incidents: sheet.incidents,
            transit,
            peering,
            siblings,
            states: states(world)?,
        })
    }
}

/// A pair without direction.
pub(crate) fn ordered(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

type Pairs = BTreeSet<(u32, u32)>;

fn relationships(world: &Path) -> Result<(Pairs, Pairs), Box<dyn Error>> {
    let file = only(&world.join("relations"), "as-rel")?;
    let (mut transit, mut peering) = (Pairs::new(), Pairs::new());
    for line in fs::read_to_string(file)?.lines() {
        if line.starts_with('#') {
            continue;
        }
        let mut cells = line.split('|');
        let mut number = || cells.next().unwrap_or_default().parse::<i64>();
        let (a, b, kind) = (number()?, number()?, number()?);
        let (a, b) = (u32::try_from(a)?, u32::try_from(b)?);
        match kind {
            -1 => drop(transit.insert((a, b))),
            _ => drop(peering.insert(ordered(a, b))),
        }
    }
    Ok((transit, peering))
}

type States = BTreeMap<(Prefix, Asn), String>;

fn states(world: &Path) -> Result<States, Box<dyn Error>> {
    let mut states = States::new();
    for family in ["announced-prefixes-ipv4", "announced-prefixes-ipv6"] {
        let file = File::open(only(&world.join("routing"), family)?)?;
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text)?;
        for line in text.lines().skip(1) {
            let mut cells = line.split(',');
            let mut cell = || cells.next().unwrap_or_default();
            let (prefix, origin) = (cell().parse()?, cell().parse()?);
            states.insert((prefix, origin), cell().to_owned());
        }
    }
    Ok(states)
}

/// The only file of a folder with such a name.
fn only(folder: &Path, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().contains(name) {
            return Ok(path);
        }
    }
    Err(format!("no {name} in {}", folder.display()).into())
}

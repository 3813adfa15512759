//! Every MRT file of the mirror, against bgpdump: its own expected output, and
//! what Debian's `bgpdump -m` says today.
//!
//! Lines may differ only for a reason of [`Difference`], and every reason must
//! occur: a table that explains too much would fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was left out, and counts")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufReader, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use asgard_ingest::{
    decompress::{Decompressed, Limits},
    format::mrt::{Broken, Damage, Summary, mrt},
};
use asgard_model::Prefix;
use asgard_routing::event::text;

/// Why a line of ours differs from that of bgpdump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// An origin or next hop that is absent: bgpdump writes `INCOMPLETE` and
    /// `255.255.255.255`, which are values.
    Absent,
    /// The same address or prefix in another form: a single group of zeros is
    /// `0` (RFC 5952, 4.2.2), and bits behind the length of a prefix are none.
    Form,
    /// Type 5: bgpdump writes no separator between metric and communities.
    Column,
    /// Type 5: bgpdump writes the peer's address for the withdrawn one.
    Withdrawn,
    /// An aggregator with a number of four bytes where two are due: bgpdump
    /// reads half of the number as a part of the address.
    Aggregator,
    /// Multicast routes, which we do not read.
    Multicast,
    /// A table of 2000 whose records state four bytes too few: bgpdump stops
    /// after the first.
    Legacy,
    /// A record that was torn in 2000 and swallows those behind it: we stop
    /// there, bgpdump reads headers of records as prefixes.
    Torn,
    /// Path ids in records that do not announce them, by BIRD: bgpdump reads
    /// them as default routes.
    PathIds,
}

const ALL: usize = 9;

/// Files that differ as a whole.
const WHOLE: [(&str, Difference); 5] = [
    ("updates.20070211.0141.gz", Difference::Multicast),
    ("rrc00_bview.20000111.0032.gz", Difference::Legacy),
    ("rrc00_updates.20000325.0345.gz", Difference::Torn),
    ("bird_bgp", Difference::PathIds),
    ("bird6_bgp", Difference::PathIds),
];

/// Files that end with an error of ours, and where: number of events before,
/// record, byte.
const BROKEN: [(&str, u64, u64, u64); 5] = [
    ("rib.20080501.0644_firstMB.bz2", 139_291, 139_292, 9_876_131),
    ("rib.20140523.0600_firstMB.bz2", 270_005, 9_074, 15_273_283),
    ("bview.20140112.1600_3samples.bz2", 0, 1, 0),
    ("openbgpd_rib_table-mp", 0, 1, 0),
    ("rrc00_updates.20000325.0345.gz", 4, 6, 14_756),
];

/// A file of one message, behind whose routes stands a byte too much.
const UNREADABLE: &str = "updates.nlri_mask_trailing_bits.gz";

#[expect(clippy::disallowed_methods, reason = "the switch of these tests")]
fn mirror() -> Option<PathBuf> {
    let mirror = std::env::var("ASGARD_TEST_MIRROR").ok();
    if mirror.is_none() {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
    }
    mirror.map(|mirror| Path::new(&mirror).join("mrt"))
}

fn plain(path: &Path) -> impl Read + use<> {
    Decompressed::new(File::open(path).unwrap(), Limits::default()).unwrap()
}

fn ours(path: &Path) -> (Vec<String>, Result<Summary, Broken>) {
    let mut lines = Vec::new();
    let mut input = BufReader::new(plain(path));
    let end = mrt(&mut input, &mut |event| {
        let mut line = Vec::new();
        text::line(event, &mut line);
        lines.push(String::from_utf8(line).unwrap().trim_end().to_owned());
        ControlFlow::Continue(())
    });
    (lines, end)
}

fn bgpdump(path: &Path) -> Option<Vec<String>> {
    let output = Command::new("bgpdump")
        .arg("-m")
        .arg(path)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Some(lines(&output.stdout))
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

fn files(mirror: &Path) -> Vec<PathBuf> {
    let folders = ["bgpdump", "bgpkit-parser", "mrtparse", "pyasn"];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(mirror.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        // A capture of packets, not MRT.
        .filter(|path| path.extension().is_none_or(|e| e != "cap"))
        .collect();
    found.sort();
    assert!(found.len() > 30, "only {} files", found.len());
    found
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

type Seen = BTreeMap<Difference, usize>;

/// Why two lines differ; `Err` if for no known reason.
fn explain(ours: &str, theirs: &str, seen: &mut Seen) -> Result<(), ()> {
    let ours: Vec<&str> = ours.split('|').collect();
    let mut theirs: Vec<&str> = theirs.split('|').collect();
    let mut found = Vec::new();
    if theirs[0] == "BGP"
        && (ours.len(), theirs.len()) == (15, 14)
        && theirs[10] == [ours[10], ours[11]].concat()
    {
        theirs.splice(10..11, [ours[10], ours[11]]);
        found.push(Difference::Column);
    }
    if ours.len() != theirs.len() {
        return Err(());
    }
    for (index, (&a, &b)) in ours.iter().zip(&theirs).enumerate() {
        let (peer, legacy) = (theirs[3], theirs[0] == "BGP");
        let withdrawn = legacy && theirs[2] == "W" && index == 5;
        if a == b {
            continue;
        }
        found.push(match (a, b) {
            ("", "INCOMPLETE" | "255.255.255.255") => Difference::Absent,
            ("65000 192.168.0.15", "0 253.232.192.168") => {
                Difference::Aggregator
            }
            _ if withdrawn => {
                let (address, length) = b.split_once('/').ok_or(())?;
                if address != peer || !a.ends_with(&format!("/{length}")) {
                    return Err(());
                }
                Difference::Withdrawn
            }
            _ => match (a.parse::<Prefix>(), b.parse::<Prefix>()) {
                (Ok(a), Ok(b)) if a == b => Difference::Form,
                _ => return Err(()),
            },
        });
    }
    for difference in found {
        *seen.entry(difference).or_default() += 1;
    }
    Ok(())
}

fn compare(file: &str, ours: &[String], theirs: &[String], seen: &mut Seen) {
    let whole = WHOLE.iter().find(|(name, _)| *name == file);
    let mut extra = 0;
    let mut at = 0;
    for (index, line) in ours.iter().enumerate() {
        loop {
            let Some(theirs) = theirs.get(at) else {
                let legacy = Some(&Difference::Legacy);
                assert_eq!(whole.map(|w| &w.1), legacy, "{file}: {line}");
                break;
            };
            at += 1;
            if explain(line, theirs, seen).is_ok() {
                break;
            }
            let multicast = Some(&Difference::Multicast);
            let why = whole.map(|whole| &whole.1);
            assert_eq!(why, multicast, "{file} {index}:\n{line}\n{theirs}");
            extra += 1;
        }
    }
    extra += theirs.len().saturating_sub(at);
    match whole {
        Some((_, Difference::Multicast)) => assert_eq!(extra, 151, "{file}"),
        Some((_, Difference::Legacy)) => {
            assert_eq!((ours.len(), theirs.len()), (452_018, 1), "{file}");
        }
        Some((_, Difference::Torn)) => {
            let nonsense = &theirs[ours.len()..];
            let all = nonsense.iter().all(|l| l.starts_with("BGP|953955944|W"));
            assert!(all && nonsense.len() == 2_042, "{file}");
        }
        _ => assert_eq!(extra, 0, "{file}"),
    }
    if let Some((_, difference)) = whole {
        *seen.entry(*difference).or_default() += 1;
    }
}

/// What BIRD announced is known from its other files, whose records say that
/// there are path ids; the states stand in both.
fn compare_bird(file: &str, ours: &[String], theirs: &[String]) {
    let announced = |lines: &[String], column: usize| {
        let mut found: Vec<String> = lines
            .iter()
            .filter(|line| line.contains("|A|"))
            .map(|line| line.split('|').nth(column).unwrap().to_owned())
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let prefixes = announced(ours, 5);
    let none =
        |prefix: &String| prefix.starts_with("0.0.0.0") || prefix == "::/0";
    assert!(prefixes.len() >= 4 && !prefixes.iter().any(none), "{file}");
    let ids = announced(ours, 6);
    assert_eq!(ids, ["1", "2"], "{file}");
    let states = |lines: &[String]| {
        let all = lines.iter().filter(|line| line.contains("|STATE|"));
        all.cloned().collect::<Vec<_>>()
    };
    assert_eq!(states(ours), states(theirs), "{file}");
}

#[test]
fn every_element_equals_that_of_bgpdump() {
    let Some(mirror) = mirror() else { return };
    let mut seen = Seen::new();
    let mut events = 0;
    for path in files(&mirror) {
        let file = name(&path);
        let (ours, _) = ours(&path);
        events += ours.len();
        let expected = format!("bgpdump-expected/{file}.bgp.gz");
        let expected = mirror.join(expected);
        let mut others = Vec::new();
        if expected.exists() {
            let mut bytes = Vec::new();
            plain(&expected).read_to_end(&mut bytes).unwrap();
            others.push(lines(&bytes));
        }
        match bgpdump(&path) {
            Some(today) => others.push(today),
            None => println!("SKIP bgpdump: it is not installed"),
        }
        for theirs in &others {
            if matches!(file, "bird_bgp" | "bird6_bgp") {
                compare_bird(file, &ours, theirs);
                *seen.entry(Difference::PathIds).or_default() += 1;
            } else {
                compare(file, &ours, theirs, &mut seen);
            }
        }
    }
    println!("{events} events; lines that differ: {seen:#?}");
    if bgpdump(Path::new("/dev/null")).is_some() {
        assert_eq!(seen.len(), ALL, "a reason that explains nothing: {seen:?}");
    }
}

#[test]
fn damaged_files_are_read_up_to_the_damage() {
    let Some(mirror) = mirror() else { return };
    for path in files(&mirror) {
        let file = name(&path);
        let known = BROKEN.iter().find(|(name, ..)| *name == file);
        let (lines, end) = ours(&path);
        match (known, end) {
            (None, Ok(summary)) => {
                assert_eq!(summary.events, lines.len() as u64, "{file}");
                let bad = u64::from(file == UNREADABLE);
                assert_eq!(summary.unreadable, bad, "{file}: {summary:?}");
            }
            (Some(&(_, events, record, offset)), Err(broken)) => {
                println!("{file}: {broken}");
                let place = (broken.place.record, broken.place.offset);
                assert_eq!(place, (record, offset), "{file}");
                assert_eq!(broken.before.events, events, "{file}");
                assert_eq!(lines.len() as u64, events, "{file}");
                let cut = file.ends_with("firstMB.bz2");
                let told = matches!(broken.damage, Damage::Cut(_));
                assert_eq!(told, cut, "{file}: {broken}");
            }
            (known, end) => panic!("{file}: {known:?}, {end:?}"),
        }
    }
}

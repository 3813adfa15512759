//! What is remembered of one list: its ledger, and which versions are in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use asgard_model::{Asn, Day, Registration, RoutingTable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    KeepOld,
    board::{Good, Outcome},
    sealed,
    slow::stamp,
    validate::{LastGood, believable},
};
use crate::{
    catalogue::Source,
    evidence::origin_of,
    format::Report,
    ledger::{Ledger, MONTHS},
    reader::{Rows, read},
    supply::{Supply, Version},
};

/// What is remembered of one list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Everything it has said.
    pub(super) ledger: Ledger,
    /// What the last version that lists an AS calls it; ascending. A number
    /// changes hands more often than old lists of names notice.
    pub(super) names: Vec<(Asn, Registration)>,
    /// Versions that were looked at, with the stamp of their bytes.
    seen: BTreeMap<String, u64>,
    /// Where it is kept between processes.
    #[serde(skip)]
    file: Option<PathBuf>,
    /// Whether it forgets.
    #[serde(skip)]
    pub(super) keep_old: KeepOld,
}

/// First bytes of a ledger file; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"ASGLEDG1";

impl Memory {
    /// Recalls a ledger; a file that is missing or damaged is an empty one,
    /// because the lists themselves can be read again.
    pub(super) fn load(file: Option<PathBuf>) -> Self {
        let stored = file.as_deref().and_then(|path| match sealed::load(path, MAGIC) {
            Ok(memory) => Some(memory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "ledger lost");
                None
            }
        });
        Self { file, ..stored.unwrap_or_default() }
    }

    /// Merges the versions that are new, oldest first. `now` tells the day of
    /// versions without one; versions after `day` are not read.
    pub(super) fn update(
        &mut self,
        source: &Source,
        supply: &Supply,
        versions: &[Version],
        table: &RoutingTable,
        mut last: Option<LastGood>,
        (now, day): (Timestamp, Day),
    ) -> Outcome {
        let oldest = Day(day.0.saturating_sub(MONTHS * 31));
        let wanted: Vec<(&Version, u64)> = versions
            .iter()
            .filter(|v| v.day.is_none_or(|d| d <= day && d >= oldest))
            .map(|v| (v, stamp(supply, source, v)))
            .collect();
        if self.file.is_none() && self.is_outdated(&wanted) {
            self.ledger = Ledger::default();
            self.names.clear();
            self.seen.clear();
            last = None;
        }
        let mut outcome = Outcome::default();
        let mut changed = false;
        for (version, stamp) in wanted {
            if self.seen.get(&version.label) == Some(&stamp) {
                continue;
            }
            changed = true;
            self.seen.insert(version.label.clone(), stamp);
            match self.merge(source, supply, version, table, last, now) {
                Ok(good) => {
                    last =
                        good.day.map(|day| LastGood { rows: good.rows, day });
                    outcome = Outcome { good: Some(good), error: None };
                }
                Err(reason) => {
                    let label = &version.label;
                    outcome.error = Some(format!("{label}: {reason}"));
                }
            }
        }
        // Without a file, everything can be read again.
        if self.file.is_none() || self.keep_old == KeepOld::No {
            self.ledger.forget_before(oldest);
            self.forget_names();
        }
        if changed {
            self.save(&mut outcome);
        }
        outcome
    }

    /// Whether something was merged that is no longer wanted, or has changed:
    /// a ledger cannot forget a single version.
    fn is_outdated(&self, wanted: &[(&Version, u64)]) -> bool {
        let now: BTreeMap<&str, u64> = wanted
            .iter()
            .map(|(v, stamp)| (v.label.as_str(), *stamp))
            .collect();
        self.seen
            .iter()
            .any(|(label, stamp)| now.get(label.as_str()) != Some(stamp))
    }

    fn merge(
        &mut self,
        source: &Source,
        supply: &Supply,
        version: &Version,
        table: &RoutingTable,
        last: Option<LastGood>,
        now: Timestamp,
    ) -> Result<Good, String> {
        let mut input =
            supply.open(source, version).map_err(|e| e.to_string())?;
        let (rows, report) =
            read(source, &mut input).map_err(|e| e.to_string())?;
        let day = day_of(version, &report, now);
        believable(report.rows, day, last)?;
        match rows {
            Rows::Prefixes(prefixes) => {
                self.ledger.merge(prefixes, day, |p| origin_of(table, p));
            }
            Rows::Listed(rows) => {
                let asns = rows.iter().map(|(asn, _)| *asn).collect();
                self.ledger.merge_asns(asns, day);
                self.merge_names(rows);
            }
            _ => return Err("this format holds no observations".to_owned()),
        }
        Ok(Good {
            rows: report.rows,
            day: Some(day),
            attribution: report.attribution,
        })
    }

    /// Takes over names; those of ASes that are no longer listed stay.
    fn merge_names(&mut self, rows: Vec<(Asn, Registration)>) {
        let mut names: BTreeMap<Asn, Registration> =
            std::mem::take(&mut self.names).into_iter().collect();
        names.extend(rows);
        self.names = names.into_iter().collect();
    }

    /// Forgets the names of ASes that the ledger has forgotten.
    fn forget_names(&mut self) {
        let listed: BTreeSet<Asn> =
            self.ledger.asns().map(|(asn, _)| asn).collect();
        self.names.retain(|(asn, _)| listed.contains(asn));
    }

    fn save(&self, outcome: &mut Outcome) {
        let Some(file) = &self.file else { return };
        if let Err(error) = sealed::save(file, MAGIC, self) {
            let place = file.display();
            outcome.error =
                Some(format!("ledger `{place}` cannot be written: {error}"));
        }
    }
}

/// The publisher's date if the file states one that is not after its name's;
/// a repeated old version is then recognised as old.
fn day_of(version: &Version, report: &Report, now: Timestamp) -> Day {
    let stated = report.published.map(Day::of);
    match (stated, version.day) {
        (Some(stated), Some(named)) => stated.min(named),
        (Some(day), None) | (None, Some(day)) => day,
        (None, None) => Day::of(now),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{catalogue::Catalogue, supply};

    #[test]
    fn a_stored_ledger_forgets_by_a_clock_only_when_that_is_borne_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ledger");
        let prefixes = vec!["9.0.0.1".parse().unwrap()];
        let mut memory = Memory::load(Some(file));
        memory.ledger.merge(prefixes, Day(20_000), |_| Asn(7));
        let source = Catalogue::embedded().unwrap().sources.remove(0);
        let supply = Supply::Memory(supply::Memory::default());
        let table = RoutingTable::default();
        let now = Day(23_650).start();
        for (keep_old, is_empty) in [(KeepOld::Yes, false), (KeepOld::No, true)]
        {
            memory.keep_old = keep_old;
            let moment = (now, Day::of(now));
            memory.update(&source, &supply, &[], &table, None, moment);
            assert_eq!(memory.ledger.is_empty(), is_empty, "{keep_old:?}");
        }
    }

    #[test]
    fn a_ledger_survives_the_disk_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("list").join("ledger");
        let mut memory = Memory::load(Some(file.clone()));
        let prefixes = vec!["9.0.0.1".parse().unwrap()];
        memory.ledger.merge(prefixes, Day(20_000), |_| Asn(7));
        memory.seen.insert("x".to_owned(), 1);
        sealed::save(&file, MAGIC, &memory).unwrap();
        let again = Memory::load(Some(file.clone()));
        assert_eq!(again.ledger, memory.ledger);
        let good = fs::read(&file).unwrap();
        for cut in [0, 5, 20, good.len() - 1] {
            fs::write(&file, &good[..cut]).unwrap();
            assert!(Memory::load(Some(file.clone())).ledger.is_empty());
        }
        let mut flipped = good.clone();
        flipped[45] ^= 1;
        fs::write(&file, &flipped).unwrap();
        assert!(Memory::load(Some(file)).ledger.is_empty());
    }
}

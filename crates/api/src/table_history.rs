//! What gateways elsewhere know of networks, and how they get from there to
//! what is published now.
//!
//! The first who asks about a Snapshot has its table made, and what leads to it
//! from the table made before. These steps are kept: [`STEPS`] of them, and not
//! more than [`BYTES`]. Who has a table from which they lead gets them; who has
//! another one (ours were forgotten, or we were started again) fetches the
//! whole. Only the latest table itself is kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use asgard_model::{NetworkTable, network_table::TableVersion};

/// Steps that are kept: half an hour of a Snapshot every 30 seconds.
const STEPS: usize = 64;
/// Bytes of steps that are kept; a fifth of the whole of a real Internet.
const BYTES: usize = 2 << 20;

/// What led to the latest table.
#[derive(Debug, Default)]
pub(crate) struct TableHistory(
    /// Locked for a few lines, never while tables are made or compared.
    Mutex<Past>,
);

#[derive(Debug, Default)]
struct Past {
    latest: Option<Arc<NetworkTable>>,
    /// Each leads to where the next one leads from.
    steps: VecDeque<Step>,
    bytes: usize,
}

#[derive(Debug)]
struct Step {
    from: TableVersion,
    to: TableVersion,
    delta: Arc<[u8]>,
}

impl TableHistory {
    /// Takes a newer table. Blocking: tables are compared.
    pub(crate) fn add(&self, table: &Arc<NetworkTable>) {
        let before = self.lock().latest.clone();
        let step = before.as_deref().map(|before| Step {
            from: before.version(),
            to: table.version(),
            delta: before.delta_to(table).into(),
        });
        let mut past = self.lock();
        let unchanged = match (&before, &past.latest) {
            (Some(before), Some(latest)) => Arc::ptr_eq(before, latest),
            (None, None) => true,
            _ => false,
        };
        // Of two at once one is left out: who has it fetches the whole.
        if !unchanged {
            return;
        }
        past.latest = Some(Arc::clone(table));
        let step = step.filter(|step| step.from != step.to);
        past.push(step);
    }

    /// What leads from one version to another; nothing if they are the same,
    /// `None` if there is no way.
    pub(crate) fn between(
        &self,
        from: TableVersion,
        to: TableVersion,
    ) -> Option<Vec<u8>> {
        if from == to {
            return Some(Vec::new());
        }
        let past = self.lock();
        let start = past.steps.iter().position(|step| step.from == from)?;
        let mut deltas = Vec::new();
        for step in past.steps.range(start..) {
            deltas.extend_from_slice(&step.delta);
            if step.to == to {
                return Some(deltas);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Past> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    fn push(&mut self, step: Option<Step>) {
        let Some(step) = step else { return };
        self.bytes += step.delta.len();
        self.steps.push_back(step);
        while self.steps.len() > STEPS || self.bytes > BYTES {
            let Some(old) = self.steps.pop_front() else { return };
            self.bytes -= old.delta.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use asgard_model::mmdb::{Value, Writer};

    use super::*;

    fn table(asn: u32, moment: u64) -> Arc<NetworkTable> {
        let mut writer = Writer::new("T", "t", moment);
        let number = Value::Unsigned(asn.into());
        let value = Value::Map(vec![("autonomous_system_number", number)]);
        let record = writer.record(&value).unwrap();
        writer.insert("192.0.2.0/24".parse().unwrap(), record);
        let bytes = writer.finish().unwrap();
        Arc::new(NetworkTable::from_mmdb(&bytes).unwrap())
    }

    #[test]
    fn steps_lead_from_any_kept_table_to_the_latest() {
        let history = TableHistory::default();
        let tables: Vec<_> = (1..=100).map(|n| table(n, n.into())).collect();
        tables.iter().for_each(|table| history.add(table));
        let latest = tables[99].version();
        assert_eq!(history.between(latest, latest), Some(Vec::new()));
        for (at, table) in tables[..99].iter().enumerate() {
            match history.between(table.version(), latest) {
                Some(deltas) => {
                    assert!(at >= 99 - STEPS, "{at}");
                    let reached = table.apply(&deltas).unwrap();
                    assert_eq!(reached.version(), latest, "{at}");
                }
                None => assert!(at < 99 - STEPS, "{at}"),
            }
        }
        let stranger = table(7, 7_777).version();
        assert_eq!(history.between(stranger, latest), None);
    }

    #[test]
    fn steps_are_bounded_by_their_bytes() {
        let mut past = Past::default();
        let version = table(1, 1).version();
        for _ in 0..3 {
            let delta = vec![0; BYTES / 2].into();
            past.push(Some(Step { from: version, to: version, delta }));
        }
        assert_eq!((past.steps.len(), past.bytes), (2, BYTES));
        let delta = vec![0; BYTES + 1].into();
        past.push(Some(Step { from: version, to: version, delta }));
        assert_eq!((past.steps.len(), past.bytes), (0, 0));
    }
}

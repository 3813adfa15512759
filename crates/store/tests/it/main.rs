//! Tests of the store through its public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "seeds, times, acknowledgements")]

mod battery;
mod crash;
mod damage;
mod directory;
mod measure;
mod two_handles;

use std::path::Path;

use asgard_model::Asn;
use asgard_store::{Store, StoreConfig, WhitelistEntry, WorldKind};
use jiff::Timestamp;

battery::store_battery!(embedded);

/// An empty store of each backend, and what must live as long as it.
mod backend {
    use asgard_store::Store;
    use tempfile::TempDir;

    pub(crate) async fn embedded() -> (Store, TempDir) {
        let dir = TempDir::new().unwrap();
        (super::open(dir.path()).await, dir)
    }
}

async fn open(dir: &Path) -> Store {
    asgard_store::open(&config(dir, None)).await.unwrap()
}

fn config(dir: &Path, world: Option<WorldKind>) -> StoreConfig {
    StoreConfig { dir: dir.to_owned(), world }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(asn: u32) -> WhitelistEntry {
    WhitelistEntry {
        asn: Asn(asn),
        reason: format!("reason of {asn}"),
        added_at: at(1_000),
        added_by: None,
    }
}

/// The numbers of all whitelisted ASes.
async fn whitelisted(store: &Store) -> Vec<u32> {
    let entries = store.whitelist.list().await.unwrap();
    entries.iter().map(|entry| entry.asn.0).collect()
}

/// Pseudo-random numbers (xorshift64*), the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from(high).unwrap() % bound
    }
}

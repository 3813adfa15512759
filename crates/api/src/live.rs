//! What the running process publishes; readers leave with an `Arc`.
//!
//! The binary writes here, requests read. Nothing waits: every part is swapped
//! whole.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use asgard_model::{ScoreEvent, Sessions, Snapshot, SourceStatus};
use asgard_store::{KeyFacts, KeyId, KeyRefusal, KeyRing};
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::{auth::KeyMemory, limits, published::Published, stream::Hub};

/// What the running process publishes.
pub struct Live {
    published: ArcSwapOption<Published>,
    sources: ArcSwap<Vec<SourceStatus>>,
    sessions: ArcSwap<Sessions>,
    keys: ArcSwapOption<Keys>,
    /// Whether `keys` is known to be what the store holds.
    keys_current: AtomicBool,
    store_writable: AtomicBool,
    files_writable: AtomicBool,
    scoring: AtomicBool,
    events: broadcast::Sender<Arc<[ScoreEvent]>>,
    hub: Arc<Hub>,
}

/// The keys of the store, and a number that no other such set has.
struct Keys {
    ring: KeyRing,
    serial: u64,
}

/// Why a presented key does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// The client's fault.
    Refused(KeyRefusal),
    /// Ours: the keys could not be read, so nobody knows.
    Unknowable,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            published: ArcSwapOption::empty(),
            sources: ArcSwap::default(),
            sessions: ArcSwap::default(),
            keys: ArcSwapOption::empty(),
            keys_current: AtomicBool::new(false),
            store_writable: AtomicBool::new(true),
            files_writable: AtomicBool::new(true),
            scoring: AtomicBool::new(true),
            events: broadcast::Sender::new(limits::EVENT_BACKLOG),
            hub: Arc::default(),
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial = self.snapshot().map(|snapshot| snapshot.serial);
        f.debug_struct("Live").field("serial", &serial).finish()
    }
}

impl Live {
    /// Publishes a Snapshot, then the events of its Delta. Who hears an event
    /// finds at least that Snapshot. Takes a tenth of a second for the whole
    /// Internet when the World is new.
    pub fn publish(&self, snapshot: Arc<Snapshot>, events: Vec<ScoreEvent>) {
        self.hub.begins_at(ScoreEvent::first_id(snapshot.serial));
        let before = self.published();
        let next = Published::new(snapshot, before.as_deref());
        self.published.store(Some(Arc::new(next)));
        if !events.is_empty() {
            // An error means that nobody listens.
            let _ = self.events.send(events.into());
        }
    }

    /// The newest Snapshot; `None` before the first.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.published().map(|published| published.snapshot.clone())
    }

    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// The same for a moment, without being counted among its owners: for
    /// answers that cores give so fast that they would take turns at it.
    pub(crate) fn look(&self) -> Guard<Option<Arc<Published>>> {
        self.published.load()
    }

    /// Events from now on: one message a publication. A reader that falls more
    /// than [`limits::EVENT_BACKLOG`] messages behind gets `Lagged`.
    pub fn events(&self) -> broadcast::Receiver<Arc<[ScoreEvent]>> {
        self.events.subscribe()
    }

    /// The centre of the live stream.
    pub(crate) fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.hub)
    }

    /// Replaces the states of all sources.
    pub fn set_sources(&self, sources: Vec<SourceStatus>) {
        self.sources.store(Arc::new(sources));
    }

    /// The states of all sources.
    pub fn sources(&self) -> Arc<Vec<SourceStatus>> {
        self.sources.load_full()
    }

    /// Replaces the states of all sessions with validators and streams.
    pub fn set_sessions(&self, sessions: Sessions) {
        self.sessions.store(Arc::new(sessions));
    }

    /// The states of all sessions with validators and streams.
    pub fn sessions(&self) -> Arc<Sessions> {
        self.sessions.load_full()
    }

    /// Replaces the keys by those that the store holds now.
    pub fn set_keys(&self, keys: KeyRing) {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        self.keys.store(Some(Arc::new(Keys { ring: keys, serial })));
        self.keys_current.store(true, Ordering::Release);
    }

    /// Says that the store could not be asked about keys. Those that are known
    /// stay good; an unknown one gets 503 until [`Self::set_keys`] or
    /// [`Self::keys_unchanged`], because it may be new.
    pub fn keys_unreachable(&self) {
        self.keys_current.store(false, Ordering::Release);
    }

    /// Says that the store was asked and holds no other keys than are known.
    pub fn keys_unchanged(&self) {
        let known = self.keys.load().is_some();
        self.keys_current.store(known, Ordering::Release);
    }

    /// Says whether the last write to the store went through; `/health` is
    /// degraded from a failed one to the next good one.
    pub fn store_wrote(&self, success: bool) {
        self.store_writable.store(success, Ordering::Release);
    }

    /// Says whether the last cycle could keep its files: those of sources, and
    /// the snapshot. A database that still takes small writes on a full disk
    /// does not make up for them; `/health` is degraded until a cycle can.
    pub fn cycle_kept(&self, success: bool) {
        self.files_writable.store(success, Ordering::Release);
    }

    /// Says whether the last cycle was ended by a panic; `/health` is degraded
    /// from one to the next cycle without.
    pub fn scoring_panicked(&self, panicked: bool) {
        self.scoring.store(!panicked, Ordering::Release);
    }

    pub(crate) fn is_scoring(&self) -> bool {
        self.scoring.load(Ordering::Acquire)
    }

    pub(crate) fn store_writable(&self) -> bool {
        self.store_writable.load(Ordering::Acquire)
            && self.files_writable.load(Ordering::Acquire)
    }

    /// What a presented key says about its bearer, who is a client at an
    /// address. A connection's memory spares
    /// the digest of a key that it showed before.
    pub(crate) fn verify(
        &self,
        presented: &str,
        memory: Option<&KeyMemory>,
        client: IpAddr,
        now: Timestamp,
    ) -> Result<KeyFacts, KeyFault> {
        let keys = self.keys.load();
        let Keys { ring, serial } =
            &**keys.as_ref().ok_or(KeyFault::Unknowable)?;
        let known = memory.and_then(|m| m.recall(presented, *serial));
        let verified = match known {
            Some(id) => ring.standing(id, now),
            None => ring.verify(presented, now).inspect(|facts| {
                if let Some(memory) = memory {
                    memory.keep(presented, *serial, facts.id);
                }
            }),
        };
        let admitted = verified.and_then(|facts| {
            facts.admit(client)?;
            Ok(facts)
        });
        admitted.map_err(|refusal| {
            let current = self.keys_current.load(Ordering::Acquire);
            match refusal {
                KeyRefusal::Unknown if !current => KeyFault::Unknowable,
                _ => KeyFault::Refused(refusal),
            }
        })
    }

    /// Whether a key that was verified before is still good, for connections
    /// that stay open. Waits for nobody: ask it as often as a client shall be
    /// gone.
    ///
    /// # Errors
    /// Once the key is revoked or expired, or is gone while the keys are known
    /// to be those of the store. While the store is away, nobody is cut off for
    /// what we cannot know.
    pub fn key_standing(
        &self,
        id: KeyId,
        now: Timestamp,
    ) -> Result<(), KeyRefusal> {
        let keys = self.keys.load();
        let Some(keys) = keys.as_ref() else { return Ok(()) };
        match keys.ring.standing(id, now) {
            Err(KeyRefusal::Unknown)
                if !self.keys_current.load(Ordering::Acquire) =>
            {
                Ok(())
            }
            standing => standing.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use asgard_store::{ApiKey, KeyRecord, Pepper, Scope, StoredKey};

    use super::*;

    #[test]
    fn an_unknown_key_is_refused_only_while_the_keys_are_current() {
        let key = ApiKey::from_entropy(&[1; ApiKey::ENTROPY]);
        let verify = |live: &Live, text: &str| {
            let client = IpAddr::from([192, 0, 2, 1]);
            live.verify(text, None, client, Timestamp::UNIX_EPOCH).unwrap_err()
        };
        let live = Live::default();
        assert_eq!(verify(&live, key.reveal()), KeyFault::Unknowable);
        live.keys_unchanged();
        assert_eq!(verify(&live, key.reveal()), KeyFault::Unknowable);
        live.set_keys(KeyRing::new(Pepper::new([0; 32]), Vec::new()));
        let unknown = KeyFault::Refused(KeyRefusal::Unknown);
        assert_eq!(verify(&live, key.reveal()), unknown);
        live.keys_unreachable();
        assert_eq!(verify(&live, key.reveal()), KeyFault::Unknowable);
        let malformed = KeyFault::Refused(KeyRefusal::Malformed);
        assert_eq!(verify(&live, "x"), malformed);
        live.keys_unchanged();
        assert_eq!(verify(&live, key.reveal()), unknown);
    }

    /// The keys of a store that holds one; it ends at second 10.
    fn ring(id: KeyId, revoked_at: Option<Timestamp>) -> KeyRing {
        let record = KeyRecord {
            id,
            scopes: Scope::Stream.into(),
            org: None,
            label: None,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "cli".into(),
            expires_at: Some(Timestamp::from_second(10).unwrap()),
            revoked_at,
            rate_class: None,
            client_cidrs: Vec::new(),
            replaced_by: None,
        };
        let key = StoredKey { record, digest: [0; 32] };
        KeyRing::new(Pepper::new([0; 32]), vec![key])
    }

    #[test]
    fn an_open_connection_ends_with_its_key_and_not_with_the_store() {
        let id = ApiKey::from_entropy(&[1; ApiKey::ENTROPY]).id();
        let other = ApiKey::from_entropy(&[2; ApiKey::ENTROPY]).id();
        let live = Live::default();
        let standing = |id, second| {
            live.key_standing(id, Timestamp::from_second(second).unwrap())
        };
        assert_eq!(standing(id, 9), Ok(()), "nothing is known yet");
        live.set_keys(ring(id, None));
        assert_eq!(standing(id, 9), Ok(()));
        assert_eq!(standing(id, 10), Err(KeyRefusal::Expired));
        assert_eq!(standing(other, 9), Err(KeyRefusal::Unknown));
        live.keys_unreachable();
        assert_eq!(standing(id, 9), Ok(()));
        assert_eq!(standing(other, 9), Ok(()), "it may be new");
        assert_eq!(standing(id, 10), Err(KeyRefusal::Expired));
        live.set_keys(ring(id, Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(standing(id, 9), Err(KeyRefusal::Revoked));
    }
}

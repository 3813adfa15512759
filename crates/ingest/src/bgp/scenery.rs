//! What detectors know besides BGP, shared with whoever tells it: a cycle, or
//! the thread that follows a stream.

use std::{fmt, sync::Arc};

use asgard_model::{Prefix, Rir, rpki::Rpki};
use asgard_routing::detector::Bogons;

/// The registry of a prefix.
pub(crate) type Registry = Box<dyn Fn(Prefix) -> Option<Rir> + Send + Sync>;

/// What is known besides BGP.
pub(crate) struct Scenery {
    /// What RPKI says.
    pub(crate) rpki: Arc<Rpki>,
    /// What nobody may announce.
    pub(crate) bogons: Bogons,
    /// The same without what registries say.
    pub(crate) special: Bogons,
    /// The registry of a prefix.
    pub(crate) rir: Registry,
    /// Days in which the weight of a leak halves.
    pub(crate) half_life_days: f64,
}

impl fmt::Debug for Scenery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenery")
            .field("vrps", &self.rpki.vrps.len())
            .finish_non_exhaustive()
    }
}

//! One resource a file: validate, ask, view. The list with paths is `router.rs`.

pub(crate) mod asn;
pub(crate) mod bulk;
pub(crate) mod compare;
pub(crate) mod domain_risk;
pub(crate) mod edl;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod metrics;
pub(crate) mod peeringdb;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod upstreams;
pub(crate) mod whitelist;

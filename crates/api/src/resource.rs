//! One resource a file: validate, ask, view. The list with paths is `router.rs`.

pub(crate) mod alias;
pub(crate) mod asn;
pub(crate) mod bulk;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod compare;
pub(crate) mod docs;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod domain_risk;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod edl;
pub(crate) mod gateway;
pub(crate) mod health;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod history;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod incidents;
pub(crate) mod ip;
pub(crate) mod metrics;
pub(crate) mod peeringdb;
pub(crate) mod prefix;
#[expect(unused_qualifications, reason = "in what `IntoParams` makes")]
pub(crate) mod prefixes;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod taxii;
pub(crate) mod threat;
pub(crate) mod upstreams;
pub(crate) mod whitelist;

//! Public JSON shapes: the only place that serialises to the outside.
//!
//! Names, types and nullability of the first fields of each shape are a
//! contract; fields are added at the end, never renamed or removed. Moments have
//! one of four forms, see `view/moment.rs`.

use asgard_model::Level;
use utoipa::openapi::{Object, ObjectBuilder, Type};

mod bulk;
mod compare;
mod country_name;
mod detail;
mod domain_risk;
mod error;
mod event;
mod health;
mod history;
mod incident;
mod moment;
mod number;
mod peeringdb;
mod profile;
mod route;
mod session;
mod signals;
mod status;
mod threat;
mod upstreams;
mod whitelist;

pub use bulk::BulkView;
pub use compare::CompareView;
pub use detail::{DetailView, EvidenceView};
pub use history::HistoryView;
pub use incident::IncidentsView;
pub use profile::ProfileView;
pub use route::{IpView, PrefixView, PrefixesView};
pub use signals::SignalsView;
pub use status::StatusView;
pub use upstreams::UpstreamsView;

pub(crate) use domain_risk::{AsnSource, DomainRiskSchema, DomainRiskView};
pub(crate) use error::{ErrorView, FeedErrorView, TaxiiErrorView};
pub(crate) use event::EventView;
pub(crate) use health::{Dependency, HealthView, Scoring, SimpleStatusView};
pub(crate) use incident::kind_schema;
pub(crate) use moment::zulu;
pub(crate) use peeringdb::PeeringdbView;
pub(crate) use route::verdict_schema;
pub(crate) use threat::{
    Advice, ConfigSchema, DecisionSchema, DecisionsSchema, DiffSchema,
    DoneVersionSchema, ExplanationSchema, FileSchema, Intel, ManifestSchema,
    NothingBodySchema, OneProtectedSchema, OneRuleSchema, PreviewBodySchema,
    PreviewSchema, ProtectedBodySchema, ProtectedListSchema, ProtectedView,
    RemovedSchema, RuleBodySchema, RulesSchema, SignalBodySchema,
    SignalReplySchema, ThreatView, VersionBodySchema, VersionsSchema,
};
pub(crate) use whitelist::{DoneView, WhitelistView};

/// The names of the levels, from the one table.
fn level_schema() -> Object {
    let names = Level::VALUES.map(|(_, name)| name);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build()
}

/// The name of a network without one, where a name is always text.
const NAMELESS: &str = "Unknown";

/// The version in `/health` and `/status`.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

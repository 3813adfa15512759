//! What an organisation blocks, allows and protects: the write side of a feed.
//!
//! A [`Rule`] selects addresses by prefix, network, country, risk or threat
//! list. A [`Protected`] entry is taken out of every feed. A [`Ruleset`] is all
//! of them at one version. Signals are events that make and remove them.
//!
//! Everything is parsed here, once: what is kept is masked, folded, deduplicated
//! and within limits, and whatever is refused is refused with the name of the
//! field and the way out ([`Refusal`]). No clock, no random number: the time and
//! the ids of new things come in as arguments.

pub(crate) mod check;
mod facts;
mod json;
mod protected;
mod refusal;
mod rule;
mod ruleset;
pub(crate) mod selector;
mod settings;
mod signal;
mod text;
mod view;

pub use check::{admit, check_protected, check_rule};
pub use facts::Facts;
pub use protected::{Protected, ProtectedDraft, ProtectedSource};
pub(crate) use refusal::shown;
pub use refusal::{Code, Refusal};
pub use rule::{
    Allow, Block, MAX_ASNS, MAX_COUNTRIES, MAX_IPS, MAX_LISTS, MAX_RISKS,
    MadeBy, Rule, RuleDraft, RulePatch,
};
pub use ruleset::{Change, MAX_PROTECTED, MAX_RULES, Ruleset};
pub use selector::{RiskSelector, Selector, Target, Threshold};
pub use settings::{GuardLimits, Settings};
pub use signal::{Batch, EventResult, MAX_EVENTS, SignalError, Status, apply};
pub use view::{ResolvedRule, RuleView};

//! ROAs: who signed what, which routes contradict it, and the verdict of
//! RFC 6811 on every route.

use std::collections::BTreeMap;

use asgard_model::{
    Asn, Prefix, Rir,
    prefix::{mask4, mask6},
};

use crate::{
    Plan,
    network::{Network, Plant, Trade},
    random::Random,
    space::{Form, Route, Table},
};

/// A validated ROA payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vrp {
    pub(crate) prefix: Prefix,
    pub(crate) max_len: u8,
    pub(crate) asn: Asn,
    /// The registry at whose trust anchor it hangs.
    pub(crate) anchor: Rir,
}

/// The verdict of route origin validation (RFC 6811).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rov {
    /// A VRP matches.
    Valid,
    /// VRPs cover the prefix, and none matches.
    Invalid,
    /// No VRP covers the prefix.
    NotFound,
}

impl Rov {
    /// The word of the announced-prefixes file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::NotFound => "unknown",
        }
    }
}

/// All VRPs, and what they say.
pub(crate) struct Roas {
    /// By prefix, then length, then number.
    pub(crate) vrps: Vec<Vrp>,
    by_prefix: BTreeMap<Prefix, Vec<(u8, Asn)>>,
}

impl Roas {
    /// Signs the blocks of those who sign, and the routes inside them, but
    /// forgets a few: every seventh lease, every 60th own more-specific.
    pub(crate) fn of(plan: &Plan, networks: &[Network], table: &Table) -> Self {
        let mut random = Random::stream(plan.seed, "roas");
        let mut vrps = Vec::new();
        let (mut leases, mut parts) = (0, 0);
        let mut open = vec![false; networks.len()];
        open.fill_with(|| random.chance(300));
        for route in &table.routes {
            let holder = &networks[route.holder];
            let forgets = match route.form {
                Form::Part => {
                    !open[route.holder]
                        && is_large(holder)
                        && every(60, &mut parts)
                }
                Form::Leased => {
                    networks[route.origin].plant == Plant::Ordinary
                        && holder.signed
                        && every(7, &mut leases)
                }
                Form::Kin | Form::Squatted => true,
                Form::Block | Form::SecondOrigin => false,
            };
            if holder.signed && !forgets {
                let max_len = allowed(route, open[route.holder]);
                vrps.push(Vrp {
                    prefix: route.prefix,
                    max_len,
                    asn: networks[route.origin].asn,
                    anchor: holder.rir,
                });
            }
        }
        Self::new(vrps)
    }

    fn new(mut vrps: Vec<Vrp>) -> Self {
        vrps.sort_by_key(|vrp| (vrp.prefix, vrp.max_len, vrp.asn));
        vrps.dedup();
        let mut by_prefix: BTreeMap<Prefix, Vec<(u8, Asn)>> = BTreeMap::new();
        for vrp in &vrps {
            let entry = by_prefix.entry(vrp.prefix).or_default();
            entry.push((vrp.max_len, vrp.asn));
        }
        Self { vrps, by_prefix }
    }

    /// The verdict, and how many VRPs cover the prefix.
    pub(crate) fn verdict(&self, prefix: Prefix, origin: Asn) -> (Rov, usize) {
        let covering = (8..=prefix.len())
            .filter_map(|len| self.by_prefix.get(&shorten(prefix, len)))
            .flatten();
        let (mut count, mut valid) = (0, false);
        for &(max_len, asn) in covering {
            count += 1;
            valid |= asn == origin && prefix.len() <= max_len;
        }
        let verdict = match (valid, count) {
            (true, _) => Rov::Valid,
            (false, 0) => Rov::NotFound,
            (false, _) => Rov::Invalid,
        };
        (verdict, count)
    }
}

/// Large enough not to suffer from a forgotten more-specific.
fn is_large(holder: &Network) -> bool {
    holder.signed && matches!(holder.trade, Trade::Access | Trade::Transit)
}

/// True for the first call, and then once in every `period`.
fn every(period: u32, calls: &mut u32) -> bool {
    *calls += 1;
    *calls % period == 1
}

/// The maximum length of a route's VRP: generous where the holder is open.
fn allowed(route: &Route, open: bool) -> u8 {
    let generous = if route.prefix.is_v4() { 24 } else { 48 };
    match route.form {
        Form::Block if open => generous.max(route.prefix.len()),
        _ => route.prefix.len(),
    }
}

fn shorten(prefix: Prefix, len: u8) -> Prefix {
    match prefix {
        Prefix::V4(bits, _) => Prefix::V4(bits & mask4(len), len),
        Prefix::V6(bits, _) => Prefix::V6(bits & mask6(len), len),
    }
}

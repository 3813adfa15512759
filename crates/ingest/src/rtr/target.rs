//! From records of the protocol to sets: what is announced, what is withdrawn,
//! and what must not be.
//!
//! A record that is announced twice, or withdrawn without being there, is a
//! fault of the validator (RFC 8210, section 12, codes 6 and 7): the answer is
//! refused whole, and everything is asked for anew. An answer that leaves less
//! than a third of what was known is no better: it is refused until the last one
//! has run out.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use asgard_model::{
    Asn, Prefix,
    aspa::AspaSet,
    rpki::{Rpki, Vrp, VrpSet},
};
use rpki::rtr::{
    Action, Payload, State, Timing,
    client::{PayloadError, PayloadTarget, PayloadUpdate},
};

use super::Notice;
use crate::{learner::SHRINK_LIMIT, reader::MIN_VRP_LEN};

/// Most records of one answer; RPKI of 2026 has a million.
const MAX_RECORDS: usize = 10_000_000;
/// Most providers in one answer, of all customers.
const MAX_PROVIDERS: usize = 10_000_000;

/// Fewer VRPs may go as they like.
const FEW: usize = 50;

/// How long an answer may be good, whatever the validator says: the longest
/// expire interval of RFC 8210, section 6.
const MAX_AGE: Duration = Duration::from_secs(172_800);

/// Where answers go.
pub(super) struct Target<'n> {
    notice: &'n Notice,
    timing: Option<Timing>,
    /// Whether an answer was taken over since the connection was made.
    pub(super) answered: bool,
    /// What was wrong with an answer that was refused.
    pub(super) trouble: Option<String>,
}

/// One answer.
pub(super) struct Update {
    reset: bool,
    /// In the order in which they came, by VRP once they are sorted.
    vrps: Vec<(Vrp, Action)>,
    /// The last word on each customer; `None`: no ASPA any more.
    aspas: BTreeMap<Asn, Option<Vec<Asn>>>,
    providers: usize,
    ignored: u64,
}

impl<'n> Target<'n> {
    pub(super) fn new(notice: &'n Notice) -> Self {
        Self { notice, timing: None, answered: false, trouble: None }
    }

    /// When the validator wants to be asked again; at once, if it has not
    /// answered yet.
    pub(super) fn refresh(&self) -> Duration {
        self.timing.map_or(Duration::ZERO, Timing::refresh_duration)
    }

    /// Notes how far we have come.
    pub(super) fn note(&self, state: Option<State>) {
        self.notice.reached(state);
    }

    fn refuse(&mut self, why: String, error: PayloadError) -> PayloadError {
        self.trouble = Some(why);
        error
    }
}

impl PayloadTarget for &mut Target<'_> {
    type Update = Update;

    fn start(&mut self, reset: bool) -> Update {
        Update {
            reset,
            vrps: Vec::new(),
            aspas: BTreeMap::new(),
            providers: 0,
            ignored: 0,
        }
    }

    fn apply(
        &mut self,
        update: Update,
        timing: Timing,
    ) -> Result<(), PayloadError> {
        self.timing = Some(timing);
        let before = self.notice.current();
        if before.is_none() && !update.reset {
            let why = "changes of what has run out".to_owned();
            return Err(self.refuse(why, PayloadError::Internal));
        }
        let before = before.map(|said| Arc::clone(&said.rpki));
        let before = before.unwrap_or_default();
        let nothing = Rpki::default();
        let known = if update.reset { &nothing } else { &*before };
        let is_news =
            update.reset || !update.vrps.is_empty() || !update.aspas.is_empty();
        let news = match is_news {
            false => None,
            true => {
                let vrps = merged(&known.vrps, update.vrps);
                let vrps = vrps.map_err(|(why, e)| self.refuse(why, e))?;
                if let Err(why) = believable(vrps.len(), before.vrps.len()) {
                    return Err(self.refuse(why, PayloadError::Internal));
                }
                Some((vrps, with(&known.aspas, update.aspas)))
            }
        };
        if let Some((vrps, aspas)) = &news {
            let (vrps, aspas) = (vrps.len(), aspas.len());
            tracing::info!(vrps, aspas, "RTR: the validator has spoken");
        }
        let good_for = Duration::from_secs(timing.expire.into()).min(MAX_AGE);
        self.notice.said(news, update.ignored, good_for);
        self.answered = true;
        Ok(())
    }
}

impl PayloadUpdate for Update {
    fn push_update(
        &mut self,
        action: Action,
        payload: Payload,
    ) -> Result<(), PayloadError> {
        match payload {
            Payload::Origin(origin) => {
                let prefix = origin.prefix.prefix();
                let address: IpAddr = prefix.addr();
                let prefix = Prefix::new(address, prefix.len())
                    .ok_or(PayloadError::Corrupt)?;
                let max_len = origin.prefix.resolved_max_len();
                // No holder has so much, see the reader of files.
                if prefix.len() < MIN_VRP_LEN {
                    self.ignored += 1;
                    return Ok(());
                }
                if self.vrps.len() >= MAX_RECORDS {
                    return Err(PayloadError::Internal);
                }
                let asn = Asn(origin.asn.into_u32());
                self.vrps.push((Vrp { prefix, max_len, asn }, action));
            }
            // Where all is said anew nothing can be withdrawn: caches that speak
            // an older draft of version 2 mean something else.
            Payload::Aspa(_) if self.reset && action.is_withdraw() => {
                self.ignored += 1;
            }
            Payload::Aspa(aspa) => {
                let customer = Asn(aspa.customer.into_u32());
                let providers: Vec<Asn> =
                    aspa.providers.iter().map(|p| Asn(p.into_u32())).collect();
                self.providers += providers.len() + 1;
                if self.providers > MAX_PROVIDERS {
                    return Err(PayloadError::Internal);
                }
                let said = action.is_announce().then_some(providers);
                self.aspas.insert(customer, said);
            }
            Payload::RouterKey(_) => self.ignored += 1,
        }
        Ok(())
    }
}

type Refusal = (String, PayloadError);

/// Whether so many VRPs may take the place of those before.
fn believable(now: usize, before: usize) -> Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
    let share = now as f64 / before.max(1) as f64;
    match before >= FEW && share < SHRINK_LIMIT {
        false => Ok(()),
        true => Err(format!(
            "the validator has {now} VRPs, and had {before}: shrunk below \
             {:.0} %",
            100.0 * SHRINK_LIMIT
        )),
    }
}

/// Applies changes to a set: both are walked in order, once.
fn merged(
    known: &VrpSet,
    mut changes: Vec<(Vrp, Action)>,
) -> Result<VrpSet, Refusal> {
    // Stable: changes of one VRP stay in their order.
    changes.sort_by_key(|(vrp, _)| *vrp);
    let mut result = Vec::with_capacity(known.len() + changes.len());
    let mut old = known.iter().peekable();
    for same in changes.chunk_by(|a, b| a.0 == b.0) {
        let vrp = same[0].0;
        while let Some(other) = old.next_if(|other| *other < vrp) {
            result.push(other);
        }
        let mut there = old.next_if_eq(&vrp).is_some();
        for (_, action) in same {
            let announced = action.is_announce();
            if announced == there {
                return Err(contradiction(vrp, announced));
            }
            there = announced;
        }
        if there {
            result.push(vrp);
        }
    }
    result.extend(old);
    Ok(VrpSet::new(result))
}

fn contradiction(vrp: Vrp, announced: bool) -> Refusal {
    let Vrp { prefix, max_len, asn } = vrp;
    let (what, error) = match announced {
        true => ("announces twice", PayloadError::DuplicateAnnounce),
        false => ("withdraws unknown", PayloadError::UnknownWithdraw),
    };
    (format!("the validator {what} {prefix}-{max_len} {asn}"), error)
}

fn with(known: &AspaSet, changes: BTreeMap<Asn, Option<Vec<Asn>>>) -> AspaSet {
    let stays = |(asn, _): &(Asn, &[Asn])| !changes.contains_key(asn);
    let old = known.iter().filter(stays);
    let old: Vec<(Asn, Vec<Asn>)> =
        old.map(|(asn, providers)| (asn, providers.to_vec())).collect();
    let new = changes.into_iter().filter_map(|(a, p)| Some((a, p?)));
    AspaSet::new(old.into_iter().chain(new))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    fn vrp(n: u32) -> Vrp {
        Vrp { prefix: Prefix::V4(n << 16, 16), max_len: 24, asn: Asn(n % 3) }
    }

    proptest! {
        #[test]
        fn changes_do_to_a_set_what_they_say(
            before in prop::collection::btree_set(0_u32..40, 0..30),
            changes in prop::collection::vec((0_u32..40, any::<bool>()), 0..30),
        ) {
            let known = VrpSet::new(before.iter().map(|&n| vrp(n)).collect());
            let mut expected: BTreeSet<u32> = before;
            let mut good = true;
            for &(n, announce) in &changes {
                good &= match announce {
                    true => expected.insert(n),
                    false => expected.remove(&n),
                };
            }
            let changes = changes.into_iter().map(|(n, announce)| {
                let action = match announce {
                    true => Action::Announce,
                    false => Action::Withdraw,
                };
                (vrp(n), action)
            });
            match merged(&known, changes.collect()) {
                Ok(set) => {
                    prop_assert!(good);
                    let all = expected.into_iter().map(vrp).collect();
                    prop_assert_eq!(set, VrpSet::new(all));
                }
                Err(_) => prop_assert!(!good),
            }
        }
    }

    #[test]
    fn a_validator_that_lost_most_of_rpki_is_not_believed() {
        assert!(believable(30, 100).is_ok());
        assert!(believable(29, 100).unwrap_err().contains("shrunk"));
        assert!(believable(0, 49).is_ok());
        assert!(believable(1_000_000, 0).is_ok());
    }

    #[test]
    fn the_last_word_on_a_customer_stands() {
        let known = AspaSet::new([
            (Asn(1), vec![Asn(10)]),
            (Asn(2), vec![Asn(20)]),
            (Asn(3), vec![Asn(30)]),
        ]);
        let changes = BTreeMap::from([
            (Asn(1), None),
            (Asn(2), Some(vec![Asn(21), Asn(22)])),
            (Asn(4), Some(vec![Asn(0)])),
        ]);
        let set = with(&known, changes);
        let all: Vec<(u32, usize)> =
            set.iter().map(|(asn, p)| (asn.0, p.len())).collect();
        assert_eq!(all, [(2, 2), (3, 1), (4, 1)]);
    }
}

//! Threat units: listings, rates, and the limits that keep one publisher, true
//! or poisoned, from condemning a network alone.

use super::{
    Code, Model,
    family_limit::{corroborating, limited},
    ledger::Ledger,
    ramp::{Bound, RateKind},
};
use crate::{
    Signals,
    signals::{Exposure, Neighbours, Rates, Threats},
};

/// One body of evidence: of all sources, of one family, or of the others.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) rates: &'a Rates,
    pub(super) months: u8,
    pub(super) asn_drop: f64,
    pub(super) drop_space_share: f64,
}

const NO_RATES: Rates = Rates {
    hosting: 0.0,
    phishing: 0.0,
    spam: 0.0,
    attack: 0.0,
    hosting_v6: 0.0,
    phishing_v6: 0.0,
    spam_v6: 0.0,
    attack_v6: 0.0,
};

/// Units of a body of evidence, before any limit: the listing, then the rates.
#[derive(Clone, Copy)]
pub(super) struct ThreatUnits {
    spamhaus: f64,
    rates: [f64; 4],
}

impl ThreatUnits {
    pub(super) fn total(&self) -> f64 {
        self.spamhaus + self.rates.iter().sum::<f64>()
    }
}

impl<'a> Evidence<'a> {
    pub(super) fn of_all(threats: Option<&'a Threats>) -> Self {
        match threats {
            Some(threats) => Self {
                rates: &threats.k,
                months: threats.persistence_months,
                asn_drop: threats.asn_drop,
                drop_space_share: threats.drop_space_share,
            },
            None => Self::nothing(),
        }
    }

    /// What an AS has that nobody ever reported.
    pub(super) fn nothing() -> Self {
        Self {
            rates: &NO_RATES,
            months: 0,
            asn_drop: 0.0,
            drop_space_share: 0.0,
        }
    }

    pub(super) fn units(
        &self,
        space: &Exposure,
        bound: Bound,
        model: &Model,
    ) -> ThreatUnits {
        let persistence = persistence(self.months, model);
        let rates = RateKind::ALL.map(|kind| {
            persistence * model.ramps.units(kind, self.rates, space, bound)
        });
        ThreatUnits { spamhaus: self.listing_units(model), rates }
    }

    fn listing_units(&self, model: &Model) -> f64 {
        let flat = &model.flat;
        let share = self.drop_space_share.clamp(0.0, 1.0);
        let space = if share > 0.0 {
            flat.drop_space * libm::pow(share, flat.drop_space_exponent)
        } else {
            0.0
        };
        (flat.asn_drop * self.asn_drop.clamp(0.0, 1.0)).max(space)
    }
}

/// Factor on rates: the floor at once, the rest month by month.
fn persistence(months: u8, model: &Model) -> f64 {
    let share = f64::from(months) / f64::from(model.window_months);
    let floor = model.persistence_floor;
    floor + (1.0 - floor) * share.min(1.0)
}

/// The weighed evidence about one AS.
pub(super) struct Weighed {
    low: ThreatUnits,
    /// Units at the low bound, without limits.
    pub(super) raw: f64,
    /// Units at the low bound, under the family limit.
    pub(super) limited: f64,
    /// Independent families that give enough units alone.
    pub(super) families: u8,
    /// Enough families agree, or ASN-DROP condemns alone.
    pub(super) corroborated: bool,
}

/// Weighs all evidence about one AS.
pub(super) fn weigh(signals: &Signals, model: &Model) -> Weighed {
    let space = &signals.exposure;
    let threats = signals.threats.as_deref();
    let all = Evidence::of_all(threats);
    let low = all.units(space, Bound::Low, model);
    let raw = low.total();
    let families =
        threats.map_or(0, |threats| corroborating(threats, space, model));
    // A listing that decays after delisting condemns alone only as long as it
    // exceeds the limit by itself.
    let condemned =
        all.asn_drop * model.flat.asn_drop >= model.total_limit_alone();
    Weighed {
        low,
        raw,
        limited: threats
            .map_or(0.0, |threats| limited(raw, threats, space, model)),
        families,
        corroborated: families >= model.corroboration.families || condemned,
    }
}

/// Units at the high bound, without limits: what the evidence may still mean.
pub(super) fn at_most(signals: &Signals, model: &Model) -> f64 {
    Evidence::of_all(signals.threats.as_deref())
        .units(&signals.exposure, Bound::High, model)
        .total()
}

/// Enters the limited units, and the sibling's, which no family can limit.
pub(super) fn enter(
    ledger: &mut Ledger,
    weighed: &Weighed,
    threats: Option<&Threats>,
    neighbours: &Neighbours,
    model: &Model,
) {
    let factor =
        if weighed.raw > 0.0 { weighed.limited / weighed.raw } else { 0.0 };
    let [hosting, phishing, spam, attack] =
        weighed.low.rates.map(|units| units * factor);
    let c2 = threats.map_or(0.0, |t| t.c2_share.clamp(0.0, 1.0));
    ledger.set(Code::ThreatSpamhaus, weighed.low.spamhaus * factor);
    ledger.set(Code::ThreatBotnet, hosting * c2);
    ledger.set(Code::ThreatMalware, hosting * (1.0 - c2));
    ledger.set(Code::ThreatPhishing, phishing);
    ledger.set(Code::ThreatSpam, spam);
    ledger.set(Code::ThreatAttackSource, attack);
    ledger.set(Code::ThreatSibling, sibling(neighbours, model));
}

fn sibling(neighbours: &Neighbours, model: &Model) -> f64 {
    let related = &model.related;
    let direct = neighbours.sibling.unwrap_or(0.0).max(0.0);
    (related.sibling_factor * direct).min(related.sibling)
}

/// Lower bounds of the rates of abuse, per /24 of IPv4 or /48 of IPv6, whichever
/// is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LowRates {
    /// C2 and malware distribution.
    pub hosting: f64,
    /// Phishing.
    pub phishing: f64,
    /// Listed sources of mail: `spam_emission_rate`.
    pub spam: f64,
    /// Sources of scans and brute force: `attack_source_rate`.
    pub attack: f64,
}

/// Lower bounds of the rates, for display.
pub fn low_rates(signals: &Signals, model: &Model) -> LowRates {
    let Some(threats) = signals.threats.as_deref() else {
        return LowRates::default();
    };
    let [hosting, phishing, spam, attack] = RateKind::ALL
        .map(|kind| model.ramps.low_rate(kind, &threats.k, &signals.exposure));
    LowRates { hosting, phishing, spam, attack }
}

/// Lower bound of the hosting rate alone.
pub(super) fn hosting_rate(signals: &Signals, model: &Model) -> f64 {
    signals.threats.as_deref().map_or(0.0, |threats| {
        let kind = RateKind::Hosting;
        model.ramps.low_rate(kind, &threats.k, &signals.exposure)
    })
}

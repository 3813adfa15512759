//! From counts to units: shrinkage, bounds of the rate, the logarithmic ramp.
//!
//! The rate of an AS with k effective reports on E blocks has the posterior
//! Gamma(g·b + k, b + E). Its low quantile makes units, so that one report on
//! little space proves nothing and thousands on a cloud stay a low rate.

use super::{Model, gamma};
use crate::signals::{Exposure, Rates};

/// A kind of abuse that is measured as a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RateKind {
    Hosting,
    Phishing,
    Spam,
    Attack,
}

impl RateKind {
    pub(super) const ALL: [Self; 4] =
        [Self::Hosting, Self::Phishing, Self::Spam, Self::Attack];

    /// Effective counts on IPv4 and IPv6.
    fn counts(self, rates: &Rates) -> [f64; 2] {
        match self {
            Self::Hosting => [rates.hosting, rates.hosting_v6],
            Self::Phishing => [rates.phishing, rates.phishing_v6],
            Self::Spam => [rates.spam, rates.spam_v6],
            Self::Attack => [rates.attack, rates.attack_v6],
        }
    }
}

/// Which end of the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Low,
    High,
}

/// The ramps of all kinds, for IPv4 and IPv6.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ramps {
    pairs: [[Ramp; 2]; 4],
    quantile_low: f64,
    quantile_high: f64,
}

/// Prior and ramp of one kind in one address family.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ramp {
    cap: f64,
    shape: f64,
    blocks: f64,
    r0: f64,
    log_span: f64,
    /// High quantile of Gamma(shape, 1): all that k = 0 needs.
    unreported: f64,
}

impl Ramps {
    pub(super) fn new(model: &Model) -> Self {
        let v6 = &model.rate_v6;
        let pairs = RateKind::ALL.map(|kind| {
            let rate = model.rate(kind);
            let ramp = |blocks: f64, g: f64, factor: f64| Ramp {
                cap: rate.cap,
                shape: g * blocks,
                blocks,
                r0: rate.r0 * factor,
                log_span: libm::log(rate.r1 / rate.r0),
                unreported: gamma::quantile(g * blocks, model.quantile_high),
            };
            [
                ramp(model.prior_b, rate.g, 1.0),
                ramp(v6.prior_b, rate.g * v6.g_factor, v6.factor_r),
            ]
        });
        Self {
            pairs,
            quantile_low: model.quantile_low,
            quantile_high: model.quantile_high,
        }
    }

    /// Units of one kind, 0 to its cap: the larger of IPv4 and IPv6.
    pub(super) fn units(
        &self,
        kind: RateKind,
        rates: &Rates,
        space: &Exposure,
        bound: Bound,
    ) -> f64 {
        self.larger(kind, rates, space, |ramp, k, blocks| {
            // A low quantile is below the mean: no need to compute it.
            let hopeless = bound == Bound::Low
                && ramp.shape + k <= ramp.r0 * (ramp.blocks + blocks);
            if hopeless {
                return 0.0;
            }
            ramp.units(self.rate(ramp, k, blocks, bound))
        })
    }

    /// Low bound of a rate per block: the larger of IPv4 and IPv6.
    pub(super) fn low_rate(
        &self,
        kind: RateKind,
        rates: &Rates,
        space: &Exposure,
    ) -> f64 {
        self.larger(kind, rates, space, |ramp, k, blocks| {
            self.rate(ramp, k, blocks, Bound::Low)
        })
    }

    fn larger(
        &self,
        kind: RateKind,
        rates: &Rates,
        space: &Exposure,
        measure: impl Fn(&Ramp, f64, f64) -> f64,
    ) -> f64 {
        let ramps = &self.pairs[kind as usize];
        let counts = kind.counts(rates);
        let blocks = [space.v4, space.v6];
        (0..2)
            .filter(|&i| counts[i] > 0.0 || blocks[i] > 0.0)
            .map(|i| measure(&ramps[i], counts[i], blocks[i].max(1.0)))
            .fold(0.0, f64::max)
    }

    fn rate(&self, ramp: &Ramp, k: f64, blocks: f64, bound: Bound) -> f64 {
        let shape = ramp.shape + k;
        let quantile = match bound {
            Bound::Low if k <= 0.0 => 0.0,
            Bound::Low => gamma::quantile(shape, self.quantile_low),
            Bound::High if k <= 0.0 => ramp.unreported,
            Bound::High => gamma::quantile(shape, self.quantile_high),
        };
        quantile / (ramp.blocks + blocks)
    }
}

impl Ramp {
    fn units(&self, rate: f64) -> f64 {
        if rate <= self.r0 {
            return 0.0;
        }
        let share = libm::log(rate / self.r0) / self.log_span;
        self.cap * share.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(k: f64, v4: f64, kind: RateKind, bound: Bound) -> f64 {
        let rates =
            Rates { hosting: k, phishing: k, attack: k, ..Rates::default() };
        let space = Exposure { v4, ..Exposure::default() };
        Model::default_model().ramps.units(kind, &rates, &space, bound)
    }

    #[test]
    fn one_report_proves_nothing_and_forty_prove_much() {
        let low = |k| units(k, 1.0, RateKind::Hosting, Bound::Low);
        assert!(low(1.0) == 0.0);
        assert!((low(20.0) - 58.7).abs() < 0.2, "{}", low(20.0));
        assert!(low(40.0) == 70.0);
    }

    #[test]
    fn a_large_network_without_reports_has_a_narrow_interval() {
        assert!(units(0.0, 1.0, RateKind::Hosting, Bound::High) > 0.0);
        assert!(units(0.0, 64.0, RateKind::Hosting, Bound::High) == 0.0);
    }

    #[test]
    fn reports_on_ipv6_count_as_much_as_on_ipv4() {
        let model = Model::default_model();
        let rates = Rates { hosting_v6: 30.0, ..Rates::default() };
        let space = Exposure { v4: 900.0, v6: 1.0, ..Exposure::default() };
        let kind = RateKind::Hosting;
        let units = model.ramps.units(kind, &rates, &space, Bound::Low);
        assert!(units > 60.0, "{units}");
        assert!(model.ramps.low_rate(kind, &rates, &space) > 4.0);
    }
}

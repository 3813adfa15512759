//! Cases for the tests of this folder: an AS, its surroundings, the parameters.

use std::sync::LazyLock;

use super::{Link, Model, assess, direct};
use crate::{
    Assessment, Bands, FamilyId, Signals,
    signals::{
        Exposure, FamilyEvidence, Neighbours, Rates, SourceHealth, Threats,
        Trust, Visibility,
    },
};

static MODEL: LazyLock<Model> = LazyLock::new(Model::default_model);

/// Everything that [`assess`] takes.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) signals: Signals,
    pub(super) neighbours: Neighbours,
    pub(super) health: SourceHealth,
    pub(super) model: Model,
}

impl Case {
    /// Announced, visible, fresh sources, ten years old, nothing reported.
    pub(super) fn clean(v4: f64) -> Self {
        let mut signals = Signals {
            exposure: Exposure { v4, v6: 0.0, visibility: Visibility::Full },
            ..Signals::default()
        };
        signals.metadata.age_days = Some(3_650);
        Self {
            signals,
            neighbours: Neighbours::default(),
            health: SourceHealth { coverage: 1.0, routing_stale: false },
            model: MODEL.clone(),
        }
    }

    /// No source was ever loaded.
    pub(super) fn empty() -> Self {
        let mut case = Self::clean(0.0);
        case.signals = Signals::default();
        case.health.coverage = 0.0;
        case
    }

    /// As `clean`, with `k` hosting reports over so many months.
    pub(super) fn hosting(v4: f64, k: f64, months: u8) -> Self {
        let mut case = Self::clean(v4);
        case.signals.threats = Some(Box::new(Threats {
            k: Rates { hosting: k, ..Rates::default() },
            c2_share: 1.0,
            persistence_months: months,
            ..Threats::default()
        }));
        case
    }

    /// Splits all evidence evenly over the families.
    pub(super) fn families(mut self, families: Vec<FamilyEvidence>) -> Self {
        let threats = self.threats();
        let parts = f64::from(u32::try_from(families.len()).unwrap());
        for mut family in families {
            family.alone = scaled(&threats.k, 1.0 / parts);
            family.without = scaled(&threats.k, 1.0 - 1.0 / parts);
            family.months_alone = threats.persistence_months;
            family.months_without = threats.persistence_months;
            threats.families.push(family);
        }
        self
    }

    pub(super) fn age(mut self, days: u32) -> Self {
        self.signals.metadata.age_days = Some(days);
        self
    }

    pub(super) fn link(mut self, link: Link) -> Self {
        self.model.link = link;
        self
    }

    pub(super) fn threats(&mut self) -> &mut Threats {
        self.signals.threats.get_or_insert_default()
    }

    pub(super) fn assess(&self) -> Assessment {
        self.assess_as(false)
    }

    pub(super) fn assess_as(&self, whitelisted: bool) -> Assessment {
        let Self { signals, neighbours, health, model } = self;
        let bands = Bands::default();
        assess(signals, neighbours, health, whitelisted, model, bands)
    }

    pub(super) fn direct(&self) -> f64 {
        direct(&self.signals, &self.health, &self.model)
    }
}

/// A curated family that says nothing yet.
pub(super) fn family(id: u8) -> FamilyEvidence {
    FamilyEvidence {
        family: FamilyId(id),
        trust: Trust::Curated,
        contains: 0,
        alone: Rates::default(),
        without: Rates::default(),
        months_alone: 0,
        months_without: 0,
        drop_space_share: 0.0,
        asn_drop: 0.0,
    }
}

/// Every count times a factor.
pub(super) fn scaled(rates: &Rates, factor: f64) -> Rates {
    Rates {
        hosting: rates.hosting * factor,
        phishing: rates.phishing * factor,
        spam: rates.spam * factor,
        attack: rates.attack * factor,
        hosting_v6: rates.hosting_v6 * factor,
        phishing_v6: rates.phishing_v6 * factor,
        spam_v6: rates.spam_v6 * factor,
        attack_v6: rates.attack_v6 * factor,
    }
}

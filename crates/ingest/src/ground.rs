//! The ground: what changes slowly and says nothing bad about anybody.
//!
//! Routing table, origin validation, registrations, relationships, landmarks.
//! It is read whole when one of its sources has a new version, and shared by
//! the cycles until then.

use std::sync::Arc;

use asgard_model::{
    Asn, Class, CountryBuilder, CountrySpace, Landmarks, NetworkKind,
    PeeringdbNet, PeeringdbNets, Prefix, Registration, RoutingTable,
    TableBuilder,
    aspa::AspaSet,
    graph::Relationship,
    rpki::{Rpki, VrpSet},
    special_purpose::SpecialPurpose,
};
use rustc_hash::FxHashMap;

use crate::{
    hygiene::{Claim, claims},
    reader::{NetworkRows, OriginRows, RpkiRows},
};

/// What changes slowly.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Who announces what, validated.
    pub table: Arc<RoutingTable>,
    /// In which country addresses are, by a source of just that; without one,
    /// in which country registries gave them to their holders.
    pub countries: Arc<CountrySpace>,
    /// Name and day of the source of the table.
    pub routing_source: String,
    /// What RPKI says.
    pub rpki: Arc<Rpki>,
    /// Whether too few full feeds vouch for the routes of IPv4 and of IPv6.
    pub low_visibility: [bool; 2],
    /// RPKI-invalid routes with the rightful origins.
    pub claims: Vec<Claim>,
    /// Who holds each AS number.
    pub registrations: FxHashMap<Asn, Registration>,
    /// Relationships; empty if no source was loaded.
    pub edges: Vec<(Asn, Asn, Relationship)>,
    /// Networks with a PeeringDB profile; `None` if no source was loaded.
    pub peeringdb: Option<FxHashMap<Asn, NetworkKind>>,
    /// Those of them whose profile was loaded.
    pub profiles: Arc<PeeringdbNets>,
    /// Well-known ranges.
    pub landmarks: Arc<Landmarks>,
    /// Space that nobody may announce.
    pub special: SpecialPurpose,
}

/// Collects the rows of the slow sources.
#[derive(Default)]
pub struct GroundBuilder {
    table: TableBuilder,
    countries: CountryBuilder,
    delegated_countries: CountryBuilder,
    routing_source: String,
    states_rpki: bool,
    low_visibility: [bool; 2],
    rpki: RpkiRows,
    registrations: FxHashMap<Asn, Registration>,
    edges: Vec<(Asn, Asn, Relationship)>,
    peeringdb: Option<FxHashMap<Asn, NetworkKind>>,
    profiles: Vec<(Asn, PeeringdbNet)>,
    ranges: Vec<(Prefix, Class)>,
    special: SpecialPurpose,
}

impl GroundBuilder {
    /// Takes the rows of the one source that rules routing.
    pub fn routing(&mut self, name: &str, rows: OriginRows) {
        self.routing_source = name.to_owned();
        self.states_rpki |= rows.states_rpki;
        for (known, low) in
            self.low_visibility.iter_mut().zip(rows.low_visibility)
        {
            *known |= low;
        }
        self.table.append(rows.table);
    }

    /// Adds countries of addresses: what earlier sources said stands.
    pub fn countries(&mut self, rows: CountryBuilder) {
        self.countries.append(rows);
    }

    /// Adds countries of the holders of addresses, as registries state them.
    pub fn delegated_countries(&mut self, rows: CountryBuilder) {
        self.delegated_countries.append(rows);
    }

    /// Adds what RPKI says.
    pub fn rpki(&mut self, rows: RpkiRows) {
        self.rpki.vrps.extend(rows.vrps);
        self.rpki.aspas.extend(rows.aspas);
    }

    /// Adds registrations: what earlier sources said stands, gaps are filled.
    pub fn registrations(&mut self, rows: Vec<(Asn, Registration)>) {
        for (asn, row) in rows {
            let known = self.registrations.entry(asn).or_default();
            known.name = known.name.take().or(row.name);
            known.organisation = known.organisation.take().or(row.organisation);
            known.country = known.country.or(row.country);
            known.rir = known.rir.or(row.rir);
            known.since = known.since.or(row.since);
            known.anonymous = known.anonymous.or(row.anonymous);
            if known.kind == NetworkKind::Unknown {
                known.kind = row.kind;
            }
        }
    }

    /// Adds relationships.
    pub fn relations(&mut self, rows: Vec<(Asn, Asn, Relationship)>) {
        self.edges.extend(rows);
    }

    /// Adds networks with a PeeringDB profile.
    pub fn peeringdb(&mut self, rows: NetworkRows) {
        self.profiles.extend(rows.profiles);
        let known = self.peeringdb.get_or_insert_default();
        for (asn, kind) in rows.kinds {
            let entry = known.entry(asn).or_default();
            if *entry == NetworkKind::Unknown {
                *entry = kind;
            }
        }
    }

    /// Adds well-known ranges of a class.
    pub fn ranges(&mut self, class: Class, rows: Vec<Prefix>) {
        self.ranges.extend(rows.into_iter().map(|prefix| (prefix, class)));
    }

    /// Adds entries of the special-purpose registries.
    pub fn special(&mut self, rows: Vec<(Prefix, bool)>) {
        for (prefix, reachable) in rows {
            self.special.add(prefix, reachable);
        }
    }

    /// Validates the table and builds the ground.
    pub fn build(mut self) -> Ground {
        let RpkiRows { vrps, aspas } = std::mem::take(&mut self.rpki);
        let vrps = VrpSet::new(vrps);
        let rpki = Rpki {
            known: !vrps.is_empty() || self.states_rpki,
            vrps,
            aspas: AspaSet::new(aspas),
        };
        let table = self.table.build(&rpki.vrps);
        // The two are not mixed: an address would move when one is away.
        let countries = match self.countries.is_empty() {
            true => std::mem::take(&mut self.delegated_countries).build(),
            false => std::mem::take(&mut self.countries).build(),
        };
        let claims = claims(&table, &rpki.vrps);
        let mut registrations = self.registrations;
        for (asn, &kind) in self.peeringdb.iter().flatten() {
            if kind != NetworkKind::Unknown {
                registrations.entry(*asn).or_default().kind = kind;
            }
        }
        Ground {
            table: Arc::new(table),
            countries: Arc::new(countries),
            routing_source: self.routing_source,
            rpki: Arc::new(rpki),
            low_visibility: self.low_visibility,
            claims,
            registrations,
            edges: self.edges,
            peeringdb: self.peeringdb,
            profiles: Arc::new(self.profiles.into()),
            landmarks: Arc::new(Landmarks::new(self.ranges)),
            special: self.special,
        }
    }
}

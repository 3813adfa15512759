//! The ground: what changes slowly and says nothing bad about anybody.
//!
//! Routing table, origin validation, registrations, relationships, landmarks.
//! It is read whole when one of its sources has a new version, and shared by
//! the cycles until then.

use std::sync::Arc;

use asgard_model::{
    Asn, Class, CountryBuilder, CountrySpace, Landmarks, NetworkKind,
    PeeringdbNet, PeeringdbNets, Prefix, Registration, Rir, RoutingTable,
    TableBuilder,
    aspa::AspaSet,
    graph::Relationship,
    rpki::{Rpki, VrpSet},
    special_purpose::SpecialPurpose,
};
use asgard_routing::detector::Bogons;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    assemble::organisations,
    bgp::BgpFindings,
    free_space::Unallocated,
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
    /// Relationships: by BGP where it was read, else by a source; empty if there
    /// is neither.
    pub edges: Vec<(Asn, Asn, Relationship)>,
    /// What BGP says besides the table; `None` if no dump was read.
    pub(crate) bgp: Option<BgpFindings>,
    /// Networks with a PeeringDB profile; `None` if no source was loaded.
    pub peeringdb: Option<FxHashMap<Asn, NetworkKind>>,
    /// Those of them whose profile was loaded.
    pub profiles: Arc<PeeringdbNets>,
    /// Well-known ranges.
    pub landmarks: Arc<Landmarks>,
    /// Space that nobody may announce.
    pub special: SpecialPurpose,
}

/// Whether the world is invented, so that numbers for documentation stand in
/// for ordinary ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invented {
    /// By this program.
    Yes,
    /// It is the real one.
    No,
}

/// Which registry gave which space.
pub(crate) struct Registries {
    /// Ascending; registries give nothing inside what was given.
    blocks: Vec<(Prefix, Rir)>,
}

impl Registries {
    fn new(mut blocks: Vec<(Prefix, Rir)>) -> Self {
        blocks.sort_unstable_by_key(|(prefix, _)| *prefix);
        Self { blocks }
    }

    /// The registry that gave the space of a prefix.
    pub(crate) fn of(&self, prefix: Prefix) -> Option<Rir> {
        let after = self.blocks.partition_point(|(block, _)| *block <= prefix);
        let (block, rir) = self.blocks.get(after.checked_sub(1)?)?;
        block.covers(prefix).then_some(*rir)
    }
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
    registries: Vec<(Prefix, Rir)>,
    unallocated: Unallocated,
    bgp: Option<BgpFindings>,
    settled_rpki: Option<Rpki>,
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

    /// What RPKI says, as far as it was added; [`Self::keep_rpki`] takes it
    /// back.
    pub(crate) fn take_rpki(&mut self) -> Rpki {
        if let Some(settled) = self.settled_rpki.take() {
            return settled;
        }
        let RpkiRows { vrps, aspas } = std::mem::take(&mut self.rpki);
        let vrps = VrpSet::new(vrps);
        let known = !vrps.is_empty() || self.states_rpki;
        Rpki { known, vrps, aspas: AspaSet::new(aspas) }
    }

    /// Takes back what [`Self::take_rpki`] gave.
    pub(crate) fn keep_rpki(&mut self, rpki: Rpki) {
        self.settled_rpki = Some(rpki);
    }

    /// Adds which registry gave which space.
    pub(crate) fn registries(&mut self, rows: Vec<(Prefix, Rir)>) {
        self.registries.extend(rows);
    }

    /// Takes what nobody has been given.
    pub(crate) fn unallocated(&mut self, space: Unallocated) {
        self.unallocated = space;
    }

    /// Which registry gave which space.
    pub(crate) fn take_registries(&mut self) -> Registries {
        Registries::new(std::mem::take(&mut self.registries))
    }

    /// Space and numbers that nobody may announce; in an invented world,
    /// reserved numbers are ordinary ones.
    pub(crate) fn bogons(&self, invented: Invented) -> Bogons {
        let Unallocated { all, lately_held } = self.unallocated.clone();
        let bogons = Bogons::new(self.special.clone(), all, lately_held);
        match invented {
            Invented::Yes => bogons.with_stand_ins(),
            Invented::No => bogons,
        }
    }

    /// The relationships that sources told.
    pub(crate) fn links(&self) -> &[(Asn, Asn, Relationship)] {
        &self.edges
    }

    /// Who shares an organisation with others, and its number.
    pub(crate) fn organisations(&self) -> Vec<(Asn, u32)> {
        let mut holders: Vec<(Asn, &Registration)> =
            self.registrations.iter().map(|(&asn, r)| (asn, r)).collect();
        holders.sort_unstable_by_key(|(asn, _)| *asn);
        let numbers = organisations(holders.iter().map(|(_, holder)| *holder));
        let numbered = holders.iter().zip(numbers);
        numbered.filter_map(|((asn, _), n)| Some((*asn, n?))).collect()
    }

    /// Route servers of exchange points, as PeeringDB or registries call them.
    pub(crate) fn route_servers(&self) -> FxHashSet<Asn> {
        let stated = self.peeringdb.iter().flatten().map(|(a, k)| (*a, *k));
        let held = self.registrations.iter().map(|(a, r)| (*a, r.kind));
        stated
            .chain(held)
            .filter(|(_, kind)| *kind == NetworkKind::RouteServer)
            .map(|(asn, _)| asn)
            .collect()
    }

    /// Takes what BGP says; its relationships hold those of other sources.
    pub(crate) fn bgp(&mut self, mut findings: BgpFindings) {
        self.edges = std::mem::take(&mut findings.edges);
        self.bgp = Some(findings);
    }

    /// Validates the table and builds the ground.
    pub fn build(mut self) -> Ground {
        let mut rpki = self.take_rpki();
        rpki.known |= self.states_rpki;
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
            bgp: self.bgp,
            peeringdb: self.peeringdb,
            profiles: Arc::new(self.profiles.into()),
            landmarks: Arc::new(Landmarks::new(self.ranges)),
            special: self.special,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_belongs_to_the_registry_that_gave_it() {
        let block = |text: &str| text.parse::<Prefix>().unwrap();
        let registries = Registries::new(vec![
            (block("20.0.0.0/8"), Rir::Ripe),
            (block("2001:db8::/32"), Rir::Apnic),
            (block("10.0.0.0/8"), Rir::Arin),
        ]);
        assert_eq!(registries.of(block("20.1.0.0/16")), Some(Rir::Ripe));
        assert_eq!(registries.of(block("20.0.0.0/8")), Some(Rir::Ripe));
        assert_eq!(registries.of(block("2001:db8:1::/48")), Some(Rir::Apnic));
        assert_eq!(registries.of(block("21.0.0.0/8")), None);
        assert_eq!(registries.of(block("20.0.0.0/7")), None);
    }
}

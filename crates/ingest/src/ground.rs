//! The ground: what changes slowly and says nothing bad about anybody.
//!
//! Routing table, origin validation, registrations, relationships, landmarks.
//! Of two layers: the [`Bedrock`] is read whole when one of its sources has a
//! new version, and stays until then. On it stands what may change from one
//! moment to the next: BGP, and what a validator says of RPKI.

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
    bgp::{BgpFindings, BgpRows},
    free_space::Unallocated,
    hygiene::{Claim, claims},
    reader::{NetworkRows, OriginRows, RpkiRows},
};

/// What is known about networks and their routes, whoever they harm.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// What it stands on.
    pub bedrock: Arc<Bedrock>,
    /// Who announces what, validated.
    pub table: Arc<RoutingTable>,
    /// Name and day of the source of the table.
    pub routing_source: String,
    /// What RPKI says.
    pub rpki: Arc<Rpki>,
    /// Whether too few full feeds vouch for the routes of IPv4 and of IPv6.
    pub low_visibility: [bool; 2],
    /// RPKI-invalid routes with the rightful origins.
    pub claims: Vec<Claim>,
    /// Relationships: by BGP where it was read, else by a source; empty if there
    /// is neither.
    pub edges: Vec<(Asn, Asn, Relationship)>,
    /// What BGP says besides the table; `None` if no dump was read.
    pub(crate) bgp: Option<BgpFindings>,
}

/// What changes slowly.
#[derive(Debug, Default)]
pub struct Bedrock {
    /// In which country addresses are, by a source of just that; without one,
    /// in which country registries gave them to their holders.
    pub countries: Arc<CountrySpace>,
    /// Who holds each AS number.
    pub registrations: FxHashMap<Asn, Registration>,
    /// Networks with a PeeringDB profile; `None` if no source was loaded.
    pub peeringdb: Option<FxHashMap<Asn, NetworkKind>>,
    /// Those of them whose profile was loaded.
    pub profiles: Arc<PeeringdbNets>,
    /// Well-known ranges.
    pub landmarks: Arc<Landmarks>,
    /// Space that nobody may announce.
    pub special: SpecialPurpose,
    /// What files say of RPKI.
    pub(crate) rpki: Arc<Rpki>,
    /// Which registry gave which space.
    pub(crate) registries: Arc<Registries>,
    /// Route servers of exchange points, as PeeringDB or registries call them.
    pub(crate) route_servers: FxHashSet<Asn>,
    /// Relationships that a source told.
    pub(crate) edges: Vec<(Asn, Asn, Relationship)>,
    /// The source of the table, its rows, and how few see them; without rows
    /// where BGP itself is read.
    routing_source: String,
    table: TableBuilder,
    low_visibility: [bool; 2],
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
#[derive(Debug, Default)]
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

    /// Adds which registry gave which space.
    pub(crate) fn registries(&mut self, rows: Vec<(Prefix, Rir)>) {
        self.registries.extend(rows);
    }

    /// Sorts everything and builds what the ground stands on.
    pub fn build(self) -> Bedrock {
        let route_servers = self.route_servers();
        let vrps = VrpSet::new(self.rpki.vrps);
        let known = !vrps.is_empty() || self.states_rpki;
        let aspas = AspaSet::new(self.rpki.aspas);
        // The two are not mixed: an address would move when one is away.
        let countries = match self.countries.is_empty() {
            true => self.delegated_countries.build(),
            false => self.countries.build(),
        };
        let mut registrations = self.registrations;
        for (asn, &kind) in self.peeringdb.iter().flatten() {
            if kind != NetworkKind::Unknown {
                registrations.entry(*asn).or_default().kind = kind;
            }
        }
        Bedrock {
            countries: Arc::new(countries),
            registrations,
            peeringdb: self.peeringdb,
            profiles: Arc::new(self.profiles.into()),
            landmarks: Arc::new(Landmarks::new(self.ranges)),
            special: self.special,
            rpki: Arc::new(Rpki { known, vrps, aspas }),
            registries: Arc::new(Registries::new(self.registries)),
            route_servers,
            edges: self.edges,
            routing_source: self.routing_source,
            table: self.table,
            low_visibility: self.low_visibility,
        }
    }

    fn route_servers(&self) -> FxHashSet<Asn> {
        let stated = self.peeringdb.iter().flatten().map(|(a, k)| (*a, *k));
        let held = self.registrations.iter().map(|(a, r)| (*a, r.kind));
        stated
            .chain(held)
            .filter(|(_, kind)| *kind == NetworkKind::RouteServer)
            .map(|(asn, _)| asn)
            .collect()
    }
}

impl Bedrock {
    /// What RPKI says: by a validator if one is followed, else by files. One
    /// that knows of no ASPA may speak a version that has none (RFC 8210), so
    /// those of files stay.
    pub(crate) fn rpki(&self, validator: Option<&Arc<Rpki>>) -> Arc<Rpki> {
        let Some(said) = validator else { return Arc::clone(&self.rpki) };
        if !said.aspas.is_empty() || self.rpki.aspas.is_empty() {
            return Arc::clone(said);
        }
        let aspas = self.rpki.aspas.clone();
        Arc::new(Rpki { aspas, ..Rpki::clone(said) })
    }

    /// Space and numbers that nobody may announce, with what nobody has been
    /// given; in an invented world, reserved numbers are ordinary ones.
    pub(crate) fn bogons(
        &self,
        space: Unallocated,
        invented: Invented,
    ) -> Bogons {
        let Unallocated { all, lately_held } = space;
        let bogons = Bogons::new(self.special.clone(), all, lately_held);
        match invented {
            Invented::Yes => bogons.with_stand_ins(),
            Invented::No => bogons,
        }
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
}

impl Ground {
    /// Puts RPKI, and BGP where it was read (with the name and day of its
    /// table), on the bedrock; validates the table.
    pub(crate) fn new(
        bedrock: Arc<Bedrock>,
        rpki: Arc<Rpki>,
        bgp: Option<(String, BgpRows)>,
    ) -> Self {
        let mut routing_source = bedrock.routing_source.clone();
        let mut low_visibility = bedrock.low_visibility;
        let mut findings = None;
        let table = match bgp {
            None => bedrock.table.clone(),
            Some((name, rows)) => {
                routing_source = name;
                low_visibility = rows.origins.low_visibility;
                findings = Some(rows.findings);
                rows.origins.table
            }
        };
        let table = table.build(&rpki.vrps);
        let claims = claims(&table, &rpki.vrps);
        // The relationships of BGP hold those of other sources.
        let edges = match &mut findings {
            Some(findings) => std::mem::take(&mut findings.edges),
            None => bedrock.edges.clone(),
        };
        Self {
            bedrock,
            table: Arc::new(table),
            routing_source,
            rpki,
            low_visibility,
            claims,
            edges,
            bgp: findings,
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

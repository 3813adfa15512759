//! What asgard's readers, table, relationships and detectors make of the BGP
//! data of a world.

use std::{collections::BTreeSet, error::Error, ops::ControlFlow, path::Path};

use asgard_ingest::format::{mrt::mrt, ris_live::ris_live};
use asgard_model::{
    Asn, Incident, Model, Prefix, Rir, RpkiState, graph::Relationship,
    rpki::Rpki, special_purpose::SpecialPurpose,
};
use asgard_routing::{
    detector::{BlackholeCommunities, Bogons, Measures, Scene, Survey},
    event::Event,
    relationships::{Observed, Options, Relationships},
    table::{Limits, Table},
};
use rustc_hash::FxHashSet;

use crate::{
    truth::ordered,
    world::{World, files, unpacked},
};

/// Which relationships the detectors are given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// Those of the world.
    True,
    /// Those that its table of routes tells.
    Inferred,
}

/// A prefix of a network.
pub(crate) type Of = (u32, Prefix);

/// What was found.
pub(crate) struct Found {
    pub(crate) incidents: Vec<Incident>,
    /// Networks, each as often as it has such prefixes.
    pub(crate) prepending: BTreeSet<(u32, u32)>,
    pub(crate) blackholes: BTreeSet<(u32, u32)>,
    pub(crate) flaps: BTreeSet<Of>,
    /// (provider, customer).
    pub(crate) transit: BTreeSet<(u32, u32)>,
    /// (lower, higher).
    pub(crate) peering: BTreeSet<(u32, u32)>,
    /// Of every route of the table at the end.
    pub(crate) states: BTreeSet<(Prefix, Asn, &'static str)>,
}

impl Found {
    /// Tells all BGP data of a world to the detectors, in order of time, up to
    /// a moment in seconds since 1970.
    pub(crate) fn tell(
        world: &World,
        knowledge: Knowledge,
        until: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let rule = Model::default_model().visibility();
        let mut table = Table::new(rule, Limits::default());
        let mut survey = Survey::default();
        let blackholes = BlackholeCommunities::default();
        let routing = world.dir.join("routing");
        for file in files(&routing, "rib.")? {
            mrt(&mut unpacked(&file)?, &mut |event: &Event<'_>| {
                table.apply(event, &mut |table, t| {
                    survey.note(table, &blackholes, t);
                });
                ControlFlow::Continue(())
            })?;
        }
        let relations = match knowledge {
            Knowledge::True => Relationships::known(
                world.links.iter().map(|&(a, b, link)| (a, b, link, 1.0)),
                world.organisations.iter().copied(),
                world.route_servers.iter().copied(),
            ),
            Knowledge::Inferred => inferred(&table, world)
                .with_organisations(world.organisations.iter().copied()),
        };
        let special = SpecialPurpose::default();
        let around = Around {
            relations,
            rpki: &world.rpki,
            bogons: Bogons::new(special, Vec::new(), Vec::new()),
            blackholes,
            exempt: FxHashSet::default(),
        };
        table
            .replay(&mut |table, t| survey.transition(&around.scene(table), t));
        let mut told = files(&routing, "updates.")?;
        told.extend(files(&routing, "ris-live.")?);
        for file in told {
            tell(&file, &mut |event| {
                table.apply(event, &mut |table, t| {
                    survey.transition(&around.scene(table), t);
                });
            })?;
        }
        let findings = survey.finish(&around.scene(&table), until);
        let measures = &findings.measures;
        let counts = |of: fn(&Measures) -> u32| -> BTreeSet<(u32, u32)> {
            let all = measures.iter().map(|(asn, one)| (asn.0, of(one)));
            all.filter(|&(_, count)| count > 0).collect()
        };
        let (transit, peering) = links(&around.relations);
        Ok(Self {
            prepending: counts(|one| one.excessive_prepending_count),
            blackholes: counts(|one| one.ddos_blackhole_count),
            flaps: measures
                .iter()
                .flat_map(|(asn, one)| {
                    let prefixes = one.flapping_prefixes.iter();
                    prefixes.map(move |&prefix| (asn.0, prefix))
                })
                .collect(),
            transit,
            peering,
            states: states(&table, world),
            incidents: findings.incidents,
        })
    }
}

/// What the detectors know besides the routes.
struct Around<'a> {
    relations: Relationships,
    rpki: &'a Rpki,
    bogons: Bogons,
    blackholes: BlackholeCommunities,
    exempt: FxHashSet<Asn>,
}

impl Around<'_> {
    fn scene<'s>(&'s self, table: &'s Table) -> Scene<'s> {
        Scene {
            table,
            relations: &self.relations,
            rpki: self.rpki,
            bogons: &self.bogons,
            blackholes: &self.blackholes,
            exempt: &self.exempt,
            rir: &nowhere,
            half_life_days: 90.0,
        }
    }
}

fn tell(
    file: &Path,
    sink: &mut dyn FnMut(&Event<'_>),
) -> Result<(), Box<dyn Error>> {
    let mut input = unpacked(file)?;
    let mut sink = |event: &Event<'_>| {
        sink(event);
        ControlFlow::Continue(())
    };
    if file.to_string_lossy().contains("ris-live") {
        ris_live(&mut input, &mut sink)?;
    } else {
        mrt(&mut input, &mut sink)?;
    }
    Ok(())
}

fn nowhere(_: Prefix) -> Option<Rir> {
    None
}

/// The relationships that the routes of the table tell.
fn inferred(table: &Table, world: &World) -> Relationships {
    let mut routes = vec![0_u32; table.paths().len()];
    for prefix in table.prefix_ids() {
        for (_, path) in table.routes(prefix) {
            routes[path.index()] += 1;
        }
    }
    let carried = table.paths().iter().filter_map(|(id, path)| {
        let prefixes = routes[id.index()];
        let asns = path.as_sequence()?;
        (prefixes > 0).then_some(Observed { asns, prefixes })
    });
    let route_servers = world.route_servers.clone();
    Relationships::infer(carried, Options { route_servers })
}

type Pairs = BTreeSet<(u32, u32)>;

fn links(relations: &Relationships) -> (Pairs, Pairs) {
    let (mut transit, mut peering) = (Pairs::new(), Pairs::new());
    for (a, b, relation, _) in relations.edges() {
        match relation {
            Relationship::ProviderOf => transit.insert((a.0, b.0)),
            Relationship::Peer => peering.insert(ordered(a.0, b.0)),
        };
    }
    (transit, peering)
}

fn states(
    table: &Table,
    world: &World,
) -> BTreeSet<(Prefix, Asn, &'static str)> {
    let mut states = BTreeSet::new();
    for id in table.prefix_ids() {
        let prefix = table.prefix(id);
        for (_, path) in table.routes(id) {
            if let Some(origin) = table.paths().origin(path) {
                let state = world.rpki.vrps.state(prefix, Some(origin));
                states.insert((prefix, origin, word(state)));
            }
        }
    }
    states
}

fn word(state: RpkiState) -> &'static str {
    match state {
        RpkiState::Valid => "valid",
        RpkiState::Invalid => "invalid",
        RpkiState::NotFound => "unknown",
    }
}

/// An incident in one line.
pub(crate) fn line(incident: &Incident) -> String {
    let path = incident.evidence.first().map(|evidence| {
        let hops = evidence.path.iter().map(|asn| asn.0.to_string());
        hops.collect::<Vec<String>>().join(" ")
    });
    format!(
        "AS{} {} {}: {} prefixes, {} peers, {} to {:?}, {}",
        incident.asn.0,
        incident.kind.as_str(),
        incident.subtype.as_str(),
        incident.prefix_count,
        incident.peers,
        incident.start,
        incident.end,
        path.unwrap_or_default(),
    )
}

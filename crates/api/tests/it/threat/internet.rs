//! Networks in real global space, because documentation space is dropped from
//! whatever is derived: two bad hosts, one inside the space of a third, and two
//! countries.

use std::sync::Arc;

use asgard_model::{
    Asn, Category, CountryBuilder, Named, SourceId, TableBuilder, World,
    named::{Namer, Seen},
    rpki::VrpSet,
    world::Announced,
};

use crate::world::{self, CLOUDFLARE, CRIMINAL, DROPPED, GOOGLE, SHADY};

/// Who announces what.
const ROUTES: [(&str, u32); 7] = [
    ("8.8.8.0/24", GOOGLE),
    ("1.1.1.0/24", CLOUDFLARE),
    ("5.188.10.0/23", DROPPED),
    ("2a0b:64c0::/32", DROPPED),
    ("45.9.0.0/20", SHADY),
    // A hole in the space of the one above.
    ("45.9.4.0/24", CRIMINAL),
    ("185.100.84.0/22", CRIMINAL),
];

const COUNTRIES: [(&str, &str, &str); 3] = [
    ("5.188.0.0", "5.188.255.255", "NL"),
    ("2a0b:64c0::", "2a0b:64c7:ffff:ffff:ffff:ffff:ffff:ffff", "NL"),
    ("185.100.84.0", "185.100.87.255", "DE"),
];

pub(crate) fn world() -> World {
    with(&ROUTES)
}

/// One of the bad hosts announces eight times as much.
pub(crate) fn grown() -> World {
    let more = ("5.188.0.0/20", DROPPED);
    with(&[&ROUTES[..], &[more]].concat())
}

/// Two lists name an address, one of them since January.
pub(crate) fn named() -> World {
    let seen = |source, first: &str, last: &str| {
        let category = Category::C2;
        let namer = Namer { source: SourceId(source), category };
        let [first, last] = [first, last].map(|day| day.parse().unwrap());
        ("185.100.84.7".parse().unwrap(), namer, Seen { first, last })
    };
    let words = vec![
        seen(0, "2026-02-03", "2026-03-28"),
        seen(1, "2026-01-02", "2026-03-01"),
    ];
    World { named: Named::new(Vec::new(), words), ..world() }
}

/// One of the countries has four times as many addresses.
pub(crate) fn annexed() -> World {
    let mut countries = CountryBuilder::default();
    let [first, last] = ["5.188.0.0", "5.191.255.255"];
    let ends = (first.parse().unwrap(), last.parse().unwrap());
    countries.add(ends.0, ends.1, "NL".parse().unwrap());
    World { countries: Arc::new(countries.build()), ..world() }
}

/// Nobody has anything to say of the bad hosts any more.
pub(crate) fn reformed() -> World {
    let mut world = world();
    for signals in &mut world.signals {
        signals.threats = None;
    }
    world
}

fn with(routes: &[(&str, u32)]) -> World {
    let mut builder = TableBuilder::default();
    for &(prefix, asn) in routes {
        builder.announce(prefix.parse().unwrap(), Asn(asn), None);
    }
    let table = Arc::new(builder.build(&VrpSet::default()));
    let mut countries = CountryBuilder::default();
    for (first, last, code) in COUNTRIES {
        let [first, last] = [first, last].map(|a| a.parse().unwrap());
        countries.add(first, last, code.parse().unwrap());
    }
    let world = world::world();
    World {
        announced: Announced::new(&world.asns, &table),
        countries: Arc::new(countries.build()),
        table,
        ..world
    }
}

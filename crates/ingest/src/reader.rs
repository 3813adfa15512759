//! One version of a source → rows that the rest of the crate understands.

use std::io::BufRead;

use asgard_model::{
    Asn, CountryBuilder, Day, Model, NetworkKind, PeeringdbNet, Prefix,
    Registration, Rir, TableBuilder, graph::Relationship, rpki::Vrp,
};
use jiff::civil::Date;

use crate::{
    catalogue::{Role, Source},
    format::{
        FormatError, Kind, Report, as_info, country_ranges,
        delegated::{self, DelegatedRow, Resource, Status},
        drop,
        ip_list::{self, IpListOptions},
        mrt_rib, origins,
        peeringdb::{self, NetRow},
        ranges, relations,
        special_purpose::{self, Reach},
        vrps,
    },
    free_space::{Free, FreeRows},
};

/// What a version says.
#[derive(Debug)]
pub enum Rows {
    /// Prefixes and origins.
    Origins(OriginRows),
    /// Who holds AS numbers.
    Registrations(Vec<(Asn, Registration)>),
    /// What registries gave.
    Delegations(DelegationRows),
    /// In which country addresses are.
    Countries(CountryBuilder),
    /// What RPKI says.
    Rpki(RpkiRows),
    /// Relationships.
    Relations(Vec<(Asn, Asn, Relationship)>),
    /// Listed AS numbers, and what the list calls them.
    Listed(Vec<(Asn, Registration)>),
    /// AS numbers.
    Asns(Vec<Asn>),
    /// Addresses and blocks.
    Prefixes(Vec<Prefix>),
    /// Networks with a PeeringDB profile.
    Networks(NetworkRows),
    /// Special-purpose space, and whether it is globally reachable.
    Special(Vec<(Prefix, bool)>),
}

/// Prefixes and origins of one file.
#[derive(Debug, Default)]
pub struct OriginRows {
    /// Who announces what.
    pub table: TableBuilder,
    /// Whether the file states RPKI verdicts.
    pub states_rpki: bool,
    /// Whether too few full feeds vouch for the routes of IPv4 and of IPv6.
    /// Files that others made of a table do not say; they count as seen well.
    pub low_visibility: [bool; 2],
}

/// What one file of a relying party says.
#[derive(Debug, Default)]
pub struct RpkiRows {
    /// Who may originate what.
    pub vrps: Vec<Vrp>,
    /// Customers with all their providers.
    pub aspas: Vec<(Asn, Vec<Asn>)>,
}

/// What one file of registries says.
#[derive(Debug, Default)]
pub struct DelegationRows {
    /// Who was given AS numbers.
    pub registrations: Vec<(Asn, Registration)>,
    /// In which country addresses were given.
    pub countries: CountryBuilder,
    /// Which registry gave which addresses.
    pub given: Vec<(Prefix, Rir)>,
    /// Addresses that nobody has been given.
    pub free: FreeRows,
    /// The day of the file, as it states itself.
    pub day: Option<Day>,
}

/// Networks of one file of PeeringDB.
#[derive(Debug, Default)]
pub struct NetworkRows {
    /// Who has a profile, and what kind of network it is.
    pub kinds: Vec<(Asn, NetworkKind)>,
    /// The profiles; extracts that only tell the kind have none.
    pub profiles: Vec<(Asn, PeeringdbNet)>,
}

type Read = Result<(Rows, Report), FormatError>;

/// Parses one version.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn read(source: &Source, input: &mut dyn BufRead) -> Read {
    match source.kind {
        Kind::RangeCsv => origins(input, origins::range_csv),
        Kind::CidrCsv => origins(input, origins::cidr_csv),
        Kind::Pfx2as => origins(input, origins::pfx2as),
        Kind::PyasnDat => origins(input, origins::pyasn_dat),
        Kind::AsInfoCsv => names(input, as_info::as_info_csv, true),
        Kind::AsNames => names(input, as_info::as_names, false),
        Kind::Delegated => delegated(input),
        Kind::VrpsJson => rpki(input, vrps::rpki_json),
        Kind::VrpsCsv => {
            rpki(input, |input, sink, _| vrps::vrps_csv(input, sink))
        }
        Kind::AsRelations => relations(input),
        Kind::AsndropJson => asn_drop(input, drop::asndrop_json),
        Kind::AsndropText => asn_drop(input, drop::asndrop_text),
        Kind::DropJson => block_drop(input, drop::drop_json),
        Kind::DropText => block_drop(input, drop::drop_text),
        Kind::IpList => addresses(source, input),
        Kind::PeeringdbNet => network_objects(input),
        Kind::AsnNetworkTypes => network_types(input),
        Kind::RangesJson => prefixes(input, ranges::ranges_json),
        Kind::MispWarninglist => prefixes(input, ranges::misp_warninglist),
        Kind::AsnList => {
            let mut asns = Vec::new();
            let report = ranges::asn_list(input, &mut |asn| asns.push(asn))?;
            Ok((Rows::Asns(asns), report))
        }
        Kind::SpecialPurpose => special(input),
        Kind::MrtRib => rib(input),
        Kind::BgpUpdates => Err(FormatError::NotThisFormat(
            "events, not rows: they are read after a dump".to_owned(),
        )),
        Kind::CountryRangeCsv => countries(input),
    }
}

fn origins(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        origins::OriginSink<'_>,
    ) -> Result<Report, FormatError>,
) -> Read {
    let mut rows = OriginRows::default();
    let report = parse(input, &mut |row| rows.announce(row))?;
    Ok((Rows::Origins(rows), report))
}

/// The default model says how many feeds must see a route: the table is shared
/// by every model that may judge it.
fn rib(input: &mut dyn BufRead) -> Read {
    let rule = Model::default_model().visibility();
    let mut rows = OriginRows::default();
    let (report, low_visibility) =
        mrt_rib::mrt_rib(input, rule, &mut |row| rows.announce(row))?;
    rows.low_visibility = low_visibility;
    Ok((Rows::Origins(rows), report))
}

impl OriginRows {
    fn announce(&mut self, row: origins::OriginRow<'_>) {
        self.states_rpki |= row.stated_rpki.is_some();
        // Nobody can tell which member of an AS set announces the prefix.
        if !row.as_set {
            let peers = row.peers.iter().copied();
            let counts = peers.chain(std::iter::repeat(0));
            for (&origin, peers) in row.origins.iter().zip(counts) {
                let (prefix, stated) = (row.prefix, row.stated_rpki);
                self.table.announce_seen(prefix, origin, stated, peers);
            }
        }
    }
}

/// `complete`: the format names the organisation of whoever has one.
fn names(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        as_info::AsInfoSink<'_>,
    ) -> Result<Report, FormatError>,
    complete: bool,
) -> Read {
    let mut rows = Vec::new();
    let report = parse(input, &mut |row| {
        let registration = Registration {
            name: row.handle.map(Into::into),
            organisation: row.organisation.map(Into::into),
            country: row.country,
            rir: row.rir,
            since: row.since.and_then(middle_of),
            anonymous: complete
                .then_some(row.organisation.is_none() && row.handle.is_some()),
            kind: row.category.map_or(NetworkKind::Unknown, |label| {
                NetworkKind::from_label(label)
            }),
        };
        rows.push((row.asn, registration));
    })?;
    Ok((Rows::Registrations(rows), report))
}

/// The unbiased guess when only the year is known.
fn middle_of(year: u16) -> Option<Day> {
    let date = Date::new(i16::try_from(year).ok()?, 7, 1).ok()?;
    (1970..2149).contains(&year).then(|| Day::from(date))
}

fn countries(input: &mut dyn BufRead) -> Read {
    let mut rows = CountryBuilder::default();
    let report = country_ranges::country_range_csv(input, &mut |row| {
        rows.add(row.first, row.last, row.country);
    })?;
    Ok((Rows::Countries(rows), report))
}

fn delegated(input: &mut dyn BufRead) -> Read {
    let mut rows = DelegationRows::default();
    let report = delegated::delegated(input, &mut |row| rows.add(&row))?;
    rows.day = report.published.map(Day::of);
    Ok((Rows::Delegations(rows), report))
}

impl DelegationRows {
    fn add(&mut self, row: &DelegatedRow<'_>) {
        self.free.mention(row.rir);
        let free = match row.status {
            Status::Allocated | Status::Assigned => return self.give(row),
            Status::Available => Free::Available,
            Status::Reserved => Free::Reserved,
        };
        if let Resource::Prefix(prefix) = row.resource {
            self.free.add(row.rir, prefix, free);
        }
    }

    fn give(&mut self, row: &DelegatedRow<'_>) {
        match row.resource {
            Resource::Asns(first, last) => {
                let registration = Registration {
                    country: row.country,
                    rir: row.rir,
                    since: row.date,
                    ..Registration::default()
                };
                let block = (first.0..=last.0).map(Asn);
                let rows = block.map(|asn| (asn, registration.clone()));
                self.registrations.extend(rows);
            }
            Resource::Prefix(prefix) => {
                self.given.extend(row.rir.map(|rir| (prefix, rir)));
                if let Some(country) = row.country {
                    let (first, last) = (prefix.network(), prefix.last());
                    self.countries.add(first, last, country);
                }
            }
        }
    }
}

/// Shortest prefix that a VRP may cover; IANA gives no RIR more than a /8.
pub(crate) const MIN_VRP_LEN: u8 = 8;

fn rpki(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        vrps::VrpSink<'_>,
        vrps::AspaSink<'_>,
    ) -> Result<Report, FormatError>,
) -> Read {
    let RpkiRows { mut vrps, mut aspas } = RpkiRows::default();
    let mut on_vrp = |row: vrps::VrpRow<'_>| {
        // No holder has so much: one such payload would invalidate a family.
        if row.prefix.len() >= MIN_VRP_LEN {
            vrps.push(Vrp {
                prefix: row.prefix,
                max_len: row.max_len,
                asn: row.asn,
            });
        }
    };
    let report = parse(input, &mut on_vrp, &mut |row| {
        aspas.push((row.customer, row.providers));
    })?;
    Ok((Rows::Rpki(RpkiRows { vrps, aspas }), report))
}

fn relations(input: &mut dyn BufRead) -> Read {
    let mut rows = Vec::new();
    let (report, _) = relations::as_relations(input, &mut |row| {
        rows.push((row.a, row.b, row.relationship));
    })?;
    Ok((Rows::Relations(rows), report))
}

fn asn_drop(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        drop::AsnDropSink<'_>,
    ) -> Result<Report, FormatError>,
) -> Read {
    let mut rows = Vec::new();
    let report = parse(input, &mut |row| {
        let registration = Registration {
            name: row.name.map(Into::into),
            country: row.country,
            rir: row.rir,
            ..Registration::default()
        };
        rows.push((row.asn, registration));
    })?;
    Ok((Rows::Listed(rows), report))
}

fn block_drop(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        drop::DropSink<'_>,
    ) -> Result<Report, FormatError>,
) -> Read {
    let mut rows = Vec::new();
    let report = parse(input, &mut |row| rows.push(row.prefix))?;
    Ok((Rows::Prefixes(rows), report))
}

fn addresses(source: &Source, input: &mut dyn BufRead) -> Read {
    let options = IpListOptions {
        column: source.column,
        min_count: source.min_count,
        special_space: source.role == Role::Special,
    };
    let mut rows = Vec::new();
    let report =
        ip_list::ip_list(input, options, &mut |row| rows.push(row.prefix))?;
    Ok((Rows::Prefixes(rows), report))
}

/// Objects that are neither deleted nor pending.
fn network_objects(input: &mut dyn BufRead) -> Read {
    let mut rows = NetworkRows::default();
    let report = peeringdb::peeringdb_net(input, &mut |row| {
        if row.status.is_none_or(|status| status == "ok") {
            rows.kinds.push((row.asn, kind(&row)));
            rows.profiles.push((row.asn, profile(&row)));
        }
    })?;
    Ok((Rows::Networks(rows), report))
}

fn network_types(input: &mut dyn BufRead) -> Read {
    let mut rows = NetworkRows::default();
    let report = peeringdb::asn_network_types(input, &mut |row| {
        rows.kinds.push((row.asn, kind(&row)));
    })?;
    Ok((Rows::Networks(rows), report))
}

fn kind(row: &NetRow<'_>) -> NetworkKind {
    row.info_type.map_or(NetworkKind::Unknown, NetworkKind::from_label)
}

fn profile(row: &NetRow<'_>) -> PeeringdbNet {
    PeeringdbNet {
        name: row.name.map(Box::from),
        info_type: row.info_type.map(Box::from),
        website: row.website.map(Box::from),
        ix_count: row.ix_count,
        fac_count: row.fac_count,
        policy: row.policy.map(Box::from),
    }
}

fn prefixes(
    input: &mut dyn BufRead,
    parse: fn(
        &mut dyn BufRead,
        ranges::PrefixSink<'_>,
    ) -> Result<Report, FormatError>,
) -> Read {
    let mut rows = Vec::new();
    let report = parse(input, &mut |prefix| rows.push(prefix))?;
    Ok((Rows::Prefixes(rows), report))
}

fn special(input: &mut dyn BufRead) -> Read {
    let mut rows = Vec::new();
    let report = special_purpose::special_purpose(input, &mut |row| {
        // "N/A" stands for space whose reachability lies outside the table.
        rows.push((row.prefix, row.reach != Reach::Local));
    })?;
    Ok((Rows::Special(rows), report))
}

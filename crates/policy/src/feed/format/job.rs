//! One rendering: what a listing must satisfy before a byte is written, and
//! what every renderer asks of it.

use asgard_model::Prefix;

use super::{
    Confirm, Families, Format, Options, RenderError, Rendered, appliance, bgp,
    cloud, dns, ids, mmdb, netfilter, plain, records, stix, text::Text,
};
use crate::feed::entry::{Line, Listing, Span};

/// A listing that passed the checks of its format, being written.
pub(super) struct Job<'a> {
    pub(super) format: Format,
    pub(super) listing: &'a Listing,
    pub(super) options: &'a Options,
}

/// What a renderer hands back.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: usize,
    pub(super) withheld: usize,
}

impl<'a> Job<'a> {
    /// Refuses what would break the device.
    pub(super) fn start(
        format: Format,
        listing: &'a Listing,
        options: &'a Options,
    ) -> Result<Self, RenderError> {
        let traits = format.traits();
        if traits.routers {
            may_reach_routers(format, listing, options)?;
        }
        for line in &listing.lines {
            match line.span {
                Span::Prefix(prefix) if prefix.len() == 0 => {
                    return Err(RenderError::DefaultRoute);
                }
                Span::Range(_) if !traits.ranges => {
                    return Err(RenderError::Ranges(format));
                }
                _ => {}
            }
        }
        if traits.aggregated && overlap(&listing.lines) {
            return Err(RenderError::Overlap(format));
        }
        Ok(Self { format, listing, options })
    }

    /// Writes it.
    pub(super) fn run(self) -> Result<Rendered, RenderError> {
        let written = self.write()?;
        Ok(Rendered {
            bytes: written.bytes,
            content_type: self.format.traits().content_type,
            entries: written.entries,
            withheld: written.withheld,
        })
    }

    fn write(&self) -> Result<Written, RenderError> {
        Ok(match self.format {
            Format::Plain | Format::Panos | Format::Juniper => {
                plain::bare(self)
            }
            Format::Fortigate
            | Format::Cisco
            | Format::HaproxyAcl
            | Format::Squid
            | Format::SnortBlf => plain::commented(self),
            Format::CiscoMd5 => plain::cisco_md5(self),
            Format::Sophos => plain::hosts(self),
            Format::F5 => plain::f5(self),
            Format::HaproxyMap => plain::map(self),
            Format::NginxGeo => plain::wrapped(self, "", " 1;\n"),
            Format::NginxDeny => plain::wrapped(self, "deny ", ";\n"),
            Format::Checkpoint => appliance::checkpoint(self),
            Format::JuniperTgz => appliance::juniper_tgz(self)?,
            Format::Mikrotik => appliance::mikrotik(self),
            Format::Nft => netfilter::nft(self),
            Format::Ipset => netfilter::ipset(self),
            Format::Iptables | Format::Ip6tables => netfilter::iptables(self),
            Format::Dnsdist => dns::dnsdist(self),
            Format::Rpz => dns::rpz(self),
            Format::Unbound => dns::unbound(self),
            Format::BindAcl => dns::bind_acl(self),
            Format::Bird => bgp::bird(self),
            Format::BirdBlackhole => bgp::bird_blackhole(self),
            Format::BirdFlow => bgp::bird_flow(self),
            Format::Exabgp => bgp::exabgp(self),
            Format::Frr => bgp::frr(self),
            Format::SuricataRules => ids::suricata_rules(self),
            Format::SuricataIprep => ids::suricata_iprep(self),
            Format::SuricataCategories => ids::suricata_categories(self),
            Format::ZeekIntel => ids::zeek(self),
            Format::Cloudflare => cloud::cloudflare(self),
            Format::CloudflareAsn => cloud::cloudflare_asn(self),
            Format::AwsWaf => cloud::aws_waf(self),
            Format::Stix => stix::bundle(self),
            Format::DropJsonl => records::drop_jsonl(self),
            Format::Json => records::json(self),
            Format::Csv => records::csv(self),
            Format::Jsonl => records::jsonl(self),
            Format::Mmdb => mmdb::mmdb(self)?,
        })
    }

    /// The lines that the format holds, by family.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a Line> + use<'a> {
        let families = self.format.traits().families;
        self.listing.lines.iter().filter(move |line| match families {
            Families::Both => true,
            Families::V4 => line.span.is_v4(),
            Families::V6 => !line.span.is_v4(),
        })
    }

    /// The prefixes that the format holds; for formats without ranges.
    pub(super) fn prefixes(
        &self,
    ) -> impl Iterator<Item = (Prefix, &'a Line)> + use<'a> {
        self.lines().filter_map(|line| match line.span {
            Span::Prefix(prefix) => Some((prefix, line)),
            Span::Range(_) => None,
        })
    }

    /// A text with room for the whole list.
    pub(super) fn text(&self, bytes_a_line: usize) -> Text {
        Text::with_capacity(256 + self.listing.lines.len() * bytes_a_line)
    }

    /// What was written, of the lines that the format holds.
    pub(super) fn done(&self, text: Text) -> Written {
        let entries = self.lines().count();
        Written {
            bytes: text.into_bytes(),
            entries,
            withheld: self.listing.lines.len() - entries,
        }
    }
}

fn may_reach_routers(
    format: Format,
    listing: &Listing,
    options: &Options,
) -> Result<(), RenderError> {
    if options.confirm != Confirm::Bgp {
        return Err(RenderError::NeedsConfirmation(format));
    }
    let limit =
        options.max_entries.ok_or(RenderError::NeedsMaxEntries(format))?;
    let found = listing.lines.len();
    if found > limit {
        return Err(RenderError::TooMany { found, limit });
    }
    Ok(())
}

/// Whether any two lines share an address.
fn overlap(lines: &[Line]) -> bool {
    let mut ranges: Vec<_> =
        lines.iter().map(|line| line.span.range()).collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| pair[0].meets(pair[1]))
}

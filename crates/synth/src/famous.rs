//! The networks that examples and documentation call by name, with a part of
//! the space that they really announce (public BGP tables of August 2026), and
//! the three example networks on reserved numbers (RFC 5398, RFC 6996).

use asgard_model::{Asn, Day, Rir};

use crate::network::{Network, Plant, Trade};

/// Number, handle, company, registry, country, year, trade, domain, space.
type Row = (
    u32,
    &'static str,
    &'static str,
    Rir,
    &'static str,
    u16,
    Trade,
    &'static str,
    &'static str,
);

/// The first bulletproof examples: 64496 has two /24s and is in ASN-DROP.
pub(crate) const BULLETPROOF: [u32; 2] = [64_496, 64_497];

/// Whose customers the other networks of the same family are.
pub(crate) const GOOGLE: u32 = 15_169;

/// A crawler's addresses, inside the space of [`GOOGLE`].
pub(crate) const CRAWLER: &str = "66.249.64.0/27";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (3356, "LEVEL3", "Level 3 Parent, LLC", Rir::Arin, "US", 2000, Trade::Tier1, "lumen.com",
        "4.0.0.0/9 8.0.0.0/12 2001:1900::/32"),
    (1299, "TWELVE99", "Arelion Sweden AB", Rir::Ripe, "SE", 1993, Trade::Tier1, "arelion.com",
        "62.115.0.0/16 80.91.240.0/20 213.248.64.0/18 2001:2030::/28"),
    (2914, "NTT-DATA-2914", "NTT America, Inc.", Rir::Arin, "US", 1998, Trade::Tier1, "gin.ntt.net",
        "129.250.0.0/16 199.236.0.0/14 204.0.0.0/14 2001:218::/32 2001:418::/32"),
    (174, "COGENT-174", "Cogent Communications, LLC", Rir::Arin, "US", 1996, Trade::Tier1, "cogentco.com",
        "38.0.0.0/8 154.48.0.0/12 2001:550::/32"),
    (3257, "GTT-BACKBONE", "GTT Communications Inc.", Rir::Ripe, "US", 1994, Trade::Tier1, "gtt.net",
        "77.67.0.0/17 89.149.128.0/17 213.254.192.0/18 2001:668::/29"),
    (15169, "GOOGLE", "Google LLC", Rir::Arin, "US", 2000, Trade::Cloud, "about.google",
        "8.8.4.0/24 8.8.8.0/24 64.233.160.0/19 66.249.64.0/19 74.125.0.0/16 142.250.0.0/15 \
         172.217.0.0/16 209.85.128.0/17 216.58.192.0/19 2001:4860::/32 2404:6800::/32 2607:f8b0::/32"),
    (13335, "CLOUDFLARENET", "Cloudflare, Inc.", Rir::Arin, "US", 2010, Trade::Cloud, "cloudflare.com",
        "1.0.0.0/24 1.1.1.0/24 104.16.0.0/13 162.158.0.0/15 172.64.0.0/13 173.245.48.0/20 \
         188.114.96.0/20 2400:cb00::/32 2606:4700::/32"),
    (8075, "MICROSOFT-CORP-MSN-AS-BLOCK", "Microsoft Corporation", Rir::Arin, "US", 1997, Trade::Cloud,
        "microsoft.com", "13.64.0.0/11 20.64.0.0/10 20.192.0.0/10 52.96.0.0/12 2603:1000::/25 2a01:111::/32"),
    (16509, "AMAZON-02", "Amazon.com, Inc.", Rir::Arin, "US", 2000, Trade::Cloud, "amazon.com",
        "3.0.0.0/10 3.64.0.0/10 3.128.0.0/10 3.192.0.0/10 2406:da00::/24 2600:1f00::/24"),
    (396_982, "GOOGLE-CLOUD-PLATFORM", "Google LLC", Rir::Arin, "US", 2018, Trade::Cloud, "google.com",
        "34.32.0.0/11 34.64.0.0/10 35.184.0.0/13 2600:1900::/31"),
    (24940, "HETZNER-AS", "Hetzner Online GmbH", Rir::Ripe, "DE", 2002, Trade::Cloud, "hetzner.com",
        "5.9.0.0/16 78.46.0.0/15 88.198.0.0/16 116.202.0.0/15 135.181.0.0/16 136.243.0.0/16 \
         144.76.0.0/16 178.104.0.0/15 2a01:4f8::/32 2a01:4f9::/32"),
    (36040, "YOUTUBE", "Google LLC", Rir::Arin, "US", 2005, Trade::Content, "google.com",
        "104.237.160.0/19 2620:11a:a017::/48"),
    (43515, "YOUTUBE", "Google Ireland Limited", Rir::Ripe, "US", 2007, Trade::Content, "google.com",
        "34.113.0.0/16 2620:11a:a000::/40"),
    (36561, "YOUTUBE", "YouTube, Inc.", Rir::Arin, "US", 2005, Trade::Content, "google.com", "208.65.152.0/22"),
    (19527, "GOOGLE-2", "Google LLC", Rir::Arin, "US", 2007, Trade::Content, "cloud.google.com",
        "35.212.128.0/17 35.216.0.0/17 2600:1902:10::/44"),
    (139_070, "GOOGLE-AS-AP", "Google Asia Pacific Pte. Ltd.", Rir::Apnic, "US", 2019, Trade::Content,
        "google.com", "34.64.0.0/16 2404:f340::/34"),
    (3333, "RIPE-NCC-AS", "Reseaux IP Europeens Network Coordination Centre (RIPE NCC)", Rir::Ripe, "NL", 1994,
        Trade::NonProfit, "ripe.net",
        "193.0.0.0/21 193.0.10.0/23 193.0.12.0/23 193.0.18.0/23 193.0.20.0/23 193.0.22.0/23 2001:67c:2e8::/48"),
    (39378, "SERVINGA-AS", "servinga GmbH", Rir::Ripe, "DE", 2018, Trade::Content, "servinga.com",
        "185.158.251.0/24 185.212.44.0/22 185.219.220.0/22 2a0b:7140::/48"),
    (64496, "EXAMPLE-ISP", "Example ISP", Rir::Arin, "US", 2012, Trade::Hoster, "isp.example",
        "30.64.96.0/24 30.64.98.0/24"),
    (64497, "EXAMPLE-HOSTING", "Example Hosting", Rir::Ripe, "NL", 2014, Trade::Hoster, "hosting.example",
        "30.64.112.0/24"),
    (64512, "EXAMPLE-INTERNAL", "Example Internal Network", Rir::Arin, "", 0, Trade::Internal, "", ""),
];

/// How many there are.
pub(crate) const COUNT: usize = ROWS.len();

/// All of them, in the order of the table.
pub(crate) fn networks() -> Vec<Network> {
    ROWS.iter().map(network).collect()
}

fn network(row: &Row) -> Network {
    let &(asn, handle, company, rir, country, since, trade, domain, space) =
        row;
    let rank = BULLETPROOF.iter().position(|&number| number == asn);
    let invented = rank.is_some() || trade == Trade::Internal;
    Network {
        asn: Asn(asn),
        handle: handle.to_owned(),
        company: company.to_owned(),
        domain: domain.to_owned(),
        rir,
        country,
        registered: new_year(since),
        trade,
        plant: rank.map_or(Plant::Ordinary, |rank| Plant::Bulletproof { rank }),
        peeringdb: !invented,
        signed: !invented,
        blocks: space
            .split_whitespace()
            .map(|text| text.parse().expect("a literal of this file"))
            .collect(),
    }
}

fn new_year(year: u16) -> Day {
    format!("{year:04}-01-01").parse().unwrap_or_default()
}

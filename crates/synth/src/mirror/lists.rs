//! `threats/threatfox-ips/`, `threats/c2-tracker/` and `threats/firehol/`: the
//! lists of addresses, each version holding what was listed on its day.

use std::{collections::BTreeSet, fmt::Write, net::Ipv4Addr};

use asgard_model::Day;

use crate::{abuse::List, world::World};

use super::{Files, NOTICE, pack::gz, stamp};

/// How a list is published.
struct Series {
    list: List,
    /// Folder below `threats/`; its last part is the name of the list.
    folder: &'static str,
    versions: u16,
    /// Days between two versions.
    step: u16,
    /// Age of the newest version in days.
    newest: u16,
    /// Category, what it holds, for the header of a FireHOL set.
    header: Option<(&'static str, &'static str)>,
}

const ATTACKS: &str = "attacks";

#[rustfmt::skip]
const SERIES: [Series; 6] = [
    Series { list: List::ThreatFox, folder: "threatfox-ips", versions: 53, step: 7, newest: 0, header: None },
    Series { list: List::C2Tracker, folder: "c2-tracker", versions: 14, step: 28, newest: 3, header: None },
    Series { list: List::BlocklistDe, folder: "firehol/blocklist_de", versions: 8, step: 7, newest: 0,
        header: Some((ATTACKS, "IPs that fail2ban detected in the last 48 hours")) },
    Series { list: List::BlocklistDeMail, folder: "firehol/blocklist_de_mail", versions: 8, step: 7, newest: 0,
        header: Some((ATTACKS, "IPs that attacked the service Mail, Postfix")) },
    Series { list: List::Ipsum3, folder: "firehol/ipsum_3", versions: 4, step: 7, newest: 1,
        header: Some((ATTACKS, "IPs that appear on at least 3 blacklists")) },
    Series { list: List::TorExits, folder: "firehol/tor_exits", versions: 4, step: 7, newest: 0,
        header: Some(("anonymizers", "current exit points")) },
];

pub(super) fn render(world: &World, files: &mut Files) {
    for series in &SERIES {
        let of_list = |s: &&crate::abuse::Sighting| s.list == series.list;
        let sightings: Vec<_> =
            world.abuse.sightings.iter().filter(of_list).collect();
        for version in 0..series.versions {
            let day = world.plan.back(series.newest + version * series.step);
            let listed = sightings
                .iter()
                .filter(|s| (s.from..=s.to).contains(&day))
                .map(|s| s.address)
                .collect();
            let (path, text) = file(series, day, &listed);
            files.insert(path, gz(&text));
        }
    }
}

fn file(series: &Series, day: Day, listed: &BTreeSet<u32>) -> (String, String) {
    let name = series.folder.rsplit('/').next().unwrap_or(series.folder);
    let suffix = if series.header.is_some() { "ipset" } else { "txt" };
    let date = stamp(day);
    let path = format!("threats/{}/{name}-{date}.{suffix}.gz", series.folder);
    let mut text = match series.header {
        Some(words) => header(name, words, day, listed.len()),
        None => String::new(),
    };
    for address in listed {
        let _ = writeln!(text, "{}", Ipv4Addr::from_bits(*address));
    }
    if series.list == List::ThreatFox {
        // The real file ends without a newline.
        text.pop();
    }
    (path, text)
}

/// The comment that FireHOL's `update-ipsets` puts before a set.
fn header(
    name: &str,
    (category, content): (&str, &str),
    day: Day,
    entries: usize,
) -> String {
    let date = day.start().strftime("%a %b %e %H:%M:%S UTC %Y").to_string();
    format!(
        "#\n# {name}\n#\n# ipv4 hash:ip ipset\n#\n\
         # [{NOTICE}] (https://demo.example/) {content}:\n\
         # no address below was ever reported by anybody.\n#\n\
         # Maintainer      : asgard demo\n\
         # Maintainer URL  : https://demo.example/\n\
         # List source URL : https://demo.example/{name}.txt\n\
         # Source File Date: {date}\n#\n\
         # Category        : {category}\n# Version         : {}\n#\n\
         # This File Date  : {date}\n# Update Frequency: 7 days \n\
         # Aggregation     : none\n\
         # Entries         : {entries} unique IPs\n#\n",
        day.0,
    )
}

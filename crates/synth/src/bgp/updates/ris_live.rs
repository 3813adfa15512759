//! `routing/ris-live.YYYYMMDD.HHMM.json.gz`: a message a line, in the form of
//! RIPE's RIS Live (<https://ris-live.ripe.net/manual/>), an hour a file.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use asgard_model::Prefix;
use serde_json::{Value, json};

use super::{HOUR, Record, Says};
use crate::bgp::{
    message::Attributes,
    mrt::Instant,
    stamp,
    table::{Packed, finish, packed},
};

const HOST: &str = "rrc00.synth.example";
const ESTABLISHED: u16 = 6;

pub(super) struct LiveFiles {
    routing: PathBuf,
    /// The hour that is written, and its file.
    open: Option<(u32, Packed)>,
    number: u64,
}

impl LiveFiles {
    pub(super) fn new(routing: &Path) -> Self {
        Self { routing: routing.to_owned(), open: None, number: 0 }
    }

    pub(super) fn write(
        &mut self,
        at: Instant,
        record: &Record,
    ) -> io::Result<()> {
        self.number += 1;
        let line = self.line(at, record);
        writeln!(self.file(at.seconds / HOUR * HOUR)?, "{line}")
    }

    fn file(&mut self, hour: u32) -> io::Result<&mut Packed> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != hour) {
            self.close()?;
            let name = format!("ris-live.{}.json.gz", stamp(hour));
            self.open = Some((hour, packed(&self.routing.join(name))?));
        }
        match &mut self.open {
            Some((_, file)) => Ok(file),
            None => Err(io::Error::other("the file was just opened")),
        }
    }

    fn line(&self, at: Instant, record: &Record) -> Value {
        // Microseconds of this century have a place in 53 bits.
        let seconds = f64::from(at.seconds) + f64::from(at.micros) / 1e6;
        let session = record.session;
        let mut data = json!({
            "timestamp": seconds,
            "peer": session.address.to_string(),
            "peer_asn": session.asn.0.to_string(),
            "id": format!("{}-{:08x}", session.address, self.number),
            "host": HOST,
            "type": "UPDATE",
        });
        match &record.says {
            Says::Announce { attributes, prefixes } => {
                announcement(attributes, &mut data);
                let next_hop = session.address.to_string();
                data["announcements"] = json!([{
                    "next_hop": next_hop,
                    "prefixes": texts(prefixes),
                }]);
                data["withdrawals"] = json!([]);
            }
            Says::Withdraw { prefixes } => {
                data["announcements"] = json!([]);
                data["withdrawals"] = json!(texts(prefixes));
            }
            Says::State { new, .. } => {
                data["type"] = json!("RIS_PEER_STATE");
                let is_up = *new == ESTABLISHED;
                data["state"] = json!(if is_up { "connected" } else { "down" });
            }
        }
        json!({ "type": "ris_message", "data": data })
    }

    fn close(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |(_, file)| finish(file))
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close()
    }
}

fn announcement(attributes: &Attributes, data: &mut Value) {
    let path: Vec<u32> = attributes.path.iter().map(|asn| asn.0).collect();
    data["path"] = json!(path);
    data["origin"] = json!("IGP");
    if !attributes.communities.is_empty() {
        data["community"] = json!(attributes.communities);
    }
    if !attributes.large.is_empty() {
        data["large_community"] = json!(attributes.large);
    }
    if let Some(med) = attributes.med {
        data["med"] = json!(med);
    }
}

fn texts(prefixes: &[Prefix]) -> Vec<String> {
    prefixes.iter().map(ToString::to_string).collect()
}

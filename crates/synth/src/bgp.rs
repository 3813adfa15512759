//! An Internet in which BGP is spoken: a world with many more prefixes, heard by
//! the peers of one collector, in which planted things happen for some days.
//!
//! Written as files: the mirror of the world, a table and updates as MRT, the
//! last hours as messages of RIS Live, and `truth.json`, which says what was
//! planted. Files are written as they are made, so memory holds the paths of
//! the collector's peers, not the table.
//!
//! | question | module |
//! |---|---|
//! | more prefixes, siblings | `fill`, `kin` |
//! | who hears of a route, on which path | `graph`, `propagation`, `atom`, `view` |
//! | what a route carries | `dressing` |
//! | all of it before anything happens | `scene` |
//! | what happens | `story`, `stage`: `plant` shall be found, `daily_life` not |
//! | ROAs and ASPAs | `rpki` |
//! | as bytes | `message`, `mrt`: `table`, then `updates` |
//! | what was planted | `truth` |

mod atom;
mod daily_life;
mod dressing;
mod fill;
mod graph;
mod kin;
mod message;
mod mrt;
mod plant;
mod propagation;
mod rpki;
mod scene;
mod stage;
mod story;
mod table;
mod truth;
mod updates;
mod view;

use std::{fs, io, path::Path};

use crate::{Plan, mirror};
use scene::Scene;
use stage::Stage;
use story::Plot;

/// How large an Internet, and what happens in it. Equal options give equal
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internet {
    /// Networks, seed, and the day on which the files end.
    pub plan: Plan,
    /// Announced prefixes, about: fewer if there is no more space, more if the
    /// networks alone have more.
    pub prefixes: usize,
    /// Peers that give the collector everything; a tenth more give their
    /// customers' routes. At most [`Internet::MOST_PEERS`].
    pub peers: usize,
    /// For how many days things happen, up to the day of the plan.
    pub days: u16,
    /// What happens in them.
    pub story: Story,
}

/// What happens in an Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Only what always happens: nothing that a detector may find.
    Clean,
    /// As many incidents of each kind.
    Planted(usize),
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Written {
    /// Networks.
    pub ases: usize,
    /// Announced prefixes at the beginning.
    pub prefixes: usize,
    /// Routes of the table: a prefix at a peer.
    pub entries: u64,
    /// Messages of the days after it.
    pub messages: u64,
}

impl Internet {
    /// The collector's addresses have one byte for the peer.
    pub const MOST_PEERS: usize = 200;

    fn is_clean(&self) -> bool {
        self.story == Story::Clean
    }

    fn events(&self) -> usize {
        match self.story {
            Story::Clean => 0,
            Story::Planted(events) => events,
        }
    }

    /// The moments between which things happen: whole days, in seconds since
    /// 1970.
    fn span(&self) -> (u32, u32) {
        const DAY: u32 = 86_400;
        let end = u32::from(self.plan.as_of.0) * DAY;
        (end.saturating_sub(u32::from(self.days) * DAY), end)
    }

    /// Writes everything below `dir`, which is created when it is missing.
    ///
    /// # Errors
    /// Those of the file system; files written before the error stay.
    pub fn write_to(&self, dir: &Path) -> io::Result<Written> {
        let options =
            Self { peers: self.peers.clamp(1, Self::MOST_PEERS), ..*self };
        let scene = Scene::of(&options);
        let mut files = mirror::render(&scene.world);
        let date = mirror::stamp(self.plan.as_of);
        files.remove(&format!("rpki/derived-vrps-{date}.csv.gz"));
        files.insert(
            format!("rpki/vrps-{date}.json.gz"),
            mirror::gz(&rpki::render(self.plan.seed, &scene)),
        );
        for (path, bytes) in files {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        let (start, _) = options.span();
        let rib = format!("routing/rib.{}.gz", stamp(start));
        let entries = table::write(&scene, start, &dir.join(rib))?;
        let plot = options.plot(&scene);
        let truth = truth::render(&options, &scene, &plot);
        fs::write(dir.join("truth.json"), truth)?;
        let routing = dir.join("routing");
        let messages = updates::write(&scene, plot, options.span(), &routing)?;
        Ok(Written {
            ases: scene.world.networks.len(),
            prefixes: scene.announced.prefixes.len(),
            entries,
            messages,
        })
    }
}

impl Internet {
    /// What happens: nothing in no time, but for what is there already.
    fn plot(&self, scene: &Scene) -> Plot {
        let mut stage = Stage::of(scene, self.plan.seed, self.span());
        if let Story::Planted(events) = self.story {
            plant::plant(&mut stage, events);
        }
        if self.days > 0 {
            daily_life::fill(&mut stage);
        }
        stage.plot
    }
}

/// `20260627.1345`, as in the names of collectors' files.
fn stamp(at: u32) -> String {
    let day = asgard_model::Day(u16::try_from(at / 86_400).unwrap_or(u16::MAX));
    let minutes = at % 86_400 / 60;
    let date = day.to_string().replace('-', "");
    format!("{date}.{:02}{:02}", minutes / 60, minutes % 60)
}

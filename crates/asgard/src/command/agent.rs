//! `asgard agent nft|ipset`: keeps a set of the kernel equal to a feed.
//!
//! A small resident program on a firewall. It asks a running asgard for the
//! plain list, believes nothing of it before it was checked, and writes the
//! commands for `nft` or `ipset` itself: what a server sends is never a command.
//! Whatever goes wrong, the list that was good stays in force.
//!
//! | file | what it does |
//! |---|---|
//! | [`options`] | what the user said |
//! | [`keeper`] | one round: hold, ask, judge, apply, keep |
//! | [`feed`], [`manifest`] | the server asked; digest and signature checked |
//! | [`list`] | text → addresses, and the guards |
//! | [`firewall`] | nft and ipset, and nothing that is not ours |
//! | [`kept`] | the last good list on disk, the lock, what is ours |
//! | [`resident`], [`pace`], [`supervisor`] | rounds until a signal; when; systemd |
//! | [`metrics`] | a file for `node_exporter` |
//! | [`trouble`] | what can go wrong, and its exit code |

mod feed;
mod firewall;
mod keeper;
mod kept;
mod list;
mod manifest;
mod metrics;
mod options;
mod pace;
mod resident;
mod supervisor;
mod trouble;

use anyhow::Result;

pub(crate) use self::options::AgentAction;
use self::{
    keeper::{Keeper, Outcome},
    list::Leniency,
    trouble::Trouble,
};
use crate::{cli, config::LogForm, exit::Exit, output::Out, telemetry};

pub(crate) fn run(
    common: &cli::Common,
    action: &AgentAction,
    out: &mut Out,
) -> Result<Exit> {
    let form = if common.log_json { LogForm::Json } else { LogForm::Text };
    telemetry::install(form, common.verbose, false);
    let options = action.options();
    let firewall = action.firewall().map_err(Trouble::told)?;
    let mut keeper = Keeper::new(options, firewall).map_err(Trouble::told)?;
    if options.remove {
        let said = keeper.remove().map_err(Trouble::told)?;
        out.line(said)?;
        return Ok(Exit::Ok);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if options.once {
        let ended = runtime.block_on(once(&mut keeper));
        let said = ended.map_err(Trouble::told)?;
        out.line(said)?;
        return Ok(Exit::Ok);
    }
    runtime.block_on(resident::run(keeper)).map_err(Trouble::told)?;
    Ok(Exit::Ok)
}

/// One round, and what it did in a line.
async fn once(keeper: &mut Keeper) -> Result<String, Trouble> {
    let ended = keeper.round(Leniency::AsTold).await;
    keeper.account(&ended);
    let [v4, v6] = keeper.in_force();
    let verb = match ended? {
        Outcome::Applied => "applied",
        Outcome::Unchanged => "unchanged",
    };
    Ok(format!("{verb}: {v4} IPv4 and {v6} IPv6 prefixes in force"))
}

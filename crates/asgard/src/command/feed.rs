//! `asgard feed …`: lists of addresses for firewalls. One subcommand a file,
//! or a few that are alike; all but `aggregate` ask a running asgard.

pub(crate) mod aggregate;
mod pull;
mod remote;
mod rules;
mod verify;

use anyhow::Result;

use crate::{cli::FeedAction, exit::Exit, output::Out};

pub(crate) async fn run(action: &FeedAction, out: &mut Out) -> Result<Exit> {
    match action {
        FeedAction::Aggregate(options) => aggregate::run(options, out),
        FeedAction::Pull(options) => pull::run(options, out).await,
        FeedAction::Verify(options) => verify::run(options, out).await,
        FeedAction::List(options) => rules::list(options, out).await,
        FeedAction::Preview(options) => rules::preview(options, out).await,
        FeedAction::Diff(options) => rules::diff(options, out).await,
        FeedAction::Publish(remote) => rules::publish(remote, out).await,
        FeedAction::Rollback(options) => rules::rollback(options, out).await,
        FeedAction::Release(remote) => rules::release(remote, out).await,
    }
}

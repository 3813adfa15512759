//! `asgard config check|show`.

use anyhow::Result;

use crate::{cli::ConfigAction, config::Config, exit::Exit, output::Out};

pub(crate) fn run(
    config: &Config,
    action: ConfigAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        // Whoever comes here has a configuration that was read and resolved.
        ConfigAction::Check => out.line("configuration is valid")?,
        ConfigAction::Show => {
            let mut settings = config.settings.clone();
            settings.state(&config.data_dir, config.as_of);
            out.line(serde_saphyr::to_string(&settings)?.trim_end())?;
        }
    }
    Ok(Exit::Ok)
}

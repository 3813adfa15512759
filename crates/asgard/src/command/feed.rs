//! `asgard feed …`: lists of addresses for firewalls. One subcommand a file.

pub(crate) mod aggregate;

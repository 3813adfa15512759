//! The gateway from outside: configuration files as people write them.

mod configuration;

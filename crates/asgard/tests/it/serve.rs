//! `asgard serve` from outside: its fixed interface, one concern a module.

mod keys;
mod memory;
mod profiles;
mod selection;
mod start;
mod stop;
mod trust;
mod unreachable;
mod validator;

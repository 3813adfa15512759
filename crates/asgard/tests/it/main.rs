//! The real binary and the checkout around it, tested from outside.

mod cli;
mod crash;
mod hostile;
mod house;
mod http;
mod mirror;
mod network;
mod program;
mod seeds;
mod serve;
mod server;
mod truth;
mod world;

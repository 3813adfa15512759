//! The commands beside `serve`: what they print, and how they end.

mod address;
mod admin;
mod audit;
mod configuration;
mod live;
mod mrt;
mod query;
mod sources;
mod synth;
mod worlds;

//! The generated mirror, read by simple readers that share nothing with the
//! generator, and measured against the truth that it claims. `cfg(test)` tells
//! clippy that their functions are parts of tests.

#[cfg(test)]
mod gamma;
#[cfg(test)]
mod internet;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod mirror;
#[cfg(test)]
mod mrt;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod score;
#[cfg(test)]
mod sizes;

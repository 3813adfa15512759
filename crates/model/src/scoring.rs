//! Signals → Assessment. The reasons ([`Code`]) and the parameters ([`Model`]).
pub use code::Code;
pub use weights::Model;
mod code;
mod weights;

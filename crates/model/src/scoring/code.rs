//! placeholder
/// Reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// x
    Whitelisted,
}

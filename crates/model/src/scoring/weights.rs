//! placeholder
/// Parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {}

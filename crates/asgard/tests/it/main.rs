//! The real binary and the checkout around it, tested from outside.

mod house;

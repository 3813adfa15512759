//! A mirror in which one file has gone bad: the server gets ready, the other
//! sources stand, the last good file serves, the status names source and
//! reason, and the block list does not change for the worse.
//!
//! The mirror holds every file of two days; the bad one is of the second.

mod damage;
mod day;
mod poison;
mod scene;
mod size;

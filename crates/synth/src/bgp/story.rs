//! What happens: changes of routes in order of time, and what of it somebody
//! shall find.

use std::rc::Rc;

use asgard_model::{Asn, Prefix};

use super::view::View;

/// What happens, and the truth about it.
#[derive(Default)]
pub(super) struct Plot {
    pub(super) changes: Vec<Change>,
    pub(super) resets: Vec<Reset>,
    pub(super) incidents: Vec<Incident>,
    pub(super) blackholes: Vec<Habit>,
    pub(super) flaps: Vec<Habit>,
    pub(super) hops: Vec<Hop>,
}

/// Some prefixes look different from now on.
#[derive(Clone)]
pub(super) struct Change {
    /// Seconds since 1970; peers hear of it up to half a minute later.
    pub(super) at: u32,
    pub(super) prefixes: Rc<[Prefix]>,
    /// What is seen; `None` for what was seen in the beginning.
    pub(super) now: Option<Shown>,
}

/// What peers see of a route.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) view: Rc<View>,
    /// Communities that the origin gives to it (RFC 1997).
    pub(super) communities: Rc<[(u16, u16)]>,
}

impl Shown {
    pub(super) fn plain(view: View) -> Self {
        Self { view: Rc::new(view), communities: [].into() }
    }

    pub(super) fn nowhere() -> Self {
        Self::plain(View::default())
    }
}

/// A session of the collector ends and begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) vantage: usize,
    pub(super) from: u32,
    pub(super) to: u32,
    /// The collector writes the states of the session down; otherwise it is
    /// seen only by what the peer withdraws and announces.
    pub(super) stated: bool,
}

/// Something that somebody shall find.
pub(super) struct Incident {
    pub(super) kind: &'static str,
    pub(super) subtype: &'static str,
    /// Who is at fault.
    pub(super) asn: Asn,
    /// To whom it was done, or who else is involved.
    pub(super) others: Vec<Asn>,
    pub(super) start: u32,
    /// `None` if it goes on.
    pub(super) end: Option<u32>,
    pub(super) prefixes: Vec<Prefix>,
    /// Most peers that see it for one prefix.
    pub(super) peers: usize,
}

/// Something that a network does with some prefixes.
pub(super) struct Habit {
    pub(super) asn: Asn,
    pub(super) prefixes: Vec<Prefix>,
}

/// A network whose prefixes another one announces from a moment on.
pub(super) struct Hop {
    pub(super) from: Asn,
    pub(super) to: Asn,
    pub(super) at: u32,
    pub(super) prefixes: Vec<Prefix>,
}

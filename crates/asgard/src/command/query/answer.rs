//! A target with the routes and networks that answer for it.

use std::{fmt::Write, net::IpAddr};

use asgard_model::{
    Asn, CountryCode, Route, Snapshot, special_purpose::is_global_unicast,
};

use super::{super::target::Target, listed::Listed};

/// Routes inside a prefix that are shown.
const ROUTES: usize = 10;

/// A target with the ASes that answer for it.
pub(super) struct Answer<'a> {
    pub(super) text: &'a str,
    pub(super) target: Target,
    /// The longest route that covers the target.
    pub(super) route: Option<Route<'a>>,
    /// Where no route covers a prefix: the first routes inside it.
    pub(super) inside: Vec<Route<'a>>,
    /// How many there are.
    pub(super) inside_count: usize,
    /// Origins of these routes, each once, in their order.
    pub(super) asns: Vec<Asn>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        text: &'a str,
        target: Target,
    ) -> Self {
        let table = &snapshot.world.table;
        let mut answer = Self {
            text,
            target,
            route: None,
            inside: Vec::new(),
            inside_count: 0,
            asns: Vec::new(),
        };
        match target {
            Target::Asn(asn) => answer.asns.push(asn),
            Target::Address(address) => answer.route = table.lookup(address),
            Target::Prefix(prefix) => {
                answer.route = table.covering(prefix);
                if answer.route.is_none() {
                    answer.inside = table.within(prefix).take(ROUTES).collect();
                    answer.inside_count = table.within(prefix).count();
                }
            }
        }
        for route in answer.route.iter().chain(&answer.inside) {
            for &origin in route.origins {
                if !answer.asns.contains(&origin) {
                    answer.asns.push(origin);
                }
            }
        }
        answer
    }

    pub(super) fn is_found(&self, snapshot: &Snapshot) -> bool {
        self.asns.iter().any(|&asn| snapshot.profile(asn).is_some())
    }

    /// Whether nobody announces it, and nobody may.
    pub(super) fn is_special(&self) -> bool {
        let special = |address: IpAddr| !is_global_unicast(address);
        let announced = self.route.is_some() || self.inside_count > 0;
        let space = match self.target {
            Target::Asn(_) => false,
            Target::Address(address) => special(address),
            Target::Prefix(p) => special(p.network()) && special(p.last()),
        };
        space && !announced
    }

    /// Classes of the well-known ranges that hold the target.
    pub(super) fn known(&self, snapshot: &Snapshot) -> Vec<&'static str> {
        let Some(address) = self.target.address() else { return Vec::new() };
        let classes = snapshot.world.landmarks.classes(address);
        classes.iter().map(|class| class.as_str()).collect()
    }

    /// In which country the address is, or the first one of the prefix.
    pub(super) fn country(&self, snapshot: &Snapshot) -> Option<CountryCode> {
        snapshot.world.countries.of(self.target.address()?)
    }

    /// What lists say of the target itself; `None` for an AS.
    pub(super) fn listed(&self, snapshot: &'a Snapshot) -> Option<Listed<'a>> {
        Listed::new(snapshot, self.target)
    }

    /// Where it is and what lists say of it, a sentence a line:
    /// `8.8.8.8 is in 8.8.8.0/24, in US, known as resolver`.
    pub(super) fn whereabouts(&self, snapshot: &'a Snapshot) -> Vec<String> {
        let Some(listed) = self.listed(snapshot) else { return Vec::new() };
        let mut place = format!("{} ", self.text);
        place += &match self.route {
            Some(route) => format!("is in {}", route.prefix),
            None if self.inside_count > 0 => self.inside_text(),
            None if self.is_special() => "is special-purpose space, which \
                 nobody may announce"
                .to_owned(),
            None => "is announced by nobody".to_owned(),
        };
        if let Some(country) = self.country(snapshot) {
            place = format!("{place}, in {country}");
        }
        let known = self.known(snapshot);
        if !known.is_empty() {
            place = format!("{place}, known as {}", known.join(", "));
        }
        let mut lines = vec![place];
        lines.extend(
            listed.sentences(snapshot).iter().map(|text| format!("  {text}")),
        );
        lines
    }

    /// `holds 12 routes: 9.0.0.0/24 AS1, …`.
    fn inside_text(&self) -> String {
        let mut text = format!("holds {} routes:", self.inside_count);
        if self.inside_count == 1 {
            "holds 1 route:".clone_into(&mut text);
        }
        for route in &self.inside {
            let origins: Vec<String> =
                route.origins.iter().map(Asn::to_string).collect();
            // A String takes every write.
            let _ = write!(text, " {} {},", route.prefix, origins.join(" "));
        }
        text.pop();
        if self.inside_count > self.inside.len() {
            text += ", …";
        }
        text
    }
}

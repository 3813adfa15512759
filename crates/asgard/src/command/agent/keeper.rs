//! One round of an agent: hold what is in force, ask, judge, apply, keep.
//!
//! The order matters. What was good is put back first, so that a server that is
//! away opens nothing; a list is kept on disk only after the kernel has taken
//! it, so that what is kept can be put in force again.

use std::net::IpAddr;

use asgard_model::Prefix;
use asgard_policy::AddressSet;
use jiff::Timestamp;

use super::{
    feed::{About, Answer, Source},
    firewall::{Firewall, Plan, Standing},
    kept::{Good, GoodAbout, Kept},
    list::{Empty, Leniency, Limits, List},
    manifest::{PublicKey, Verdict, beside},
    metrics::Metrics,
    options::AgentOptions,
    trouble::Trouble,
};
use crate::clock;

/// How often a list and its manifest are asked for, when they do not fit.
const ATTEMPTS: usize = 3;

/// Keeps a firewall equal to a feed.
pub(super) struct Keeper {
    pub(super) options: AgentOptions,
    firewall: Firewall,
    source: Source,
    public_key: Option<PublicKey>,
    kept: Kept,
    held: Option<Held>,
    /// Who answered last: never blocked, or nothing would be heard again.
    server: Option<IpAddr>,
    metrics: Metrics,
}

/// The last good list, and what puts it in force.
struct Held {
    good: Good,
    list: List,
    plan: Plan,
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A list was put in force, the server's or the last good one.
    Applied,
    /// It was in force.
    Unchanged,
}

impl Keeper {
    /// An agent with what it has kept.
    ///
    /// # Errors
    /// Options that do not fit, or another agent runs.
    pub(super) fn new(
        options: &AgentOptions,
        firewall: Firewall,
    ) -> Result<Self, Trouble> {
        let source = Source::new(options)?;
        let public_key =
            options.public_key.as_deref().map(PublicKey::read).transpose()?;
        if public_key.is_some() {
            beside(source.url(), "manifest")?;
        }
        let target = firewall.target();
        let kept = Kept::open(&options.state_dir, &target)?;
        let mut keeper = Self {
            options: options.clone(),
            firewall,
            source,
            public_key,
            kept,
            held: None,
            server: None,
            metrics: Metrics::new(target),
        };
        if let Some(good) = keeper.kept.good()? {
            keeper.server = good.about.server;
            // It was judged when it was kept; guards of a newer agent hold too.
            match List::read(&good.body) {
                Ok(list) => {
                    let plan = keeper.plan(&list.set);
                    keeper.held = Some(Held { good, list, plan });
                }
                Err(trouble) => tracing::error!(
                    %trouble, "the last good list is not used"
                ),
            }
        }
        Ok(keeper)
    }

    /// What it keeps, for people and logs.
    pub(super) fn target(&self) -> String {
        self.firewall.target()
    }

    /// Prefixes of IPv4 and IPv6 that are in force.
    pub(super) fn in_force(&self) -> [usize; 2] {
        self.held.as_ref().map_or([0, 0], |held| held.plan.counts)
    }

    /// Puts the last good list in force, if the kernel has another or none.
    ///
    /// # Errors
    /// The kernel refuses, or has something there that is not ours.
    pub(super) fn hold(&mut self) -> Result<Outcome, Trouble> {
        let standing = self.standing()?;
        let Some(held) = &mut self.held else { return Ok(Outcome::Unchanged) };
        let same = held.good.about.applied == held.plan.digest;
        if same && standing == Standing::AsPlanned {
            return Ok(Outcome::Unchanged);
        }
        self.kept.own()?;
        self.firewall.apply(&held.plan)?;
        tracing::info!(
            target = self.firewall.target(),
            ipv4 = held.plan.counts[0],
            ipv6 = held.plan.counts[1],
            version = held.good.about.version,
            received = %held.good.about.at,
            "the last good list was put in force"
        );
        if !same {
            held.good.about.applied.clone_from(&held.plan.digest);
            self.kept.keep(&held.good)?;
        }
        Ok(Outcome::Applied)
    }

    /// One round.
    ///
    /// # Errors
    /// The server, the list, the kernel or the disk; what was good is in force.
    pub(super) async fn round(
        &mut self,
        leniency: Leniency,
    ) -> Result<Outcome, Trouble> {
        let held = self.hold()?;
        let url = self.source.url().as_str();
        let known = self.held.as_ref().map(|held| &held.good.about);
        let known = known.filter(|about| about.url == url);
        let etag = known.and_then(|about| about.etag.clone());
        let outcome = match self.source.poll(etag.as_deref()).await? {
            Answer::Unchanged(about) => {
                self.heard(&about);
                // Who answers may be new, and must stay open.
                self.hold()?
            }
            Answer::List(about, bytes) => {
                let (about, bytes) = self.signed(about, bytes).await?;
                self.heard(&about);
                self.take(&about, bytes, leniency)?
            }
        };
        self.confirm();
        Ok(match held {
            Outcome::Applied => Outcome::Applied,
            Outcome::Unchanged => outcome,
        })
    }

    /// Notes a round, and writes the metrics.
    pub(super) fn account(&mut self, ended: &Result<Outcome, Trouble>) {
        let trouble = ended.as_ref().err();
        let confirmed = self.held.as_ref().and_then(|h| h.good.confirmed);
        let received = self.held.as_ref().map(|held| held.good.about.at);
        let counts = self.in_force();
        self.metrics.note(trouble, confirmed, received, counts);
        if let Some(file) = &self.options.metrics
            && let Err(error) = self.metrics.write(file, clock::now())
        {
            tracing::warn!(
                file = %file.display(), %error, "metrics cannot be written"
            );
        }
    }

    /// Takes away what the agent has made, and forgets its list.
    ///
    /// # Errors
    /// It is not ours, or is used, or the kernel refuses.
    pub(super) fn remove(&mut self) -> Result<String, Trouble> {
        let target = self.firewall.target();
        let standing = self.standing()?;
        self.firewall.remove()?;
        self.kept.forget()?;
        self.held = None;
        Ok(match standing {
            Standing::Absent => format!("{target}: there was nothing"),
            _ => format!("{target}: removed"),
        })
    }

    /// What is under our names; an error if it is not ours.
    fn standing(&self) -> Result<Standing, Trouble> {
        let plan = self.held.as_ref().map(|held| &held.plan);
        let standing = self.firewall.standing(plan)?;
        let ours = self.kept.owns() || self.options.adopt;
        if standing == Standing::Absent || ours {
            return Ok(standing);
        }
        Err(Trouble::usage(format!(
            "{} exists and was not made by this agent: choose another name, or \
             take it over with --adopt",
            self.firewall.target()
        )))
    }

    fn plan(&self, set: &AddressSet) -> Plan {
        let host = self.server.map(Prefix::host);
        let open = self.options.protect.iter().copied().chain(host);
        let open = AddressSet::from_prefixes(open);
        self.firewall.plan(&set.subtract(&open))
    }

    /// What the server says beside the list.
    fn heard(&mut self, about: &About) {
        if about.server.is_some() && about.server != self.server {
            self.server = about.server;
            if let Some(mut held) = self.held.take() {
                held.plan = self.plan(&held.list.set);
                held.good.about.server = about.server;
                self.held = Some(held);
            }
        }
        if self.metrics.stale(about.stale) {
            match about.stale {
                Some(seconds) => {
                    tracing::warn!(seconds, "the server can make no new list");
                }
                None => tracing::info!("the server makes new lists again"),
            }
        }
    }

    /// A list that was signed, if that is asked for.
    async fn signed(
        &self,
        mut about: About,
        mut bytes: Vec<u8>,
    ) -> Result<(About, Vec<u8>), Trouble> {
        let Some(key) = &self.public_key else { return Ok((about, bytes)) };
        let mut refusal =
            Trouble::refused("the list is not the one that its manifest names");
        for attempt in 1..=ATTEMPTS {
            match key.check(&self.source, &about).await {
                Ok(Verdict::Signed(version)) => {
                    about.version = Some(version);
                    return Ok((about, bytes));
                }
                Ok(Verdict::Another) => {}
                Err(trouble) if trouble.is_refusal() => refusal = trouble,
                Err(trouble) => return Err(trouble),
            }
            if attempt < ATTEMPTS
                && let Answer::List(a, b) = self.source.poll(None).await?
            {
                (about, bytes) = (a, b);
            }
        }
        Err(refusal)
    }

    /// Judges a list, puts it in force, and keeps it.
    fn take(
        &mut self,
        about: &About,
        body: Vec<u8>,
        leniency: Leniency,
    ) -> Result<Outcome, Trouble> {
        let list = List::read(&body)?;
        if about.entries.is_some_and(|entries| entries != list.entries) {
            return Err(Trouble::refused(format!(
                "the list has {} entries, and the server says {}",
                list.entries,
                about.entries.unwrap_or_default()
            )));
        }
        let before = self.held.as_ref().map(|held| held.list.entries);
        list.judge(before, self.limits(leniency))?;
        self.not_older(about)?;
        let plan = self.plan(&list.set);
        let good = Good {
            about: GoodAbout {
                url: self.source.url().as_str().to_owned(),
                etag: about.etag.clone(),
                sha256: about.sha256.clone(),
                entries: list.entries,
                version: about.version,
                server: self.server,
                at: clock::now(),
                applied: plan.digest.clone(),
            },
            body,
            confirmed: None,
        };
        let same = self.held.as_ref().is_some_and(|held| {
            held.good.about.applied == plan.digest
                && held.plan.digest == plan.digest
        });
        if !same {
            self.standing()?;
            self.kept.own()?;
            self.firewall.apply(&plan)?;
            tracing::info!(
                target = self.firewall.target(),
                entries = list.entries,
                before,
                ipv4 = plan.counts[0],
                ipv6 = plan.counts[1],
                version = about.version,
                sha256 = about.sha256,
                "a new list is in force"
            );
        }
        let kept = self.kept.keep(&good);
        self.held = Some(Held { good, list, plan });
        kept?;
        Ok(if same { Outcome::Unchanged } else { Outcome::Applied })
    }

    fn limits(&self, leniency: Leniency) -> Limits {
        let accepted = leniency == Leniency::Accept;
        let any = accepted || self.options.allow_shrink;
        let empty = accepted || self.options.allow_empty;
        Limits {
            max_shrink: (!any).then_some(self.options.max_shrink),
            empty: if empty { Empty::Taken } else { Empty::Refused },
        }
    }

    /// Refuses a list of an older version, where that can only be an old list
    /// that somebody sends again, or the last good one of a server in trouble.
    fn not_older(&self, about: &About) -> Result<(), Trouble> {
        let known = self.held.as_ref().map(|held| &held.good.about);
        let known = known.filter(|k| k.url == self.source.url().as_str());
        let before = known.and_then(|known| known.version);
        let told = self.public_key.is_some() || about.stale.is_some();
        match (before, about.version) {
            (Some(before), Some(now))
                if told && now < before && !self.options.allow_older =>
            {
                Err(Trouble::refused(format!(
                    "the list is of version {now}, older than {before} \
                     (--allow-older takes it)"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The server has just said that what is held is the present list.
    fn confirm(&mut self) {
        let now: Timestamp = clock::now();
        self.kept.confirm(now);
        if let Some(held) = &mut self.held {
            held.good.confirmed = Some(now);
        }
    }
}

//! What must outlive the process: last good bodies, bases of differences, what
//! selectors resolved to, who polls.
//!
//! Bodies wait here until the binary asks for them to be stored, a few times a
//! second: a poll does not wait for the disk. The queue is bounded; when it is
//! full, the oldest go, and what is lost by that (or by a crash) is the answer
//! to a fault that comes before the next poll.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use asgard_store::{BodyKind, BodyPlace, Store, StoreError};
use axum::body::Bytes;
use jiff::Timestamp;

use super::{
    Feeds,
    body::{About, Body},
    organisation::Organisation,
    rulebook::Rulebook,
    shelf::Url,
};
use crate::limits;

/// Bodies that wait for the disk.
#[derive(Debug, Default)]
pub(crate) struct Pending(
    /// A std lock, held for a push or a look-up.
    Mutex<VecDeque<Piece>>,
);

#[derive(Clone, Debug)]
struct Piece {
    place: Place,
    about: String,
    bytes: Bytes,
}

/// Where a piece is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    kind: BodyKind,
    owner: Arc<str>,
    name: String,
}

impl Place {
    fn of(url: &Url, kind: BodyKind, purpose: &str) -> Self {
        let name = url.name(purpose);
        Self { kind, owner: Arc::clone(&url.org), name }
    }

    /// The last good body of a URL.
    fn good(url: &Url) -> Self {
        Self::of(url, BodyKind::Good, "good")
    }

    /// What differences of a URL start from.
    fn base(url: &Url, tag_or_version: &str) -> Self {
        Self::of(url, BodyKind::Base, &format!("base {tag_or_version}"))
    }

    /// The last good configuration of an organisation's agents.
    fn config(org: &Arc<str>) -> Self {
        let name = format!("config\0{org}");
        Self { kind: BodyKind::Good, owner: Arc::clone(org), name }
    }

    /// What the guards of an organisation remember.
    fn memory(org: &Arc<str>, way: &str) -> Self {
        let name = format!("memory\0{org}\0{way}");
        Self { kind: BodyKind::Memory, owner: Arc::clone(org), name }
    }

    fn stored(&self) -> BodyPlace<'_> {
        let Self { kind, owner, name } = self;
        BodyPlace { kind: *kind, owner, name }
    }
}

impl Pending {
    fn push(&self, piece: Piece) {
        let mut queue = self.queue();
        queue.retain(|waiting| waiting.place != piece.place);
        queue.push_back(piece);
        bound(&mut queue);
    }

    /// Takes a piece back that could not be stored, unless there is a newer one
    /// of its place. The others come first, should it be its own fault.
    fn take_back(&self, piece: Piece) {
        let mut queue = self.queue();
        if queue.iter().all(|waiting| waiting.place != piece.place) {
            queue.push_back(piece);
            bound(&mut queue);
        }
    }

    fn find(&self, place: &Place) -> Option<Piece> {
        self.queue().iter().find(|piece| piece.place == *place).cloned()
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the queue is full, the oldest go.
fn bound(queue: &mut VecDeque<Piece>) {
    let mut bytes: usize = queue.iter().map(|p| p.bytes.len()).sum();
    while bytes > limits::FEED_PENDING_BYTES {
        let Some(lost) = queue.pop_front() else { break };
        bytes -= lost.bytes.len();
    }
}

impl Feeds {
    /// Stores what must outlive the process, and protects those who have
    /// polled long enough. To be called a few times a second, and at the end.
    ///
    /// # Errors
    /// When the disk fails; what could not be stored is tried again. Bodies,
    /// memories and polls do not wait for each other.
    pub async fn keep(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let bodies = self.keep_bodies(store).await;
        let memories = self.keep_memories(store).await;
        let polls = self.keep_polls(store, now).await;
        bodies.and(memories).and(polls)
    }

    async fn keep_bodies(&self, store: &Store) -> Result<(), StoreError> {
        while let Some(piece) = self.next_piece() {
            let Piece { place, about, bytes } = &piece;
            let kept = store.last_good.keep_body(place.stored(), about, bytes);
            let kept = kept.await;
            if kept.is_err() {
                self.pending.take_back(piece);
                return kept;
            }
        }
        Ok(())
    }

    async fn keep_memories(&self, store: &Store) -> Result<(), StoreError> {
        for (org, _) in self.rulebooks() {
            let organisation = self.organisation(&org);
            while let Some((way, text)) = organisation.take_memory() {
                let place = Place::memory(&org, way);
                let text = text.as_bytes();
                let kept = store.last_good.keep_body(place.stored(), "", text);
                let kept = kept.await;
                if kept.is_err() {
                    organisation.not_stored(way);
                    return kept;
                }
            }
        }
        Ok(())
    }

    async fn keep_polls(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let last = self.noted_at.load(Ordering::Relaxed);
        let second = now.as_second();
        if (second - last).abs() < limits::FEED_NOTE_SECONDS {
            return Ok(());
        }
        self.noted_at.store(second, Ordering::Relaxed);
        let (pollers, profiles) = self.polls.take();
        if pollers.is_empty() && profiles.is_empty() {
            return Ok(());
        }
        let noted = store.pollers.note(&pollers, &profiles, now).await;
        if noted.is_err() {
            self.polls.take_back(pollers, profiles);
        }
        self.protect_pollers(now).await;
        noted
    }

    /// Takes those out of all feeds who may not be blocked because they poll.
    pub(super) async fn protect_pollers(&self, now: Timestamp) {
        let _turn = self.turn.lock().await;
        let protections = self.protect(now);
        let before = self.protections.load_full().unwrap_or_default();
        if *before == protections {
            return;
        }
        self.protections.store(Some(Arc::new(protections)));
        self.past.invalidate_all();
        let books = self.rulebooks().into_iter().filter_map(|(org, book)| {
            let pollers = self.pollers_of(&org);
            let known = before.get(&org).map_or(&[][..], Vec::as_slice);
            // Feeds of others are what they were.
            (known != pollers).then(|| {
                let book = book.with_pollers(&pollers, now);
                (org, Arc::new(book))
            })
        });
        self.publish(books.collect());
    }

    fn next_piece(&self) -> Option<Piece> {
        self.pending.queue().pop_front()
    }

    /// Lets a body wait for the disk: as the last good one of its URL, and as
    /// the base of differences. Lists of nobody are not kept: anybody may ask
    /// for them in any number, and each can be made again from the data alone.
    pub(super) fn remember(&self, url: &Url, body: &Body) {
        if url.is_of_nobody() {
            return;
        }
        let about = serde_json::to_string(&body.about)
            .expect("texts, numbers and moments are valid JSON");
        let bytes = body.plain();
        let piece = |place, about: &str, bytes: &Bytes| Piece {
            place,
            about: about.to_owned(),
            bytes: bytes.clone(),
        };
        let About { tag, version, .. } = &body.about;
        self.pending.push(piece(Place::good(url), &about, bytes));
        self.pending.push(piece(Place::base(url, tag), &about, bytes));
        let version = Place::base(url, &version.to_string());
        self.pending.push(piece(version, tag, &Bytes::new()));
    }

    /// Lets a configuration wait for the disk.
    pub(super) fn keep_config(
        &self,
        org: &Arc<str>,
        about: String,
        bytes: &Bytes,
    ) {
        let (place, bytes) = (Place::config(org), bytes.clone());
        self.pending.push(Piece { place, about, bytes });
    }

    /// The last good configuration of an organisation, with its words.
    pub(super) async fn kept_config(
        &self,
        store: &Store,
        org: &Arc<str>,
    ) -> Option<(String, Bytes)> {
        self.find_piece(store, &Place::config(org)).await
    }

    /// The last good body of a URL on disk.
    pub(super) async fn kept_body(
        &self,
        store: &Store,
        url: &Url,
    ) -> Option<Arc<Body>> {
        if url.is_of_nobody() {
            return None;
        }
        self.find(store, &Place::good(url)).await.map(Arc::new)
    }

    /// A body that was served before: by its tag, or by the version of the
    /// rules, of which the last body counts.
    pub(crate) async fn base(
        &self,
        store: &Store,
        url: &Url,
        tag_or_version: &str,
    ) -> Option<Body> {
        if tag_or_version.len() == 32 {
            return self.find(store, &Place::base(url, tag_or_version)).await;
        }
        let place = Place::base(url, tag_or_version);
        let (tag, _) = self.find_piece(store, &place).await?;
        self.find(store, &Place::base(url, &tag)).await
    }

    async fn find(&self, store: &Store, place: &Place) -> Option<Body> {
        let (about, bytes) = self.find_piece(store, place).await?;
        Some(Body::restored(serde_json::from_str(&about).ok()?, bytes))
    }

    /// Words and bytes at a place, stored or still waiting.
    async fn find_piece(
        &self,
        store: &Store,
        place: &Place,
    ) -> Option<(String, Bytes)> {
        if let Some(piece) = self.pending.find(place) {
            return Some((piece.about, piece.bytes));
        }
        match store.last_good.find_body(place.stored()).await {
            Ok(found) => found.map(|(about, bytes)| (about, bytes.into())),
            Err(error) => {
                tracing::warn!(%error, "last good body not readable");
                None
            }
        }
    }

    /// Takes up what selectors of an organisation resolved to when the data
    /// were last good.
    pub(super) async fn recall(&self, store: &Store, org: &Arc<str>) {
        let known = self.organisations.lock();
        let known =
            known.unwrap_or_else(PoisonError::into_inner).contains_key(org);
        if known {
            return;
        }
        let organisation = self.organisation(org);
        for way in Organisation::memories() {
            let place = Place::memory(org, way);
            match store.last_good.find_body(place.stored()).await {
                Ok(Some((_, text))) => organisation.recall(way, &text),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "memory of feeds not readable");
                }
            }
        }
    }

    /// A version of the past; `None` if it is not kept.
    pub(crate) async fn past(
        &self,
        store: &Store,
        org: &Arc<str>,
        version: u64,
    ) -> Result<Option<Arc<Rulebook>>, StoreError> {
        // Before the first write there is nothing to go back to.
        if version == 0 {
            return Ok(None);
        }
        let name = (Arc::clone(org), version);
        if let Some(book) = self.past.get(&name) {
            return Ok(Some(book));
        }
        let rules = store.rules.at_version(org, version).await?;
        Ok(rules.map(|rules| {
            let pollers = self.pollers_of(org);
            let book = Arc::new(Rulebook::new(&rules, &pollers));
            self.past.insert(name, Arc::clone(&book));
            book
        }))
    }
}

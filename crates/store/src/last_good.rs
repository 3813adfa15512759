//! Port: the last good body of each feed, for the day on which none can be
//! made, and what goes with it.
//!
//! Files, not rows: they are large, they are needed most when the database is
//! away, and losing them costs nothing but that day.

use async_trait::async_trait;

use crate::StoreError;

/// What a body is for. Each purpose has a budget of its own, so that many of
/// one push none of another out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyKind {
    /// It answers when none can be made.
    Good,
    /// A difference starts from it.
    Base,
    /// It is no body, but what the guards of an owner remember.
    Memory,
}

impl BodyKind {
    /// Every kind with its name in the store.
    pub const VALUES: [(Self, &'static str); 3] =
        [(Self::Good, "good"), (Self::Base, "base"), (Self::Memory, "memory")];

    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// Most bytes of all bodies of this kind on disk.
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Good => 896 << 20,
            Self::Base => 640 << 20,
            Self::Memory => 512 << 20,
        }
    }

    /// Most bodies of this kind.
    pub fn max_bodies(self) -> usize {
        match self {
            Self::Good => 8_192,
            Self::Base => 16_384,
            Self::Memory => 32_768,
        }
    }
}

/// Where a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPlace<'a> {
    /// What it is for.
    pub kind: BodyKind,
    /// Whose it is.
    pub owner: &'a str,
    /// Its name, any text, unique for owner and kind.
    pub name: &'a str,
}

/// Bodies by place. A body comes with a few words that the caller needs to
/// serve it.
#[async_trait]
pub trait LastGood: Send + Sync {
    /// Replaces the body at a place. Beyond [`BodyKind::max_bytes`] or
    /// [`BodyKind::max_bodies`], by a thirty-second at most, the bodies of the
    /// owner that has most of that kind go, those first that were written
    /// longest ago.
    ///
    /// # Errors
    /// When the disk fails; then the old body is still there.
    async fn keep_body(
        &self,
        place: BodyPlace<'_>,
        about: &str,
        body: &[u8],
    ) -> Result<(), StoreError>;

    /// The body at a place with its words; `None` if there is none, or if it is
    /// damaged.
    ///
    /// # Errors
    /// When the disk fails.
    async fn find_body(
        &self,
        place: BodyPlace<'_>,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError>;
}

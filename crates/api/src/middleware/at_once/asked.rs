//! Which kept answer a request asks for, and who may have it.

use std::sync::Arc;

use arc_swap::Guard;
use asgard_model::Asn;
use asgard_store::Permission;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};

use super::Queries;
use crate::{
    ApiConfig,
    auth::Identity,
    published::{Feed, FeedPlace, KeptProfile, Published},
    representation::{self, Kept},
    request,
    resource::edl,
    router::MOUNTS,
};

/// As they are registered, without mount.
const PROFILE: &str = "/asn/{asn}";
const LIST: &str = "/feeds/edl";
/// The same under each of [`MOUNTS`].
const PROFILES: [&str; MOUNTS.len()] =
    ["/api/v1/asn/{asn}", "/v1/asn/{asn}", "/api/asn/{asn}", PROFILE];
const LISTS: [&str; MOUNTS.len()] =
    ["/api/v1/feeds/edl", "/v1/feeds/edl", "/api/feeds/edl", LIST];

/// What a request asks for, as far as method, path and query tell.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    /// Template of the path.
    pub(super) route: &'static str,
    /// The same without mount.
    pub(super) endpoint: &'static str,
    wanted: Wanted,
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Profile(Asn),
    List(FeedPlace),
}

/// What is kept of it.
pub(super) enum Found<'a> {
    Profile(Guard<Option<Arc<KeptProfile>>>),
    List { feed: Guard<Option<Arc<Feed>>>, published: &'a Published },
}

impl Asked {
    /// `None` for anything but a plain `GET` of what may be kept.
    pub(super) fn of<B>(
        request: &Request<B>,
        queries: &Queries,
    ) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let uri = request.uri();
        let path = uri.path();
        (0..MOUNTS.len()).find_map(|mount| {
            let rest = path.strip_prefix(MOUNTS[mount])?;
            match rest.strip_prefix("/asn/") {
                Some(asn) => profile(mount, asn, uri),
                None if rest == LIST => {
                    queries.place(uri).map(|place| list(mount, place))
                }
                None => None,
            }
        })
    }

    /// Whether who asks may have it.
    pub(super) fn is_open_to(
        &self,
        identity: &Identity,
        config: &ApiConfig,
    ) -> bool {
        match self.wanted {
            Wanted::Profile(_) => identity.may(Permission::Read),
            Wanted::List(..) => edl::is_open_to(identity, config),
        }
    }

    /// `None` if it has to be made.
    pub(super) fn find<'a>(
        &self,
        published: &'a Published,
    ) -> Option<Found<'a>> {
        match &self.wanted {
            Wanted::Profile(asn) => {
                let kept = published.kept_profile(*asn)?;
                Some(Found::Profile(kept))
            }
            Wanted::List(place) => {
                let feed = published.kept_edl(*place)?;
                Some(Found::List { feed, published })
            }
        }
    }
}

fn profile(mount: usize, asn: &str, uri: &Uri) -> Option<Asked> {
    let asn = request::asn(asn).ok()?;
    let wanted = Wanted::Profile(asn);
    let asked = Asked { route: PROFILES[mount], endpoint: PROFILE, wanted };
    uri.query().is_none().then_some(asked)
}

fn list(mount: usize, place: FeedPlace) -> Asked {
    let wanted = Wanted::List(place);
    Asked { route: LISTS[mount], endpoint: LIST, wanted }
}

impl Found<'_> {
    pub(super) fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Profile(place) => place.as_ref().map(|kept| &kept.1),
            Self::List { feed, .. } => feed.as_ref().map(|feed| &feed.kept),
        }
    }

    /// Its media type.
    pub(super) fn kind(&self) -> HeaderValue {
        match self {
            Self::Profile(_) => representation::JSON,
            Self::List { .. } => representation::TEXT,
        }
    }

    /// What the headers say of it, sent or not.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        let cache = match self {
            Self::Profile(_) => representation::PRIVATE,
            Self::List { .. } => representation::PUBLIC,
        };
        if let Some(kept) = self.kept() {
            kept.describe(cache, headers);
        }
        if let Self::List { feed, published } = self
            && let Some(feed) = feed.as_ref()
        {
            edl::describe(feed, published, headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use asgard_policy::Selection;

    use super::*;

    fn asked(method: &str, uri: &str) -> Option<Asked> {
        let request = Request::builder().method(method).uri(uri);
        Asked::of(&request.body(()).unwrap(), &Queries::new())
    }

    #[test]
    fn routes_are_the_endpoints_under_every_mount() {
        let under = |path| MOUNTS.map(|mount| format!("{mount}{path}"));
        assert_eq!(under(PROFILE), PROFILES);
        assert_eq!(under(LIST), LISTS);
    }

    #[test]
    fn profiles_and_lists_are_found_under_every_mount() {
        for mount in MOUNTS {
            let profile = asked("GET", &format!("{mount}/asn/64496")).unwrap();
            assert_eq!(profile.route, format!("{mount}{PROFILE}"));
            assert_eq!(profile.wanted, Wanted::Profile(Asn(64_496)));
            let uri = format!("{mount}/feeds/edl?max_score=30");
            let list = asked("GET", &uri).unwrap();
            assert_eq!(list.route, format!("{mount}{LIST}"));
            let place = FeedPlace::of(&Selection::up_to(30.0));
            assert_eq!(list.wanted, Wanted::List(place));
        }
    }

    #[test]
    fn nothing_but_a_plain_get_of_them_is_taken() {
        for (method, uri) in [
            ("HEAD", "/v1/asn/64496"),
            ("POST", "/v1/asn/64496"),
            ("GET", "/v1/asn/64496?x=1"),
            ("GET", "/v1/asn/64496/"),
            ("GET", "/v1/asn/%36"),
            ("GET", "/v1/asn/0"),
            ("GET", "/v1/asn/AS64496"),
            ("GET", "/v1/asn/64496/history"),
            ("GET", "/v2/asn/64496"),
            ("HEAD", "/feeds/edl"),
            ("GET", "/feeds/edl/"),
            ("GET", "/feeds/ed%6C"),
            ("GET", "/feeds/edl?levle=HIGH"),
            ("GET", "/feeds/edl?level=BAD"),
            ("GET", "/feeds/edl?level=HIGH&level=LOW"),
            ("GET", "/feeds/edl?max_score=101"),
            ("GET", "/feeds/edl?guard=on"),
            ("GET", "/feeds/edl?expand=prefixes"),
            ("GET", "/feeds/edl?expand=prefixes&format=ipset"),
            ("GET", "/v2/feeds/edl"),
        ] {
            assert!(asked(method, uri).is_none(), "{method} {uri}");
        }
    }
}

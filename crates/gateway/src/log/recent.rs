//! The latest requests that were refused or challenged, by their ids.
//!
//! A visitor quotes the id of the page; the operator asks what it was. Kept in
//! memory, bounded in number and bytes; each worker keeps its own, so that none
//! waits for another. What a log does not say is not kept here either.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::decide::{Line, Record};

/// Requests that are kept, of all workers together.
const MAX_REQUESTS: usize = 10_000;
/// Bytes of their texts, likewise.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A request that was not allowed.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) record: Record,
    pub(crate) line: Arc<Line>,
    /// Name of the rule that decided; the configuration may be another now.
    pub(crate) rule: Box<str>,
    pub(crate) status: u16,
    /// When, in seconds since 1970.
    pub(crate) at: u64,
}

/// Those of one worker.
#[derive(Debug)]
pub struct Recent {
    max_requests: usize,
    max_bytes: usize,
    // A std lock: held to push one request, or to look for one.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Remembered>,
    bytes: usize,
}

impl Recent {
    /// One of `workers` shares.
    #[must_use]
    pub fn share_of(workers: usize) -> Self {
        Self {
            max_requests: (MAX_REQUESTS / workers.max(1)).max(1),
            max_bytes: MAX_BYTES / workers.max(1),
            kept: Mutex::default(),
        }
    }

    /// The oldest make room.
    pub(crate) fn push(&self, request: Remembered) {
        let mut kept = self.lock();
        kept.bytes += size(&request);
        kept.requests.push_back(request);
        while kept.requests.len() > self.max_requests
            || kept.bytes > self.max_bytes
        {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.bytes -= size(&oldest);
        }
    }

    /// The latest of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Remembered> {
        let kept = self.lock();
        let mut latest = kept.requests.iter().rev();
        latest.find(|request| request.record.id.as_str() == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What it holds, roughly.
fn size(request: &Remembered) -> usize {
    let line = &request.line;
    let texts = [&line.method, &line.host, &line.path, &line.user_agent];
    let texts = texts.iter().map(|text| text.len()).sum::<usize>();
    let own = size_of::<Remembered>() + size_of::<Line>();
    own + texts + request.rule.len() + request.record.id.as_str().len()
}

#[cfg(test)]
mod tests {
    use asgard_policy::gate::Action;

    use super::*;
    use crate::{metrics::Kind, worker::RequestId};

    fn request(id: usize, path: String) -> Remembered {
        let line = Arc::new(Line {
            method: "GET".into(),
            host: "shop.example".into(),
            path,
            user_agent: String::new(),
            weight: 0,
            intended: Action::Deny,
        });
        let record = Record {
            kind: Kind::Deny,
            rule: None,
            client: [192, 0, 2, 7].into(),
            asn: None,
            id: RequestId::told(&id.to_string()),
            line: None,
        };
        Remembered { record, line, rule: "r".into(), status: 403, at: 1 }
    }

    #[test]
    fn the_oldest_make_room() {
        let recent = Recent::share_of(2_500);
        for id in 0..10 {
            recent.push(request(id, "/".into()));
        }
        let kept: Vec<usize> =
            (0..10).filter(|n| recent.find(&n.to_string()).is_some()).collect();
        assert!(kept.ends_with(&[9]), "{kept:?}");
        assert!(kept.len() <= 4 && kept.len() >= 2, "{kept:?}");
        let found = recent.find("9").unwrap();
        assert_eq!((found.status, &*found.rule), (403, "r"));
    }

    #[test]
    fn long_texts_do_not_fill_the_memory() {
        let recent = Recent::share_of(1);
        for id in 0..9_000 {
            recent.push(request(id, "a".repeat(2_000)));
        }
        let kept = recent.lock();
        assert!(kept.bytes <= MAX_BYTES, "{}", kept.bytes);
        let texts: usize =
            kept.requests.iter().map(|kept| kept.line.path.len()).sum();
        assert!(texts <= MAX_BYTES && texts > MAX_BYTES / 2, "{texts}");
    }
}

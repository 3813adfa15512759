//! The routes of one peer: a path for each prefix, four bytes a route.
//!
//! In pages, because most peers at exchange points carry few routes, and the
//! numbers of their prefixes lie anywhere.

use crate::path::PathId;

use super::PrefixId;

/// Routes of a page.
const PAGE: usize = 128;

type Page = Box<[Option<PathId>; PAGE]>;

/// Prefix → path of one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes {
    pages: Vec<Option<Page>>,
}

impl Routes {
    pub(super) fn get(&self, prefix: PrefixId) -> Option<PathId> {
        let page = self.pages.get(prefix.index() / PAGE)?.as_ref()?;
        page[prefix.index() % PAGE]
    }

    /// Puts a path and returns the one that was there.
    pub(super) fn set(
        &mut self,
        prefix: PrefixId,
        path: Option<PathId>,
    ) -> Option<PathId> {
        let at = prefix.index() / PAGE;
        if at >= self.pages.len() {
            path?;
            // Prefixes come in order: doubling would waste half of it.
            self.pages.reserve_exact((at + 1 - self.pages.len()).max(256));
            self.pages.resize_with(at + 1, || None);
        }
        let page = match &mut self.pages[at] {
            Some(page) => page,
            none => {
                path?;
                none.insert(Box::new([None; PAGE]))
            }
        };
        std::mem::replace(&mut page[prefix.index() % PAGE], path)
    }

    /// The first route at or after a number of a prefix.
    pub(super) fn next(&self, from: usize) -> Option<(PrefixId, PathId)> {
        let first = from / PAGE;
        let pages = self.pages.iter().enumerate().skip(first);
        pages.filter_map(|(at, page)| Some((at, page.as_ref()?))).find_map(
            |(at, page)| {
                let begin = from.saturating_sub(at * PAGE);
                (begin..PAGE).find_map(|slot| {
                    let id = PrefixId::at(at * PAGE + slot)?;
                    Some((id, page[slot]?))
                })
            },
        )
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        self.pages.capacity() * size_of::<Option<Page>>()
            + pages * size_of::<[Option<PathId>; PAGE]>()
    }
}

/// Prefixes of which something is noted, one bit each.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// Notes a prefix; whether it was not noted before.
    pub(super) fn insert(&mut self, prefix: PrefixId) -> bool {
        let (word, bit) = (prefix.index() / 64, 1 << (prefix.index() % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    pub(super) fn contains(&self, prefix: PrefixId) -> bool {
        let bit = 1 << (prefix.index() % 64);
        self.words.get(prefix.index() / 64).is_some_and(|w| w & bit != 0)
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathArena;
    use asgard_model::AsPath;

    fn id(index: usize) -> PrefixId {
        PrefixId::at(index).unwrap()
    }

    #[test]
    fn routes_are_found_in_order_across_missing_pages() {
        let mut arena = PathArena::default();
        let path = arena.intern(&AsPath::sequence([1])).unwrap();
        let mut routes = Routes::default();
        for index in [0, 127, 128, 5000] {
            assert_eq!(routes.set(id(index), Some(path)), None);
        }
        assert_eq!(routes.set(id(127), None), Some(path));
        assert_eq!(routes.set(id(127), None), None);
        assert_eq!(routes.set(id(9_000_000), None), None);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((prefix, _)) = routes.next(from) {
            found.push(prefix.index());
            from = prefix.index() + 1;
        }
        assert_eq!(found, [0, 128, 5000]);
        assert!(routes.heap_bytes() < 10_000);
    }

    #[test]
    fn a_mark_is_new_once() {
        let mut marks = Marks::default();
        assert!(marks.insert(id(64)));
        assert!(!marks.insert(id(64)));
        assert!(marks.contains(id(64)) && !marks.contains(id(63)));
        marks.clear();
        assert!(!marks.contains(id(64)));
    }
}

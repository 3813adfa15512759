//! What follows from a number alone (a path, a prefix), worked out once.

/// Facts by dense number; most numbers have none.
#[derive(Clone, Debug)]
pub(super) struct Remembered<T> {
    /// By number: not worked out yet, nothing, or a place in `facts`.
    places: Vec<u32>,
    facts: Vec<T>,
}

const UNKNOWN: u32 = u32::MAX;
const NOTHING: u32 = u32::MAX - 1;

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { places: Vec::new(), facts: Vec::new() }
    }
}

impl<T> Remembered<T> {
    /// The facts of a number; `work_out` is asked the first time.
    pub(super) fn get(
        &mut self,
        number: usize,
        work_out: impl FnOnce() -> Option<T>,
    ) -> Option<&T> {
        if number >= self.places.len() {
            self.places.resize(number + 1, UNKNOWN);
        }
        if self.places[number] == UNKNOWN {
            self.places[number] = match work_out() {
                None => NOTHING,
                Some(facts) => {
                    self.facts.push(facts);
                    u32::try_from(self.facts.len() - 1).unwrap_or(NOTHING)
                }
            };
        }
        self.facts.get(self.places[number] as usize)
    }

    /// The facts of a number, if they were worked out and there are any.
    pub(super) fn known(&self, number: usize) -> Option<&T> {
        let place = self.places.get(number).copied()?;
        self.facts.get(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_worked_out_once() {
        let mut remembered = Remembered::default();
        let mut asked = 0;
        for _ in 0..3 {
            let fact = remembered.get(5, || {
                asked += 1;
                Some("five")
            });
            assert_eq!(fact, Some(&"five"));
            assert_eq!(remembered.get(2, || None), None);
        }
        assert_eq!(asked, 1);
        assert_eq!(remembered.get(2, || Some("late")), None);
        assert_eq!(remembered.known(5), Some(&"five"));
        assert_eq!(remembered.known(99), None);
    }
}

//! Random numbers that are the same everywhere and for ever: xoshiro256**
//! seeded by `SplitMix64` (Blackman and Vigna, <https://prng.di.unimi.it>).
//!
//! Written here because the worlds must not change with a dependency. It is no
//! source of secrets.

/// One stream of random numbers.
pub(crate) struct Random([u64; 4]);

impl Random {
    /// The stream of one purpose: a new purpose never shifts the others.
    pub(crate) fn stream(seed: u64, purpose: &str) -> Self {
        let mut state = purpose.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(std::array::from_fn(|_| splitmix(&mut state)))
    }

    fn next(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.0;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number from 0 to `bound − 1`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let wide = (self.next() >> 32) * u64::from(bound);
        u32::try_from(wide >> 32).expect("a product of halves, shifted")
    }

    /// A number from `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// As [`Self::between`], for prefix lengths.
    pub(crate) fn len(&mut self, low: u8, high: u8) -> u8 {
        u8::try_from(self.between(low.into(), high.into())).unwrap_or(high)
    }

    /// As [`Self::between`], for days.
    pub(crate) fn days(&mut self, low: u16, high: u16) -> u16 {
        u16::try_from(self.between(low.into(), high.into())).unwrap_or(high)
    }

    /// True in `per_thousand` of 1,000 cases.
    pub(crate) fn chance(&mut self, per_thousand: u32) -> bool {
        self.below(1_000) < per_thousand
    }

    /// One of the items, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        &items[self.below(count) as usize]
    }

    /// Brings the items into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            items.swap(last, self.below(bound) as usize);
        }
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_reference_values() {
        // First outputs of splitmix64.c for state 1234567, and of
        // xoshiro256starstar.c for state [1, 2, 3, 4].
        let mut state = 1_234_567;
        assert_eq!(splitmix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(splitmix(&mut state), 3_203_168_211_198_807_973);
        let mut random = Random([1, 2, 3, 4]);
        let first: Vec<u64> = (0..4).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]
        );
    }

    #[test]
    fn stays_within_its_bounds_and_reaches_them() {
        let mut random = Random::stream(7, "bounds");
        let drawn: Vec<u32> =
            (0..1_000).map(|_| random.between(3, 6)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&6));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn streams_of_two_purposes_differ() {
        let draw = |purpose| Random::stream(1, purpose).next();
        assert_ne!(draw("names"), draw("links"));
        assert_eq!(draw("names"), draw("names"));
    }
}

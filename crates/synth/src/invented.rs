//! Names and seats of networks that do not exist: words of no language, with
//! countries and registries in plausible proportions.

use std::collections::BTreeSet;

use asgard_model::Rir;

use crate::{network::Trade, random::Random};

const ONSETS: [&str; 24] = [
    "b", "br", "d", "dr", "fl", "g", "gl", "j", "kl", "kr", "l", "m", "n",
    "pl", "qu", "r", "sk", "sn", "t", "thr", "v", "vr", "z", "zw",
];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ae", "io", "uo"];
const CODAS: [&str; 12] =
    ["", "l", "m", "n", "r", "x", "lk", "nd", "rb", "sk", "th", "zz"];

/// Registry and its countries, as often as they shall occur.
const SEATS: [(Rir, &str); 5] = [
    (Rir::Ripe, "DE DE GB GB FR NL NL PL PL RU RU UA IT ES SE CH TR RO CZ AT"),
    (Rir::Arin, "US US US US US US US CA CA JM"),
    (Rir::Apnic, "IN IN JP CN CN AU ID ID HK SG BD KR VN TH NZ PH"),
    (Rir::Lacnic, "BR BR BR BR BR AR AR CL CO MX PE"),
    (Rir::Afrinic, "ZA ZA NG KE EG GH TZ MU"),
];

/// Inventor of names: each word is given once.
pub(crate) struct Inventor {
    random: Random,
    used: BTreeSet<String>,
}

impl Inventor {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::stream(seed, "names"), used: BTreeSet::new() }
    }

    /// A word that was not given before; lower case.
    pub(crate) fn word(&mut self) -> String {
        loop {
            let syllables = self.random.between(2, 3);
            let mut word: String =
                (0..syllables).map(|_| self.syllable()).collect();
            word += *self.random.pick(&CODAS);
            if self.used.insert(word.clone()) {
                return word;
            }
        }
    }

    fn syllable(&mut self) -> String {
        let onset = self.random.pick(&ONSETS);
        let vowel = self.random.pick(&VOWELS);
        format!("{onset}{vowel}")
    }

    /// A registry and one of its countries.
    pub(crate) fn seat(&mut self) -> (Rir, &'static str) {
        let index = match self.random.below(100) {
            0..37 => 0,
            37..60 => 1,
            60..83 => 2,
            83..96 => 3,
            _ => 4,
        };
        let (rir, countries) = SEATS[index];
        let countries: Vec<&str> = countries.split(' ').collect();
        (rir, *self.random.pick(&countries))
    }

    /// The organisation's name, from its word; none for a few small ones.
    pub(crate) fn company(&mut self, word: &str, trade: Trade) -> String {
        let name = capitalised(word);
        let business = ["Foods", "Works", "Clinic", "Motors", "Bank", "Mills"];
        match trade {
            Trade::Tier1 => format!("{name} Backbone"),
            Trade::Transit => format!("{name} Transit, Ltd."),
            Trade::Access => format!("{name} Telecom"),
            Trade::Cloud => format!("{name} Cloud"),
            Trade::Content => format!("{name} Media"),
            Trade::University => format!("University of {name}"),
            Trade::Hoster => format!("{name} Hosting"),
            Trade::NonProfit => format!("{name} Foundation"),
            Trade::Exchange => format!("{name} Internet Exchange"),
            Trade::Stub if self.random.chance(50) => String::new(),
            Trade::Stub | Trade::Internal => {
                format!("{name} {}", self.random.pick(&business))
            }
        }
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

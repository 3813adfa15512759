//! Making a feed fit its device: first without loss, then as was asked.

use super::{
    Extra, Family, FeedParams, Overflow, Overflowed, Per, Selected,
    Translation, Truncated,
    shape::{bounds, merged, plain, prefixes, ranges, space, with_causes},
};
use crate::feed::{
    compile::Compiled,
    entry::{Entry, Line},
};

/// Extra addresses that coarsening may add, as a share of the feed.
const MAX_EXTRA: f64 = 0.01;

/// Makes lines of entries and fits them into the budget of each list: one, or
/// one a family.
pub(super) fn fit(
    entries: &[Entry],
    compiled: &Compiled,
    params: &FeedParams,
) -> Result<Selected, Overflowed> {
    let max = match params.per {
        // The format splits a list that is longer.
        Per::Set => None,
        Per::List | Per::Family => params.max_entries,
    };
    let Some(max) = max else {
        let lines = lossless(entries, usize::MAX, compiled, params);
        return Ok(Selected { lines, ..Selected::default() });
    };
    if params.per == Per::List || params.family != Family::Both {
        return fit_list(entries, max, compiled, params);
    }
    let v4 = entries.partition_point(|entry| entry.prefix.is_v4());
    let mut both = fit_list(&entries[..v4], max, compiled, params)?;
    let mut v6 = fit_list(&entries[v4..], max, compiled, params)?;
    both.lines.append(&mut v6.lines);
    both.truncated = sum(both.truncated, v6.truncated, |a, b| Truncated {
        entries: a.entries + b.entries,
        addresses_v4: a.addresses_v4 + b.addresses_v4,
    });
    both.extra = sum(both.extra, v6.extra, |a, b| Extra {
        v4: a.v4 + b.v4,
        v6_64: a.v6_64 + b.v6_64,
    });
    Ok(both)
}

fn sum<T>(a: Option<T>, b: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(add(a, b)),
        (a, b) => a.or(b),
    }
}

/// Lines in the form that was asked for. If they are too many: merged, then as
/// ranges where the format has them.
fn lossless(
    entries: &[Entry],
    max: usize,
    compiled: &Compiled,
    params: &FeedParams,
) -> Vec<Line> {
    let shortest = shortest(compiled, params);
    let asked = match (params.tr, params.aggregate) {
        (Translation::None, false) => plain(entries),
        (tr, _) => merged(entries, tr, shortest),
    };
    if asked.len() <= max {
        return asked;
    }
    let joined = match (params.tr, params.aggregate) {
        (Translation::None, false) => {
            merged(entries, Translation::Prefixes, shortest)
        }
        _ => asked,
    };
    let to_ranges = params.may_range && params.tr == Translation::None;
    match to_ranges && joined.len() > max {
        true => merged(entries, Translation::Ranges, shortest),
        false => joined,
    }
}

fn shortest(compiled: &Compiled, params: &FeedParams) -> [u8; 2] {
    let [v4, v6] = compiled.shortest;
    [
        params.min_prefix4.map_or(v4, |asked| asked.max(v4)),
        params.min_prefix6.map_or(v6, |asked| asked.max(v6)),
    ]
}

fn fit_list(
    entries: &[Entry],
    max: usize,
    compiled: &Compiled,
    params: &FeedParams,
) -> Result<Selected, Overflowed> {
    let lines = lossless(entries, max, compiled, params);
    if lines.len() <= max {
        return Ok(Selected { lines, ..Selected::default() });
    }
    match params.overflow {
        Overflow::Error => Err(Overflowed {
            entries: lines.len(),
            max_entries: max,
            note: String::new(),
        }),
        Overflow::Truncate => Ok(truncate(lines, max)),
        Overflow::Coarsen => {
            coarsen(entries, lines.len(), max, compiled, params)
        }
    }
}

/// Keeps the worst; ties by address.
fn truncate(mut lines: Vec<Line>, max: usize) -> Selected {
    let before = space(&lines);
    let cut = lines.len() - max;
    worst_first(&mut lines);
    lines.truncate(max);
    let lost = before.subtract(&space(&lines)).addresses_v4();
    numeric(&mut lines);
    let truncated = Some(Truncated { entries: cut, addresses_v4: lost });
    Selected { lines, truncated, ..Selected::default() }
}

/// Sorts by severity, the worst first; ties by address.
pub(super) fn worst_first(lines: &mut [Line]) {
    lines.sort_by_key(|line| (line.cause.rank(), bounds(line.span)));
}

fn numeric(lines: &mut [Line]) {
    lines.sort_by_key(|line| {
        let (first, (_, last)) = bounds(line.span);
        (first, std::cmp::Reverse(last))
    });
}

/// Joins neighbours. What is protected, allowed or special-purpose stays out.
fn coarsen(
    entries: &[Entry],
    lines: usize,
    max: usize,
    compiled: &Compiled,
    params: &FeedParams,
) -> Result<Selected, Overflowed> {
    use crate::space::coarsen::{EntryForm, Limits, coarsen};

    let as_ranges = params.tr == Translation::Ranges
        || params.may_range && params.tr == Translation::None;
    let form = match as_ranges {
        true => EntryForm::Ranges,
        false => EntryForm::Prefixes,
    };
    let [min_prefix4, min_prefix6] = shortest(compiled, params);
    let limits = Limits { min_prefix4, min_prefix6, max_extra: MAX_EXTRA };
    let set =
        crate::AddressSet::from_prefixes(entries.iter().map(|e| e.prefix));
    let keep_out = &compiled.shield.derived;
    let overflowed = |note: String| Overflowed {
        entries: lines,
        max_entries: max,
        note: format!(" ({note})"),
    };
    let coarse = coarsen(&set, form, max, keep_out, limits)
        .map_err(|error| overflowed(error.to_string()))?;
    let spans = match form {
        EntryForm::Ranges => ranges(&coarse.set),
        EntryForm::Prefixes => {
            prefixes(&coarse.set, [min_prefix4, min_prefix6])
        }
    };
    if spans.len() > max {
        return Err(overflowed("prefixes would become too short".to_owned()));
    }
    let extra =
        Extra { v4: coarse.extra.v4, v6_64: u128::from(coarse.extra.v6_64) };
    let lines = with_causes(spans, entries);
    Ok(Selected { lines, extra: Some(extra), ..Selected::default() })
}

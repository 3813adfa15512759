//! One rendering: what a listing must satisfy before a byte is written, and
//! what every renderer asks of it.

use asgard_model::Prefix;

use super::{
    Confirm, Families, Format, Options, RenderError, Rendered, plain,
    text::Text,
};
use crate::feed::entry::{Line, Listing, Span};

/// A listing that passed the checks of its format, being written.
pub(super) struct Job<'a> {
    pub(super) format: Format,
    pub(super) listing: &'a Listing,
    pub(super) options: &'a Options,
}

/// What a renderer hands back.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: usize,
    pub(super) withheld: usize,
}

impl<'a> Job<'a> {
    /// Refuses what would break the device.
    pub(super) fn start(
        format: Format,
        listing: &'a Listing,
        options: &'a Options,
    ) -> Result<Self, RenderError> {
        let traits = format.traits();
        if traits.routers {
            may_reach_routers(format, listing, options)?;
        }
        for line in &listing.lines {
            match line.span {
                Span::Prefix(prefix) if prefix.len() == 0 => {
                    return Err(RenderError::DefaultRoute);
                }
                Span::Range(_) if !traits.ranges => {
                    return Err(RenderError::Ranges(format));
                }
                _ => {}
            }
        }
        if traits.aggregated && overlap(&listing.lines) {
            return Err(RenderError::Overlap(format));
        }
        Ok(Self { format, listing, options })
    }

    /// Writes it.
    pub(super) fn run(self) -> Result<Rendered, RenderError> {
        let written = match self.format {
            _ => plain::write(&self),
        };
        Ok(Rendered {
            bytes: written.bytes,
            content_type: self.format.traits().content_type,
            entries: written.entries,
            withheld: written.withheld,
        })
    }

    /// The lines that the format holds, by family.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a Line> + use<'a> {
        let families = self.format.traits().families;
        self.listing.lines.iter().filter(move |line| match families {
            Families::Both => true,
            Families::V4 => line.span.is_v4(),
            Families::V6 => !line.span.is_v4(),
        })
    }

    /// The prefixes that the format holds; for formats without ranges.
    pub(super) fn prefixes(
        &self,
    ) -> impl Iterator<Item = (Prefix, &'a Line)> + use<'a> {
        self.lines().filter_map(|line| match line.span {
            Span::Prefix(prefix) => Some((prefix, line)),
            Span::Range(_) => None,
        })
    }

    /// A text with room for the whole list.
    pub(super) fn text(&self, bytes_a_line: usize) -> Text {
        Text::with_capacity(256 + self.listing.lines.len() * bytes_a_line)
    }

    /// What was written, of the lines that the format holds.
    pub(super) fn done(&self, text: Text) -> Written {
        let entries = self.lines().count();
        Written {
            bytes: text.into_bytes(),
            entries,
            withheld: self.listing.lines.len() - entries,
        }
    }
}

fn may_reach_routers(
    format: Format,
    listing: &Listing,
    options: &Options,
) -> Result<(), RenderError> {
    if options.confirm != Confirm::Bgp {
        return Err(RenderError::NeedsConfirmation(format));
    }
    let limit =
        options.max_entries.ok_or(RenderError::NeedsMaxEntries(format))?;
    let found = listing.lines.len();
    if found > limit {
        return Err(RenderError::TooMany { found, limit });
    }
    Ok(())
}

/// Whether any two lines share an address.
fn overlap(lines: &[Line]) -> bool {
    let mut ranges: Vec<_> =
        lines.iter().map(|line| line.span.range()).collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| pair[0].meets(pair[1]))
}

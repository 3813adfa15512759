//! Where in the expression a node stands.

use cel::common::ast::{Expr, IdedExpr};

use super::Checker;

impl Checker<'_> {
    /// Byte offset and length of a node in the source, from its first to its
    /// last part.
    pub(super) fn extent(&self, at: &IdedExpr) -> (usize, usize) {
        let mut range: Option<(usize, usize)> = None;
        self.widen(at, &mut range, 0);
        let (start, end) = range.unwrap_or((0, 1));
        (start, end.saturating_sub(start).max(1))
    }

    fn widen(
        &self,
        at: &IdedExpr,
        range: &mut Option<(usize, usize)>,
        depth: usize,
    ) {
        if let Some((start, stop)) = self.info.offset_for(at.id) {
            let (start, end) =
                (self.byte(start), self.byte(stop.saturating_add(1)));
            *range = Some(match *range {
                Some((s, e)) => (s.min(start), e.max(end)),
                None => (start, end),
            });
        }
        // Only what was written: the parts of macros have no places.
        if depth > 64 {
            return;
        }
        match &at.expr {
            Expr::Call(call) => {
                for part in call.target.iter().map(|t| &**t).chain(&call.args) {
                    self.widen(part, range, depth + 1);
                }
            }
            Expr::Select(select) => {
                self.widen(&select.operand, range, depth + 1);
            }
            _ => {}
        }
    }

    /// The parser counts characters.
    fn byte(&self, offset: u32) -> usize {
        let text = &self.source.value;
        let offset = offset as usize;
        if text.is_ascii() {
            return offset.min(text.len());
        }
        text.char_indices().map(|(at, _)| at).nth(offset).unwrap_or(text.len())
    }
}

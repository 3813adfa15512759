//! The frames of a client as they are read: where one ends, and whether the
//! connection is in the midst of one.
//!
//! hyper gives out heads and bodies when they are whole. What a client leaves
//! unfinished shows here only. Nothing is checked: that is hyper's part.

/// The preface of HTTP/2 (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// What precedes every frame (RFC 9113, section 4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
/// `HEADERS`, `PUSH_PROMISE` and `CONTINUATION`.
const OF_BLOCKS: [u8; 3] = [1, 5, 9];
const END_HEADERS: u8 = 4;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// Between two frames.
    Nothing,
    /// In a frame with a part of a body.
    Data,
    /// In the preface, in a list of fields, or in another frame.
    Block,
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Frames {
    preface: usize,
    head: [u8; HEAD],
    /// Bytes of `head` that are there.
    have: usize,
    /// Bytes of the frame that are not.
    left: usize,
    /// A list of fields goes on in the next frame.
    open: bool,
    /// A frame has come: the first one belongs to the preface.
    begun: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            preface: PREFACE,
            head: [0; HEAD],
            have: 0,
            left: 0,
            open: false,
            begun: false,
        }
    }
}

impl Frames {
    /// Takes note of bytes; whether something came to its end in them.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.left == 0 {
                let taken = bytes.len().min(HEAD - self.have);
                self.head[self.have..self.have + taken]
                    .copy_from_slice(&bytes[..taken]);
                self.have += taken;
                bytes = &bytes[taken..];
                if self.have < HEAD {
                    break;
                }
                let [a, b, c, ..] = self.head;
                let length = u32::from_be_bytes([0, a, b, c]);
                self.left = usize::try_from(length).unwrap_or(usize::MAX);
            }
            let taken = bytes.len().min(self.left);
            self.left -= taken;
            bytes = &bytes[taken..];
            if self.left == 0 {
                ended |= self.ends();
            }
        }
        ended
    }

    /// A frame is whole; whether nothing is left open by it.
    fn ends(&mut self) -> bool {
        let [_, _, _, kind, flags, ..] = self.head;
        self.have = 0;
        self.begun = true;
        if OF_BLOCKS.contains(&kind) {
            self.open = flags & END_HEADERS == 0;
        }
        !self.open
    }

    pub(super) fn within(&self) -> Within {
        match (self.begun && !self.open, self.have) {
            (true, 0) => Within::Nothing,
            (true, HEAD) if self.head[3] == DATA => Within::Data,
            _ => Within::Block,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let head = [0, 0, length, kind, flags, 0, 0, 0, 1];
        [head.to_vec(), vec![7; usize::from(length)]].concat()
    }

    const BEGIN: [u8; PREFACE] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    /// All states after each byte, equal ones once.
    fn states(bytes: &[u8]) -> Vec<Within> {
        let mut frames = Frames::default();
        let mut seen = vec![frames.within()];
        for byte in bytes {
            frames.read(&[*byte]);
            seen.push(frames.within());
        }
        seen.dedup();
        seen
    }

    #[test]
    fn a_connection_is_in_what_it_has_not_finished() {
        use Within::{Block, Data, Nothing};
        let settings = frame(4, 0, 0);
        let begin = [&BEGIN[..], &settings].concat();
        assert_eq!(states(&begin), [Block, Nothing]);
        assert_eq!(states(&begin[..32]), [Block]);
        let get = frame(1, 5, 20);
        let of = |frames: &[Vec<u8>]| {
            states(&[begin.clone(), frames.concat()].concat())
        };
        let one = [Block, Nothing, Block, Nothing];
        assert_eq!(of(std::slice::from_ref(&get)), one);
        // A list of fields in three frames is one.
        let torn = [frame(1, 1, 3), frame(9, 0, 3), frame(9, 4, 3)];
        assert_eq!(of(&torn), one);
        assert_eq!(of(&torn[..2]), [Block, Nothing, Block]);
        let post = [frame(1, 4, 3), frame(0, 0, 200), frame(0, 1, 0)];
        let parts = [Block, Nothing, Block, Nothing, Block, Data, Nothing];
        assert_eq!(of(&post)[..7], parts);
        assert_eq!(of(&[frame(6, 0, 8)]), one);
    }

    #[test]
    fn what_ends_is_told_however_it_is_cut() {
        let mut frames = Frames::default();
        assert!(!frames.read(&BEGIN));
        assert!(frames.read(&frame(4, 0, 6)));
        let two = [frame(1, 4, 9), frame(1, 0, 9)].concat();
        assert!(frames.read(&two[..20]), "the first one is whole");
        assert_eq!(frames.within(), Within::Block);
        assert!(!frames.read(&two[20..]), "the second one goes on");
        assert_eq!(frames.within(), Within::Block);
        assert!(frames.read(&frame(9, 4, 0)));
        assert_eq!(frames.within(), Within::Nothing);
    }

    /// What a client sends may be anything, in any pieces.
    #[test]
    fn no_bytes_in_any_pieces_make_a_difference() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).unwrap() % limit
        };
        for _ in 0..20_000 {
            let mut bytes = BEGIN.to_vec();
            for _ in 0..below(6) {
                let [kind, flags, length] = [below(12), below(8), below(30)]
                    .map(|number| u8::try_from(number).unwrap());
                bytes.extend(frame(kind, flags, length));
            }
            // Sometimes garbage, always cut somewhere.
            if below(3) == 0 {
                let at = below(bytes.len());
                bytes[at] = u8::try_from(below(256)).unwrap();
            }
            bytes.truncate(1 + below(bytes.len()));
            let mut whole = Frames::default();
            let ended = whole.read(&bytes);
            let mut torn = Frames::default();
            let (mut rest, mut any) = (&bytes[..], false);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(1 + below(rest.len()));
                any |= torn.read(piece);
                rest = after;
            }
            assert_eq!((whole.within(), ended), (torn.within(), any));
        }
    }
}

//! Decompression of whatever a source sends: gzip, bzip2, xz, zstd or plain.
//!
//! The kind is told by the first bytes, never by a name. Everything streams.
//! Refused: more output than [`Limits`] allow (a bomb), a stream that ends
//! before its format says so (never a silent short read), and, in xz and
//! zstd, frames that demand more than [`MAX_DECODER_MEMORY`].
//!
//! One layer is taken off; a file compressed twice is left to the parsers,
//! which refuse it.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use liblzma::{bufread::XzDecoder, stream::Stream as XzStream};

/// Most bytes that one file may become: 512 MiB.
pub const MAX_BYTES: u64 = 512 << 20;
/// Most bytes of output for each byte of input.
pub const MAX_RATIO: u64 = 200;
/// Output below which the ratio is not judged (1 MiB): small files of one
/// repeated line compress well.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;
/// Memory that a frame may make an xz decoder take: 128 MiB.
///
/// The zstd library's own default for window sizes is the same.
pub const MAX_DECODER_MEMORY: u64 = 128 << 20;

/// What decompression may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of output.
    pub max_bytes: u64,
    /// Most bytes of output a byte of input, past [`RATIO_FREE_BYTES`].
    pub max_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: MAX_BYTES, max_ratio: MAX_RATIO }
    }
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Tells the compression by the first bytes of a file; `None` is plain.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A reader of the decompressed bytes.
pub struct Decompressed<R: Read> {
    stream: Stream<R>,
    limits: Limits,
    written: u64,
}

enum Stream<R: Read> {
    Plain(Counted<R>),
    Gzip(MultiGzDecoder<Counted<R>>),
    Bzip2(MultiBzDecoder<Counted<R>>),
    Xz(XzDecoder<Counted<R>>),
    Zstd(zstd::Decoder<'static, Counted<R>>),
}

impl<R: Read> Decompressed<R> {
    /// Looks at the first bytes and prepares the decoder.
    ///
    /// # Errors
    /// When the source cannot be read, or a decoder cannot be made.
    pub fn new(source: R, limits: Limits) -> io::Result<Self> {
        let mut counted = Counted { inner: BufReader::new(source), taken: 0 };
        let stream = match Compression::of(counted.fill_buf()?) {
            None => Stream::Plain(counted),
            Some(Compression::Gzip) => {
                Stream::Gzip(MultiGzDecoder::new(counted))
            }
            Some(Compression::Bzip2) => {
                Stream::Bzip2(MultiBzDecoder::new(counted))
            }
            Some(Compression::Xz) => {
                Stream::Xz(XzDecoder::new_stream(counted, xz_stream()?))
            }
            Some(Compression::Zstd) => {
                Stream::Zstd(zstd::Decoder::with_buffer(counted)?)
            }
        };
        Ok(Self { stream, limits, written: 0 })
    }

    fn taken(&self) -> u64 {
        match &self.stream {
            Stream::Plain(counted) => counted.taken,
            Stream::Gzip(decoder) => decoder.get_ref().taken,
            Stream::Bzip2(decoder) => decoder.get_ref().taken,
            Stream::Xz(decoder) => decoder.get_ref().taken,
            Stream::Zstd(decoder) => decoder.get_ref().taken,
        }
    }

    fn check(&self) -> io::Result<()> {
        let Limits { max_bytes, max_ratio } = self.limits;
        if self.written > max_bytes {
            return Err(too_large(format!(
                "decompresses to more than {max_bytes} bytes (max_bytes)"
            )));
        }
        let allowed = self.taken().saturating_mul(max_ratio);
        if self.written > RATIO_FREE_BYTES.max(allowed) {
            return Err(too_large(format!(
                "decompresses to more than {max_ratio} times its size \
                 (max_ratio)"
            )));
        }
        Ok(())
    }
}

fn too_large(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

fn xz_stream() -> io::Result<XzStream> {
    XzStream::new_stream_decoder(
        MAX_DECODER_MEMORY,
        liblzma::stream::CONCATENATED,
    )
    .map_err(io::Error::other)
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Stream::Plain(counted) => counted.read(buf),
            Stream::Gzip(decoder) => decoder.read(buf),
            Stream::Bzip2(decoder) => decoder.read(buf),
            Stream::Xz(decoder) => decoder.read(buf),
            Stream::Zstd(decoder) => decoder.read(buf),
        }?;
        // A `usize` has at most 64 bits on every platform that Rust knows.
        self.written =
            self.written.saturating_add(u64::try_from(count).unwrap_or(0));
        self.check()?;
        Ok(count)
    }
}

/// Counts the compressed bytes that the decoder took.
struct Counted<R: Read> {
    inner: BufReader<R>,
    taken: u64,
}

impl<R: Read> Counted<R> {
    fn count(&mut self, amount: usize) {
        let amount = u64::try_from(amount).unwrap_or(0);
        self.taken = self.taken.saturating_add(amount);
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.count(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.count(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn every_compression(data: &[u8]) -> [(Compression, Vec<u8>); 4] {
        let mut bzip2 = bzip2::write::BzEncoder::new(
            Vec::new(),
            bzip2::Compression::default(),
        );
        bzip2.write_all(data).unwrap();
        let xz = liblzma::encode_all(data, 6).unwrap();
        let zstd = zstd::encode_all(data, 3).unwrap();
        [
            (Compression::Gzip, gzip(data)),
            (Compression::Bzip2, bzip2.finish().unwrap()),
            (Compression::Xz, xz),
            (Compression::Zstd, zstd),
        ]
    }

    fn read(bytes: &[u8], limits: Limits) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decompressed::new(bytes, limits)?.read_to_end(&mut out)?;
        Ok(out)
    }

    /// Linear congruential generator: noise that is the same everywhere.
    fn random(seed: u32) -> impl FnMut() -> u32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        }
    }

    /// 40 kB that compress little, so that a cut hits the payload.
    fn noise() -> Vec<u8> {
        let mut next = random(1);
        (0..40_000).map(|_| next().to_be_bytes()[1]).collect()
    }

    #[test]
    fn reads_every_compression_and_plain_bytes() {
        let data = noise();
        assert_eq!(read(&data, Limits::default()).unwrap(), data);
        for (kind, packed) in every_compression(&data) {
            assert_eq!(Compression::of(&packed), Some(kind));
            assert_eq!(read(&packed, Limits::default()).unwrap(), data);
        }
    }

    #[test]
    fn reads_all_members_of_a_joined_file() {
        let data = noise();
        for (kind, packed) in every_compression(&data) {
            let twice = [packed.clone(), packed].concat();
            let out = read(&twice, Limits::default()).unwrap();
            assert_eq!(out.len(), 2 * data.len(), "{kind:?}");
        }
    }

    #[test]
    fn refuses_a_stream_that_was_cut_anywhere() {
        for (kind, packed) in every_compression(&noise()) {
            for percent in (1..100).chain([6, 7]) {
                let cut = packed.len() * percent / 100;
                let result = read(&packed[..cut], Limits::default());
                let kept = result.expect_err("a cut stream is an error");
                assert_eq!(
                    kept.kind(),
                    io::ErrorKind::UnexpectedEof,
                    "{kind:?} at {percent} %: {kept}"
                );
            }
            let last = read(&packed[..packed.len() - 1], Limits::default());
            assert!(last.is_err(), "{kind:?} without its last byte");
        }
    }

    #[test]
    fn refuses_a_bomb_and_names_the_limit() {
        let zeros = vec![0; 8 << 20];
        for (kind, packed) in every_compression(&zeros) {
            let error = read(&packed, Limits::default()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{kind:?}");
            assert!(error.to_string().contains("max_ratio"), "{error}");
        }
    }

    #[test]
    fn refuses_more_bytes_than_allowed_also_when_plain() {
        let limits = Limits { max_bytes: 39_999, max_ratio: 200 };
        let data = noise();
        let mut inputs = vec![data.clone()];
        inputs.extend(every_compression(&data).map(|(_, packed)| packed));
        for packed in inputs {
            let error = read(&packed, limits).unwrap_err();
            assert!(error.to_string().contains("max_bytes"), "{error}");
            let exact = Limits { max_bytes: 40_000, ..limits };
            assert_eq!(read(&packed, exact).unwrap(), data);
        }
    }

    #[test]
    fn takes_off_one_layer_only() {
        let inner = gzip(b"text");
        assert_eq!(read(&gzip(&inner), Limits::default()).unwrap(), inner);
    }

    #[test]
    fn damaged_streams_neither_panic_nor_exceed_the_limits() {
        let limits = Limits { max_bytes: 60_000, max_ratio: 200 };
        for (kind, packed) in every_compression(&noise()[..2_000]) {
            for seed in 0..2_000 {
                let mut next = random(seed);
                let mut below = |bound: usize| {
                    usize::try_from(next()).expect("24 bits") % bound
                };
                let mut damaged = packed.clone();
                for _ in 0..=below(4) {
                    let at = below(damaged.len());
                    damaged[at] = u8::try_from(below(256)).unwrap();
                }
                if let Ok(out) = read(&damaged, limits) {
                    assert!(out.len() <= 60_000, "{kind:?}, seed {seed}");
                }
            }
        }
    }
}

//! Header blocks: names and values, compressed as one stream per direction of a connection.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::dictionary::dictionary;
use super::error::FrameError;

/// Bytes of a header block at most, before compression. Streams of Kubernetes have a few short headers.
pub const MAX_BLOCK_BYTES: usize = 64 << 10;

/// Headers of a stream. Names are lower-case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Headers of these names and values.
    pub fn new<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        )
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name)?;
        Some(&found.1)
    }

    fn encode(&self) -> Vec<u8> {
        let mut block = Vec::new();
        push_length(&mut block, self.0.len());
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            push_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
        block
    }

    fn decode(mut block: &[u8]) -> Result<Self, FrameError> {
        // A name and a value have eight bytes of lengths, so that this bounds what is made.
        let count = take_length(&mut block)?;
        if count > block.len() / 8 {
            return Err(FrameError::HeaderBlock);
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            let name = take_text(&mut block)?;
            if name.is_empty() || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(FrameError::HeaderBlock);
            }
            headers.push((name, take_text(&mut block)?));
        }
        if !block.is_empty() {
            return Err(FrameError::HeaderBlock);
        }
        Ok(Self(headers))
    }
}

fn push_length(block: &mut Vec<u8>, length: usize) {
    // Blocks are bounded far below this.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    block.extend_from_slice(&length.to_be_bytes());
}

fn take_length(block: &mut &[u8]) -> Result<usize, FrameError> {
    let (length, rest) = block.split_first_chunk().ok_or(FrameError::HeaderBlock)?;
    *block = rest;
    Ok(u32::from_be_bytes(*length) as usize)
}

fn take_text(block: &mut &[u8]) -> Result<String, FrameError> {
    let length = take_length(block)?;
    let (text, rest) = block.split_at_checked(length).ok_or(FrameError::HeaderBlock)?;
    *block = rest;
    String::from_utf8(text.to_vec()).map_err(|_| FrameError::HeaderBlock)
}

/// Compresses the header blocks of one direction.
pub struct Deflater(Compress);

impl Deflater {
    pub fn new() -> Self {
        let mut stream = Compress::new(Compression::default(), true);
        // A fresh stream takes any dictionary.
        let _ = stream.set_dictionary(dictionary());
        Self(stream)
    }

    /// A block, to be sent before any that is made later.
    pub fn compress(&mut self, headers: &Headers) -> Result<Vec<u8>, FrameError> {
        let block = headers.encode();
        if block.len() > MAX_BLOCK_BYTES {
            return Err(FrameError::TooLarge(block.len()));
        }
        let mut out = Vec::with_capacity(block.len() + 64);
        let mut taken = 0;
        loop {
            let before = (self.0.total_in(), out.len());
            self.0
                .compress_vec(&block[taken..], &mut out, FlushCompress::Sync)
                .map_err(|_| FrameError::Compression)?;
            taken += (self.0.total_in() - before.0) as usize;
            // Room that is left says that everything was flushed.
            if taken == block.len() && out.len() < out.capacity() {
                return Ok(out);
            }
            out.reserve(256);
        }
    }
}

/// Expands the header blocks of one direction.
pub struct Inflater(Decompress);

impl Inflater {
    pub fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// The headers of a block; blocks must come in the order they were sent.
    pub fn expand(&mut self, compressed: &[u8]) -> Result<Headers, FrameError> {
        let mut block = Vec::with_capacity((compressed.len() * 4).clamp(256, MAX_BLOCK_BYTES));
        let mut taken = 0;
        loop {
            let before = (self.0.total_in(), block.len());
            let done = self
                .0
                .decompress_vec(&compressed[taken..], &mut block, FlushDecompress::Sync);
            taken += (self.0.total_in() - before.0) as usize;
            match done {
                Ok(Status::StreamEnd) => return Err(FrameError::Compression),
                Ok(_) if taken == compressed.len() && block.len() < block.capacity() => {
                    return Headers::decode(&block);
                }
                Ok(_) if before == (self.0.total_in(), block.len()) && block.len() < block.capacity() => {
                    return Err(FrameError::Compression);
                }
                Ok(_) if block.len() >= MAX_BLOCK_BYTES => return Err(FrameError::TooLarge(block.len())),
                Ok(_) => block.reserve(block.capacity().min(MAX_BLOCK_BYTES)),
                Err(error) => {
                    error.needs_dictionary().ok_or(FrameError::Compression)?;
                    self.0
                        .set_dictionary(dictionary())
                        .map_err(|_| FrameError::Compression)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_share_a_stream() {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        let mut lengths = Vec::new();
        for number in 0..50 {
            let long = "x".repeat(number * 100);
            let headers = Headers::new([
                ("streamtype", "error"),
                ("requestid", &number.to_string()),
                ("long", &long),
            ]);
            let block = deflater.compress(&headers).unwrap();
            lengths.push(block.len());
            assert_eq!(inflater.expand(&block).unwrap(), headers, "{number}");
        }
        // What was said before is not said again.
        assert!(lengths[1] < lengths[0] / 2, "{lengths:?}");
    }

    #[test]
    fn a_block_that_grows_without_bound_is_refused() {
        let mut bomb = Compress::new(Compression::best(), true);
        bomb.set_dictionary(dictionary()).unwrap();
        let mut block = Vec::with_capacity(1 << 20);
        bomb.compress_vec(&vec![0; 16 << 20], &mut block, FlushCompress::Sync)
            .unwrap();
        assert!(block.len() < 100_000);
        assert!(matches!(
            Inflater::new().expand(&block),
            Err(FrameError::TooLarge(size)) if size <= 3 * MAX_BLOCK_BYTES
        ));
        let too_long = Headers::new([("a", &"x".repeat(MAX_BLOCK_BYTES))]);
        assert!(matches!(
            Deflater::new().compress(&too_long),
            Err(FrameError::TooLarge(_))
        ));
    }

    #[test]
    fn blocks_of_another_form_are_refused() {
        for block in [
            &[][..],
            &[0, 0, 0, 1],
            &[0xff, 0xff, 0xff, 0xff],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 1, 0, 0, 0, 1, b'A', 0, 0, 0, 0],
            &[0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 9],
            &[0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 0, 7],
        ] {
            assert!(
                matches!(Headers::decode(block), Err(FrameError::HeaderBlock)),
                "{block:?}"
            );
        }
    }

    #[test]
    fn a_block_of_another_library_is_read() {
        // By zlib itself, at level 9.
        let block = [
            0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x02, 0xa6, 0x23, 0x46, 0x70, 0x3a, 0x2b, 0x29, 0x4a, 0x4d,
            0xcc, 0x85, 0x16, 0x25, 0xac, 0xa9, 0xa0, 0x80, 0x06, 0x00, 0x00, 0x00, 0xff, 0xff,
        ];
        let headers = Inflater::new().expand(&block).unwrap();
        assert_eq!(headers, Headers::new([("streamtype", "error")]));
    }
}

//! Huffman's code for the texts of headers (RFC 7541, appendix B). It is canonical: the lengths say everything.

use std::sync::LazyLock;

/// How many bits the code of each byte has.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
/// No code is longer, but for that of the end, which never comes.
const LONGEST: u32 = 30;

/// The codes of one length: they follow each other, and so do the bytes they stand for.
#[derive(Clone, Copy, Default)]
struct Level {
    first_code: u32,
    /// Where its bytes begin among all, ordered by their codes.
    first_place: usize,
    count: u32,
}

struct Code {
    levels: [Level; LONGEST as usize + 1],
    bytes: Vec<u8>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut code = Code {
        levels: [Level::default(); LONGEST as usize + 1],
        bytes: Vec::with_capacity(LENGTHS.len()),
    };
    let mut next = 0;
    for length in 1..=LONGEST {
        let first_place = code.bytes.len();
        let of_length = (0..=u8::MAX).filter(|byte| u32::from(LENGTHS[usize::from(*byte)]) == length);
        code.bytes.extend(of_length);
        let count = u32::try_from(code.bytes.len() - first_place).unwrap_or_default();
        code.levels[length as usize] = Level {
            first_code: next,
            first_place,
            count,
        };
        next = (next + count) << 1;
    }
    code
});

/// The text that was encoded. `None` if it is none.
pub(super) fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let code = &*CODE;
    let mut text = Vec::with_capacity(encoded.len() * 2);
    let (mut bits, mut length) = (0u32, 0u32);
    for byte in encoded {
        for shift in (0..8).rev() {
            bits = bits << 1 | u32::from(byte >> shift & 1);
            length += 1;
            let level = code.levels.get(length as usize)?;
            let beyond = bits.wrapping_sub(level.first_code);
            if beyond < level.count {
                text.push(code.bytes[level.first_place + beyond as usize]);
                (bits, length) = (0, 0);
            }
        }
    }
    // The last byte is filled with the beginning of a code of ones.
    (length < 8 && bits == (1 << length) - 1).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_rfc_are_read() {
        let cases: [(&[u8], &str); 5] = [
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (
                &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf],
                "custom-value",
            ),
            (&[0x64, 0x02], "302"),
            (&[], ""),
        ];
        for (encoded, text) in cases {
            assert_eq!(decode(encoded).as_deref(), Some(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        for encoded in [
            &[0xff, 0xff, 0xff, 0xff][..],
            &[0xff],
            &[0x64],
            &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf, 0xff],
        ] {
            assert_eq!(decode(encoded), None, "{encoded:?}");
        }
    }
}

//! Where the last lines of a file begin.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read at a time, from the end.
const BLOCK_BYTES: u64 = 32 << 10;

/// The offset after which a file has just so many line feeds, or zero if it has fewer.
pub fn tail_start(file: &File, lines: u64) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut found = 0;
    let mut block = vec![0; BLOCK_BYTES as usize];
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        // A block is at most BLOCK_BYTES.
        let bytes = &mut block[..(end - start) as usize];
        file.read_exact_at(bytes, start)?;
        for (at, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if found == lines {
                return Ok(start + at as u64 + 1);
            }
            found += 1;
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(text: &str, lines: u64, expected: &str) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let start = tail_start(&file, lines).unwrap();
        assert_eq!(
            &text[start as usize..],
            expected,
            "{lines} of {} bytes",
            text.len()
        );
    }

    #[test]
    fn the_last_lines_are_found() {
        check("a\nb\nc\n", 0, "");
        check("a\nb\nc\n", 1, "c\n");
        check("a\nb\nc\n", 2, "b\nc\n");
        check("a\nb\nc\n", 3, "a\nb\nc\n");
        check("a\nb\nc\n", 9, "a\nb\nc\n");
        check("a\nb\nc", 1, "b\nc");
        check("", 1, "");
        let line = "x".repeat(1000) + "\n";
        check(&line.repeat(100), 50, &line.repeat(50));
    }
}

//! What differs between two texts, line by line, as unified diffs show it.
//!
//! Matching blocks are found as the well-known sequence matcher finds them (Ratcliff and Obershelp's method, with lines that
//! are very frequent in long texts left out of the search for the longest match), so that diffs read as upstream's do.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

/// Lines shown around a change.
const CONTEXT: usize = 3;
/// From this length on frequent lines are left out.
const LONG: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    old: usize,
    new: usize,
    len: usize,
}

/// The changes from `old` to `new`, without a header; empty if there are none.
pub fn unified(old: &[String], new: &[String]) -> String {
    let mut out = String::new();
    for hunk in hunks(old, new) {
        let (first, last) = (hunk[0].clone(), hunk[hunk.len() - 1].clone());
        let _ = writeln!(
            out,
            "@@ -{} +{} @@",
            range(&(first.1.start..last.1.end)),
            range(&(first.2.start..last.2.end))
        );
        for (is_same, of_old, of_new) in hunk {
            if is_same {
                lines(&mut out, ' ', &old[of_old]);
            } else {
                lines(&mut out, '-', &old[of_old]);
                lines(&mut out, '+', &new[of_new]);
            }
        }
    }
    out
}

fn lines(out: &mut String, sign: char, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "{sign}{line}");
    }
}

/// `start,length`, counted from one.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        1 => (lines.start + 1).to_string(),
        0 => format!("{},0", lines.start),
        length => format!("{},{length}", lines.start + 1),
    }
}

/// A stretch of equal (true) or different lines.
type Stretch = (bool, Range<usize>, Range<usize>);

fn hunks(old: &[String], new: &[String]) -> Vec<Vec<Stretch>> {
    let mut stretches = stretches(old, new);
    if stretches.iter().all(|(is_same, ..)| *is_same) {
        return Vec::new();
    }
    // Only a little of what is the same is shown.
    if let Some((true, old, new)) = stretches.first_mut() {
        *old = old.end.saturating_sub(CONTEXT).max(old.start)..old.end;
        *new = new.end.saturating_sub(CONTEXT).max(new.start)..new.end;
    }
    if let Some((true, old, new)) = stretches.last_mut() {
        *old = old.start..old.end.min(old.start + CONTEXT);
        *new = new.start..new.end.min(new.start + CONTEXT);
    }
    let mut hunks = Vec::new();
    let mut hunk: Vec<Stretch> = Vec::new();
    for (is_same, old, new) in stretches {
        if is_same && old.len() > 2 * CONTEXT {
            hunk.push((
                true,
                old.start..old.start + CONTEXT,
                new.start..new.start + CONTEXT,
            ));
            hunks.push(std::mem::take(&mut hunk));
            hunk.push((true, old.end - CONTEXT..old.end, new.end - CONTEXT..new.end));
        } else {
            hunk.push((is_same, old, new));
        }
    }
    if hunk.iter().any(|(is_same, ..)| !is_same) {
        hunks.push(hunk);
    }
    hunks
}

fn stretches(old: &[String], new: &[String]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    for block in blocks(old, new) {
        if at_old < block.old || at_new < block.new {
            stretches.push((false, at_old..block.old, at_new..block.new));
        }
        (at_old, at_new) = (block.old + block.len, block.new + block.len);
        if block.len > 0 {
            stretches.push((true, block.old..at_old, block.new..at_new));
        }
    }
    stretches
}

/// The matching blocks in order, adjacent ones joined, an empty one at the end.
fn blocks(old: &[String], new: &[String]) -> Vec<Block> {
    let places = places(new);
    let mut found = Vec::new();
    let mut open = vec![(0..old.len(), 0..new.len())];
    while let Some((in_old, in_new)) = open.pop() {
        let block = longest(old, new, &places, &in_old, &in_new);
        if block.len > 0 {
            open.push((in_old.start..block.old, in_new.start..block.new));
            open.push((
                block.old + block.len..in_old.end,
                block.new + block.len..in_new.end,
            ));
            found.push(block);
        }
    }
    found.sort_by_key(|block| (block.old, block.new));
    let mut joined: Vec<Block> = Vec::new();
    for block in found {
        match joined.last_mut() {
            Some(last) if last.old + last.len == block.old && last.new + last.len == block.new => {
                last.len += block.len
            }
            _ => joined.push(block),
        }
    }
    joined.push(Block {
        old: old.len(),
        new: new.len(),
        len: 0,
    });
    joined
}

/// Where each line of the new text stands, frequent lines of long texts left out.
fn places(new: &[String]) -> HashMap<&str, Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(at);
    }
    if new.len() >= LONG {
        let frequent = new.len() / 100 + 1;
        places.retain(|_, at| at.len() <= frequent);
    }
    places
}

/// The longest match within the given parts, the first of them if several are as long.
fn longest(
    old: &[String],
    new: &[String],
    places: &HashMap<&str, Vec<usize>>,
    in_old: &Range<usize>,
    in_new: &Range<usize>,
) -> Block {
    let mut best = Block {
        old: in_old.start,
        new: in_new.start,
        len: 0,
    };
    // How long the match is that ends with the line before, by its place in the new text.
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for at_old in in_old.clone() {
        let mut next = HashMap::new();
        for &at_new in places.get(old[at_old].as_str()).map_or(&[][..], Vec::as_slice) {
            if !in_new.contains(&at_new) {
                continue;
            }
            let before = at_new.checked_sub(1).and_then(|before| lengths.get(&before));
            let len = before.copied().unwrap_or(0) + 1;
            next.insert(at_new, len);
            if len > best.len {
                best = Block {
                    old: at_old + 1 - len,
                    new: at_new + 1 - len,
                    len,
                };
            }
        }
        lengths = next;
    }
    // Frequent lines may go on on both sides.
    while best.old > in_old.start && best.new > in_new.start && old[best.old - 1] == new[best.new - 1] {
        best = Block {
            old: best.old - 1,
            new: best.new - 1,
            len: best.len + 1,
        };
    }
    while best.old + best.len < in_old.end
        && best.new + best.len < in_new.end
        && old[best.old + best.len] == new[best.new + best.len]
    {
        best.len += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        let lines = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        assert_eq!(unified(&lines(old), &lines(new)), expected, "{old} {new}");
    }

    #[test]
    fn changes_are_shown_with_their_surroundings() {
        check("abc", "abc", "");
        check(
            "abcdefgh",
            "abcdXfgh",
            "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n",
        );
        check("ab", "acb", "@@ -1,2 +1,3 @@\n a\n+c\n b\n");
        check("a", "", "@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn distant_changes_are_shown_apart() {
        check(
            "1abcdefg2",
            "Xabcdefg",
            "@@ -1,4 +1,4 @@\n-1\n+X\n a\n b\n c\n@@ -6,4 +6,3 @@\n e\n f\n g\n-2\n",
        );
        check(
            "1abcdef2",
            "Xabcdef",
            "@@ -1,8 +1,7 @@\n-1\n+X\n a\n b\n c\n d\n e\n f\n-2\n",
        );
    }
}

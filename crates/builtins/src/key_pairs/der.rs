//! Reading DER, element by element, as strictly as certificates are read.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of the optional part of that number that holds a whole element.
pub(super) const fn part(number: u8) -> u8 {
    0xa0 | number
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// An element.
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: Der<'a>,
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (length, rest) = length(rest)?;
        // Tags of more than one byte are none that we know.
        if tag & 0x1f == 0x1f || rest.len() < length {
            return None;
        }
        let head = self.0.len() - rest.len();
        let (whole, after) = self.0.split_at(head + length);
        self.0 = after;
        let content = Der(&whole[head..]);
        Some(Element { tag, content, whole })
    }

    /// The next element, if it has that tag; else nothing is read.
    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut rest = *self;
        let element = rest.any().filter(|element| element.tag == tag)?;
        *self = rest;
        Some(element)
    }

    /// What is in the next element, if it has that tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Der<'a>> {
        Some(self.element(tag)?.content)
    }

    /// The same of a part that may be left out: none if what is there cannot be read.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Der<'a>>> {
        match self.0.first() {
            Some(&first) if first == tag => self.take(tag).map(Some),
            _ => Some(None),
        }
    }

    /// The next element, a whole number: its bytes, the highest bit the sign, none of them for nothing.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let bytes = self.take(INTEGER)?.0;
        let is_shortest = match bytes {
            [] => false,
            [0, next, ..] => next & 0x80 != 0,
            [0xff, next, ..] => next & 0x80 == 0,
            _ => true,
        };
        is_shortest.then_some(bytes)
    }

    /// The next element, a whole number above zero, without leading zeros.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let bytes = self.integer()?;
        match bytes {
            [0] => None,
            [first, ..] if first & 0x80 != 0 => None,
            [0, rest @ ..] => Some(rest),
            _ => Some(bytes),
        }
    }

    /// The next element, bits of which there are whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.take(BIT_STRING)?.0 {
            [0, bytes @ ..] => Some(bytes),
            // Bits that do not count are zeros.
            [unused @ 1..=7, bytes @ ..] => {
                let last = *bytes.last()?;
                (last & ((1 << unused) - 1) == 0).then_some(bytes)
            }
            _ => None,
        }
    }

    /// The next element, the name of something.
    pub(super) fn identifier(&mut self) -> Option<&'a [u8]> {
        let name = self.take(OBJECT_IDENTIFIER)?.0;
        let ends = name.last().is_some_and(|last| last & 0x80 == 0);
        ends.then_some(name)
    }
}

/// How long an element is, in as few bytes as say it, and what comes after.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits
        .iter()
        .fold(0, |length, &digit| length << 8 | usize::from(digit));
    let is_shortest = digits[0] != 0 && length >= 0x80;
    is_shortest.then_some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_one_way() {
        for (bytes, expected) in [
            (&[0x04, 0x01, 7][..], Some(&[7][..])),
            (&[0x04, 0x00], Some(&[])),
            (&[0x04, 0x02, 7], None),
            (&[0x04, 0x81, 0x01, 7], None),
            (&[0x04, 0x82, 0x00, 0x01, 7], None),
            (&[0x04, 0x80, 7, 0, 0], None),
            (&[0x05, 0x00], None),
            (&[], None),
        ] {
            let found = Der(bytes).take(OCTET_STRING).map(|content| content.0);
            assert_eq!(found, expected, "{bytes:?}");
        }
        let long = [&[0x04, 0x81, 0x80][..], &[1; 0x80]].concat();
        assert_eq!(
            Der(&long).take(OCTET_STRING).map(|content| content.0.len()),
            Some(0x80)
        );
    }

    #[test]
    fn numbers_and_bits_too() {
        for (bytes, expected) in [
            (&[2, 1, 5][..], Some(&[5][..])),
            (&[2, 2, 0, 0x80], Some(&[0x80])),
            (&[2, 2, 0, 5], None),
            (&[2, 1, 0], None),
            (&[2, 1, 0xff], None),
            (&[2, 0], None),
        ] {
            assert_eq!(Der(bytes).positive(), expected, "{bytes:?}");
        }
        for (bytes, expected) in [
            (&[3, 2, 0, 5][..], Some(&[5][..])),
            (&[3, 2, 4, 0xf0], Some(&[0xf0])),
            (&[3, 2, 4, 0xff], None),
            (&[3, 2, 8, 0], None),
            (&[3, 0], None),
        ] {
            assert_eq!(Der(bytes).bits(), expected, "{bytes:?}");
        }
    }
}

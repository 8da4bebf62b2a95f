//! A number that is the same for the same keys and values: CRC-32C, as etcd's own.

use store::{KeyRange, RangeRequest, Revision};

use crate::reading::Reader;
use crate::refusal::Refusal;

/// So many keys are read at once.
const PAGE: usize = 1000;

/// The hash of everything clients can see at a revision.
pub(crate) async fn hash(reader: &Reader, at: Revision) -> Result<u32, Refusal> {
    let mut sum = Crc32c::new();
    let mut rest = KeyRange::all();
    loop {
        let page = reader
            .range(RangeRequest::new(rest.clone()).at(at).limit(PAGE))
            .await?;
        for item in &page.items {
            let (key, value) = (&item.key[..], &item.value[..]);
            for number in [item.mod_revision, item.create_revision, item.version, item.lease] {
                sum.update(&number.to_be_bytes());
            }
            for bytes in [key, value] {
                sum.update(&(bytes.len() as u64).to_be_bytes());
                sum.update(bytes);
            }
        }
        match page.items.last() {
            Some(last) if page.more => rest.start = store::Key::from(&last.key[..]).successor(),
            _ => return Ok(sum.finish()),
        }
    }
}

struct Crc32c {
    table: [u32; 256],
    sum: u32,
}

impl Crc32c {
    fn new() -> Self {
        let mut table = [0; 256];
        for (entry, number) in table.iter_mut().zip(0u32..) {
            *entry = (0..8).fold(number, |sum, _| {
                if sum & 1 == 1 {
                    (sum >> 1) ^ 0x82f6_3b78
                } else {
                    sum >> 1
                }
            });
        }
        Self { table, sum: !0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sum = bytes.iter().fold(self.sum, |sum, byte| {
            let index = (sum ^ u32::from(*byte)) & 0xff;
            self.table[index as usize] ^ (sum >> 8)
        });
    }

    fn finish(self) -> u32 {
        !self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_published_one() {
        let mut sum = Crc32c::new();
        sum.update(b"123456789");
        assert_eq!(sum.finish(), 0xe306_9283);
    }
}

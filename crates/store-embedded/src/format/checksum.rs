//! Checksums: XXH3 with 64 bits, seeded by store and file.

use twox_hash::XxHash3_64;

/// How many bytes a checksum takes.
pub(crate) const CHECKSUM_BYTES: usize = 8;

/// Makes the checksums of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    seed: u64,
}

impl Seal {
    /// The seal of the file with this kind and number in the store with this identity.
    pub(crate) fn new(store: [u8; 16], kind: u64, number: u64) -> Self {
        let mut input = [0; 32];
        input[..16].copy_from_slice(&store);
        input[16..24].copy_from_slice(&kind.to_le_bytes());
        input[24..].copy_from_slice(&number.to_le_bytes());
        Self {
            seed: XxHash3_64::oneshot(&input),
        }
    }

    /// The checksum of some bytes.
    pub(crate) fn sum(self, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, bytes)
    }

    /// Whether the first eight bytes are the checksum of all others.
    pub(crate) fn holds(self, bytes: &[u8]) -> bool {
        match bytes.split_first_chunk() {
            Some((sum, covered)) => u64::from_le_bytes(*sum) == self.sum(covered),
            None => false,
        }
    }

    /// Writes the checksum of all later bytes into the first eight.
    pub(crate) fn close(self, bytes: &mut [u8]) {
        let (sum, covered) = bytes.split_at_mut(CHECKSUM_BYTES);
        sum.copy_from_slice(&self.sum(covered).to_le_bytes());
    }
}

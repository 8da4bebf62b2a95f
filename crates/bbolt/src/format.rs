//! What lies where in a file: all numbers are little-endian, all positions are bytes.

/// The size of a page in files made here. bbolt itself takes that of the machine's memory; the meta pages say which.
pub const PAGE_BYTES: usize = 4096;
/// What a meta page has first, behind its header.
pub const MAGIC: u32 = 0xED0C_DAED;
/// The one version of the format there is.
pub const VERSION: u32 = 2;
/// The header of a page: its number (8), flags (2), count of entries (2), count of pages that go on with it (4).
pub const PAGE_HEADER_BYTES: usize = 16;
/// Each entry's fixed part, at the start of a branch or leaf page.
///
/// Of a branch: position of the key (4), its length (4), number of the page below (8). Of a leaf: flags (4), position of the key
/// (4), length of the key (4), length of the value (4). Positions count from the fixed part itself; the value lies right behind the
/// key.
pub const ELEMENT_BYTES: usize = 16;
/// A meta page, behind its header: magic (4), version (4), page size (4), flags (4), the root bucket (16), the page of the free
/// list (8), the number of pages (8), the transaction (8), and the checksum of all that (8).
pub const META_BYTES: usize = 64;
/// A bucket as a value: the number of its root page (8) and its sequence (8). With the number 0 the bucket is small, and its one
/// leaf page follows right here.
pub const BUCKET_HEADER_BYTES: usize = 16;
/// In place of the free list's page: there is none in the file.
pub const NO_FREE_LIST: u64 = u64::MAX;

/// Flag of a page: its entries name pages.
pub const BRANCH_PAGE: u16 = 0x01;
/// Flag of a page: its entries are keys and values.
pub const LEAF_PAGE: u16 = 0x02;
/// Flag of a page: it is one of the two at the start of the file.
pub const META_PAGE: u16 = 0x04;
/// Flag of a page: it lists pages that nobody uses.
pub const FREE_LIST_PAGE: u16 = 0x10;
/// Flag of a leaf's entry: its value is a bucket.
pub const BUCKET_ENTRY: u32 = 0x01;

/// A page's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageHeader {
    /// Its number, which is also its place in the file.
    pub id: u64,
    /// What it is.
    pub flags: u16,
    /// How many entries it has.
    pub count: u16,
    /// How many further pages belong to it.
    pub overflow: u32,
}

impl PageHeader {
    /// As it stands in the file.
    pub fn encode(self) -> [u8; PAGE_HEADER_BYTES] {
        let mut bytes = [0; PAGE_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.flags.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.overflow.to_le_bytes());
        bytes
    }

    /// From its bytes in the file.
    pub fn decode(bytes: &[u8; PAGE_HEADER_BYTES]) -> Self {
        Self {
            id: u64_at(bytes, 0),
            flags: u16::from_le_bytes([bytes[8], bytes[9]]),
            count: u16::from_le_bytes([bytes[10], bytes[11]]),
            overflow: u32_at(bytes, 12),
        }
    }
}

/// A meta page's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// How large the file's pages are.
    pub page_bytes: u32,
    /// The root page of the root bucket.
    pub root: u64,
    /// The page of the free list, or [`NO_FREE_LIST`].
    pub free_list: u64,
    /// The number of pages that have been used: the first that never was.
    pub pages: u64,
    /// The transaction that wrote this.
    pub transaction: u64,
}

impl Meta {
    /// As it stands in the file, with its checksum.
    pub fn encode(&self) -> [u8; META_BYTES] {
        let mut bytes = [0; META_BYTES];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.page_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.root.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.free_list.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.pages.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.transaction.to_le_bytes());
        let sum = checksum(&bytes[..56]);
        bytes[56..64].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// From its bytes in the file; `None` if magic, version or checksum are wrong.
    pub fn decode(bytes: &[u8; META_BYTES]) -> Option<Self> {
        let is_one = u32_at(bytes, 0) == MAGIC
            && u32_at(bytes, 4) == VERSION
            && u64_at(bytes, 56) == checksum(&bytes[..56]);
        is_one.then(|| Self {
            page_bytes: u32_at(bytes, 8),
            root: u64_at(bytes, 16),
            free_list: u64_at(bytes, 32),
            pages: u64_at(bytes, 40),
            transaction: u64_at(bytes, 48),
        })
    }
}

/// FNV-1a, 64 bits wide: the checksum of a meta page.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The number that stands at `at`. The caller has seen to it that the bytes are there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_pages_are_checked() {
        let meta = Meta {
            page_bytes: 4096,
            root: 3,
            free_list: 2,
            pages: 4,
            transaction: 1,
        };
        let bytes = meta.encode();
        assert_eq!(Meta::decode(&bytes), Some(meta));
        for at in 0..META_BYTES {
            let mut damaged = bytes;
            damaged[at] ^= 1;
            assert_eq!(Meta::decode(&damaged), None, "byte {at}");
        }
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn headers_come_back() {
        let header = PageHeader {
            id: 7,
            flags: LEAF_PAGE,
            count: 300,
            overflow: 2,
        };
        assert_eq!(PageHeader::decode(&header.encode()), header);
    }
}

//! Reading a file: one page at a time, and only what is asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use thiserror::Error;

use crate::format::*;

/// A tree is never so deep: each level multiplies the number of pages.
const MAX_DEPTH: usize = 32;

/// Page sizes that machines have.
const PAGE_SIZES: std::ops::RangeInclusive<u64> = 1024..=1 << 16;

/// More than any value that etcd takes; a damaged length must not take the memory.
const MAX_PAGES: u64 = 1 << 18;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file failed.
    #[error("reading the database")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no bbolt database: neither of its meta pages is valid")]
    NotADatabase,
    /// The file is damaged.
    #[error("page {page} is damaged: {problem}")]
    Damaged {
        /// The number of the page.
        page: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A file that is read. Nobody may write to it meanwhile.
#[derive(Debug)]
pub struct Reader {
    file: File,
    page_bytes: u64,
    meta: Meta,
}

impl Reader {
    /// Opens the file whose database is so many bytes long; what follows is not looked at.
    pub fn open(file: File, bytes: u64) -> Result<Self, ReadError> {
        let first = meta_at(&file, 0)?;
        // If the first is damaged, the second says by where it is how large pages are.
        let sizes = (10..=16).map(|power| 1 << power);
        let second = match first {
            Some(meta) => meta_at(&file, u64::from(meta.page_bytes))?,
            None => sizes
                .map(|size| meta_at(&file, size))
                .find_map(|found| found.transpose())
                .transpose()?,
        };
        let newest = first
            .into_iter()
            .chain(second)
            .max_by_key(|meta| meta.transaction);
        let meta = newest.ok_or(ReadError::NotADatabase)?;
        let page_bytes = u64::from(meta.page_bytes);
        if !PAGE_SIZES.contains(&page_bytes) {
            return Err(ReadError::NotADatabase);
        }
        if meta
            .pages
            .checked_mul(page_bytes)
            .is_none_or(|needed| needed > bytes)
        {
            return Err(ReadError::Damaged {
                page: bytes / page_bytes,
                problem: "the file ends before it",
            });
        }
        Ok(Self {
            file,
            page_bytes,
            meta,
        })
    }

    /// The entries of a bucket, in the order of their keys; none if there is no such bucket.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Entries<'_>>, ReadError> {
        let mut buckets = self.entries(self.meta.root)?;
        while let Some(entry) = buckets.next_element()? {
            if entry.key != name || entry.flags & BUCKET_ENTRY == 0 {
                continue;
            }
            let damaged = ReadError::Damaged {
                page: self.meta.root,
                problem: "a bucket is cut off",
            };
            let Some((header, inline)) = entry.value.split_at_checked(BUCKET_HEADER_BYTES) else {
                return Err(damaged);
            };
            return match u64::from_le_bytes(header[..8].try_into().expect("so many bytes")) {
                0 => Ok(Some(Entries {
                    reader: self,
                    path: vec![Place::new(Page::parse(0, inline.to_vec())?)],
                    visited: 0,
                })),
                root => self.entries(root).map(Some),
            };
        }
        Ok(None)
    }

    fn entries(&self, root: u64) -> Result<Entries<'_>, ReadError> {
        Ok(Entries {
            reader: self,
            path: vec![Place::new(self.page(root)?)],
            visited: 0,
        })
    }

    fn page(&self, id: u64) -> Result<Page, ReadError> {
        let damaged = |problem| ReadError::Damaged { page: id, problem };
        if id < 2 || id >= self.meta.pages {
            return Err(damaged("there is no such page"));
        }
        let mut header = [0; PAGE_HEADER_BYTES];
        self.file.read_exact_at(&mut header, id * self.page_bytes)?;
        let header = PageHeader::decode(&header);
        if header.id != id {
            return Err(damaged("it says that it is another"));
        }
        let pages = u64::from(header.overflow) + 1;
        if pages > MAX_PAGES || id + pages > self.meta.pages {
            return Err(damaged("it goes on behind the end"));
        }
        let mut bytes = vec![0; usize::try_from(pages * self.page_bytes).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, id * self.page_bytes)?;
        Page::parse(id, bytes)
    }
}

fn meta_at(file: &File, page_start: u64) -> Result<Option<Meta>, ReadError> {
    let mut bytes = [0; META_BYTES];
    match file.read_exact_at(&mut bytes, page_start + PAGE_HEADER_BYTES as u64) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        result => {
            result?;
            let meta = Meta::decode(&bytes);
            Ok(meta.filter(|meta| PAGE_SIZES.contains(&u64::from(meta.page_bytes))))
        }
    }
}

/// The entries of a bucket. Memory is that of one page for each level of the tree.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: &'a Reader,
    /// From the root to the page that is being read.
    path: Vec<Place>,
    /// How many pages were gone into. In a tree each is there once: there cannot be more than the file has.
    visited: u64,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

struct Element {
    flags: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Entries<'_> {
    /// The next key with its value; none at the end. Buckets in the bucket are left out.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        while let Some(Element { flags, key, value }) = self.next_element()? {
            if flags & BUCKET_ENTRY == 0 {
                return Ok(Some(Entry { key, value }));
            }
        }
        Ok(None)
    }

    fn next_element(&mut self) -> Result<Option<Element>, ReadError> {
        loop {
            let Some(place) = self.path.last_mut() else {
                return Ok(None);
            };
            if place.next == place.page.count {
                self.path.pop();
                continue;
            }
            let at = place.next;
            place.next += 1;
            if place.page.is_leaf {
                return place.page.element(at).map(Some);
            }
            let child = place.page.child(at)?;
            if self.path.len() == MAX_DEPTH {
                return Err(ReadError::Damaged {
                    page: child,
                    problem: "the tree is impossibly deep",
                });
            }
            self.visited += 1;
            if self.visited > self.reader.meta.pages {
                return Err(ReadError::Damaged {
                    page: child,
                    problem: "the tree goes through the same pages again and again",
                });
            }
            self.path.push(Place::new(self.reader.page(child)?));
        }
    }
}

#[derive(Debug)]
struct Place {
    page: Page,
    next: usize,
}

impl Place {
    fn new(page: Page) -> Self {
        Self { page, next: 0 }
    }
}

/// A branch or a leaf, with its header.
#[derive(Debug)]
struct Page {
    id: u64,
    bytes: Vec<u8>,
    count: usize,
    is_leaf: bool,
}

impl Page {
    fn parse(id: u64, bytes: Vec<u8>) -> Result<Self, ReadError> {
        let damaged = |problem| ReadError::Damaged { page: id, problem };
        let header = bytes.first_chunk().ok_or_else(|| damaged("it is cut off"))?;
        let header = PageHeader::decode(header);
        let is_leaf = match header.flags {
            LEAF_PAGE => true,
            BRANCH_PAGE => false,
            _ => return Err(damaged("it is neither a branch nor a leaf")),
        };
        Ok(Self {
            id,
            count: header.count.into(),
            is_leaf,
            bytes,
        })
    }

    fn element(&self, number: usize) -> Result<Element, ReadError> {
        let (start, fixed) = self.fixed(number)?;
        let part =
            |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().expect("so many bytes")) as usize;
        let (flags, position, key, value) = (part(0) as u32, part(4), part(8), part(12));
        let key_at = start + position;
        Ok(Element {
            flags,
            key: self.slice(key_at, key)?.to_vec(),
            value: self.slice(key_at + key, value)?.to_vec(),
        })
    }

    fn child(&self, number: usize) -> Result<u64, ReadError> {
        let (_, fixed) = self.fixed(number)?;
        Ok(u64::from_le_bytes(
            fixed[8..16].try_into().expect("so many bytes"),
        ))
    }

    fn fixed(&self, number: usize) -> Result<(usize, &[u8]), ReadError> {
        let start = PAGE_HEADER_BYTES + number * ELEMENT_BYTES;
        Ok((start, self.slice(start, ELEMENT_BYTES)?))
    }

    fn slice(&self, start: usize, length: usize) -> Result<&[u8], ReadError> {
        self.bytes.get(start..start + length).ok_or(ReadError::Damaged {
            page: self.id,
            problem: "an entry lies outside of it",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use crate::Writer;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file can be made");
        file.write_all(bytes).expect("written");
        file
    }

    /// Two buckets, of which one has branches, and a value of several pages.
    fn sample() -> Vec<u8> {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("begun");
        writer.bucket(b"key").expect("begun");
        for number in 0..5000_u32 {
            let length = if number == 77 {
                20_000
            } else {
                number as usize % 200
            };
            writer
                .put(&number.to_be_bytes(), &vec![number as u8; length])
                .expect("put");
        }
        writer.bucket(b"meta").expect("begun");
        writer.bucket(b"small").expect("begun");
        writer.put(b"a", b"b").expect("put");
        writer.finish().expect("finished").into_inner()
    }

    fn open(bytes: &[u8]) -> Result<Reader, ReadError> {
        Reader::open(file_of(bytes), bytes.len() as u64)
    }

    fn all(reader: &Reader, bucket: &[u8]) -> Result<Option<Vec<Entry>>, ReadError> {
        let Some(mut entries) = reader.bucket(bucket)? else {
            return Ok(None);
        };
        let mut found = Vec::new();
        while let Some(entry) = entries.next()? {
            found.push(entry);
        }
        Ok(Some(found))
    }

    #[test]
    fn what_was_written_is_read() {
        let reader = open(&sample()).expect("a database");
        let found = all(&reader, b"key").expect("read").expect("there");
        assert_eq!(found.len(), 5000);
        for (number, entry) in (0_u32..).zip(&found) {
            assert_eq!(entry.key, number.to_be_bytes());
        }
        assert_eq!((found[77].value.len(), found[199].value.len()), (20_000, 199));
        assert_eq!(all(&reader, b"meta").expect("read"), Some(Vec::new()));
        assert_eq!(
            all(&reader, b"small").expect("read").expect("there")[0].value,
            b"b"
        );
        assert_eq!(all(&reader, b"missing").expect("read"), None);
    }

    #[test]
    fn what_is_no_database_or_cut_off_is_refused() {
        let bytes = sample();
        for other in [&b""[..], b"hello", &[0; 9000]] {
            assert!(matches!(open(other), Err(ReadError::NotADatabase)));
        }
        let cut = open(&bytes[..bytes.len() - PAGE_BYTES]);
        assert!(matches!(cut, Err(ReadError::Damaged { .. })), "{cut:?}");
    }

    #[test]
    fn one_meta_page_is_enough() {
        let mut bytes = sample();
        bytes[PAGE_HEADER_BYTES + 20] ^= 1;
        assert!(open(&bytes).is_ok());
        bytes[PAGE_BYTES + PAGE_HEADER_BYTES + 20] ^= 1;
        assert!(matches!(open(&bytes), Err(ReadError::NotADatabase)));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let good = sample();
        for at in (2 * PAGE_BYTES..good.len()).step_by(61) {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            let Ok(reader) = open(&bytes) else { continue };
            // What is not noticed here is noticed by the checksum of a whole snapshot.
            let _ = all(&reader, b"key");
        }
    }

    /// Ten branches, each of which names the next a hundred times: walking through them would never end.
    #[test]
    fn pages_that_are_named_again_and_again_are_damage() {
        const PAGE: usize = 4096;
        let header = |id: u64, flags, count| PageHeader {
            id,
            flags,
            count,
            overflow: 0,
        };
        let mut bytes = vec![0; PAGE * 13];
        let meta = Meta {
            page_bytes: PAGE as u32,
            root: 2,
            free_list: NO_FREE_LIST,
            pages: 13,
            transaction: 1,
        };
        bytes[PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + META_BYTES].copy_from_slice(&meta.encode());
        for id in 2..13_usize {
            let page = &mut bytes[id * PAGE..];
            let is_last = id == 12;
            let (flags, count) = if is_last {
                (LEAF_PAGE, 0)
            } else {
                (BRANCH_PAGE, 100)
            };
            page[..PAGE_HEADER_BYTES].copy_from_slice(&header(id as u64, flags, count).encode());
            for element in 0..usize::from(count) {
                let at = PAGE_HEADER_BYTES + element * ELEMENT_BYTES + 8;
                page[at..at + 8].copy_from_slice(&(id as u64 + 1).to_le_bytes());
            }
        }
        let reader = open(&bytes).expect("its meta page is sound");
        assert!(matches!(all(&reader, b"key"), Err(ReadError::Damaged { .. })));
    }
}

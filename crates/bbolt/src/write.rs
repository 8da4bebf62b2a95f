//! Making a file, from front to back: every page is written once, when it is full.

use std::io::{self, Seek, SeekFrom, Write};

use thiserror::Error;

use crate::format::*;

/// The pages of a new file: two of meta, one of the free list, then the buckets'.
const FIRST_FREE: u64 = 3;
const FREE_LIST: u64 = 2;

/// Why a file was not made.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file could not be written.
    #[error("writing the database")]
    Io(#[from] io::Error),
    /// Keys, or names of buckets, were not given in order.
    #[error("keys must come in order, each once")]
    Order,
    /// A key or value is too long for the format.
    #[error("a key or value is too long")]
    TooLong,
}

/// Writes a file of buckets with keys and values. Buckets come one after the other, in the order of their names; so do keys.
/// What is held in memory is one page for each level of a tree.
pub struct Writer<W> {
    pages: Pages<W>,
    roots: Level,
    open: Option<Open>,
}

/// The bucket that is being written.
struct Open {
    name: Vec<u8>,
    /// The leaf first, then the branches above it.
    levels: Vec<Level>,
    last: Option<Vec<u8>>,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file at the start of `file`.
    pub fn new(file: W) -> Result<Self, WriteError> {
        let mut pages = Pages { file, next: 0 };
        for _ in 0..FIRST_FREE {
            pages.fill(0)?;
            pages.next += 1;
        }
        Ok(Self {
            pages,
            roots: Level::new(LEAF_PAGE),
            open: None,
        })
    }

    /// Begins the next bucket.
    pub fn bucket(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.close_bucket()?;
        if self.roots.last_key().is_some_and(|last| last >= name) {
            return Err(WriteError::Order);
        }
        self.open = Some(Open {
            name: name.to_owned(),
            levels: vec![Level::new(LEAF_PAGE)],
            last: None,
        });
        Ok(())
    }

    /// Adds a key to the bucket that was begun last.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let Some(open) = &mut self.open else {
            return Err(WriteError::Order);
        };
        if open.last.as_deref().is_some_and(|last| last >= key) {
            return Err(WriteError::Order);
        }
        if u32::try_from(key.len() + value.len()).is_err() {
            return Err(WriteError::TooLong);
        }
        let last = open.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        if !open.levels[0].has_room(key.len() + value.len()) {
            self.pages.flush(&mut open.levels, 0)?;
        }
        open.levels[0].push(Element::value(0, key, value));
        Ok(())
    }

    /// Completes the file and gives it back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.close_bucket()?;
        // The root bucket has a page even if it is empty. It never has more: names of buckets are few.
        let root = self.pages.write(&self.roots)?;
        self.pages.complete(root)
    }

    fn close_bucket(&mut self) -> Result<(), WriteError> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let mut value = Vec::with_capacity(BUCKET_HEADER_BYTES + PAGE_HEADER_BYTES);
        if open.last.is_none() {
            value.extend_from_slice(&[0; BUCKET_HEADER_BYTES]);
            let inline = PageHeader {
                flags: LEAF_PAGE,
                ..PageHeader::default()
            };
            value.extend_from_slice(&inline.encode());
        } else {
            let root = self.pages.close(&mut open.levels)?;
            value.extend_from_slice(&root.to_le_bytes());
            value.extend_from_slice(&[0; 8]);
        }
        self.roots.push(Element::value(BUCKET_ENTRY, &open.name, &value));
        Ok(())
    }
}

/// A page that is being filled.
struct Level {
    flags: u16,
    elements: Vec<Element>,
    bytes: usize,
}

struct Element {
    /// Of a leaf the entry's flags, of a branch the page below.
    target: u64,
    key_bytes: usize,
    /// Key and value.
    data: Vec<u8>,
}

impl Element {
    fn value(flags: u32, key: &[u8], value: &[u8]) -> Self {
        Self {
            target: flags.into(),
            key_bytes: key.len(),
            data: [key, value].concat(),
        }
    }

    fn page(key: Vec<u8>, page: u64) -> Self {
        Self {
            target: page,
            key_bytes: key.len(),
            data: key,
        }
    }

    fn key(&self) -> &[u8] {
        &self.data[..self.key_bytes]
    }
}

impl Level {
    fn new(flags: u16) -> Self {
        Self {
            flags,
            elements: Vec::new(),
            bytes: PAGE_HEADER_BYTES,
        }
    }

    fn last_key(&self) -> Option<&[u8]> {
        self.elements.last().map(Element::key)
    }

    /// Whether an entry fits. One that is larger than a page gets pages for itself; a branch leads to two pages at least.
    fn has_room(&self, data_bytes: usize) -> bool {
        let least = if self.flags == BRANCH_PAGE { 2 } else { 1 };
        self.elements.len() < least || self.bytes + ELEMENT_BYTES + data_bytes <= PAGE_BYTES
    }

    fn push(&mut self, element: Element) {
        self.bytes += ELEMENT_BYTES + element.data.len();
        self.elements.push(element);
    }

    fn encode(&self, id: u64) -> Vec<u8> {
        let pages = self.bytes.div_ceil(PAGE_BYTES);
        let header = PageHeader {
            id,
            flags: self.flags,
            count: u16::try_from(self.elements.len()).unwrap_or(u16::MAX),
            overflow: u32::try_from(pages - 1).unwrap_or(u32::MAX),
        };
        let mut bytes = Vec::with_capacity(pages * PAGE_BYTES);
        bytes.extend_from_slice(&header.encode());
        let mut data_at = PAGE_HEADER_BYTES + self.elements.len() * ELEMENT_BYTES;
        for element in &self.elements {
            // Sums of lengths that were checked when they were given.
            let position = (data_at - bytes.len()) as u32;
            let (key, value) = (
                element.key_bytes as u32,
                (element.data.len() - element.key_bytes) as u32,
            );
            if self.flags == BRANCH_PAGE {
                bytes.extend_from_slice(&position.to_le_bytes());
                bytes.extend_from_slice(&key.to_le_bytes());
                bytes.extend_from_slice(&element.target.to_le_bytes());
            } else {
                bytes.extend_from_slice(&(element.target as u32).to_le_bytes());
                bytes.extend_from_slice(&position.to_le_bytes());
                bytes.extend_from_slice(&key.to_le_bytes());
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            data_at += element.data.len();
        }
        for element in &self.elements {
            bytes.extend_from_slice(&element.data);
        }
        bytes.resize(pages * PAGE_BYTES, 0);
        bytes
    }
}

/// The file as a row of pages.
struct Pages<W> {
    file: W,
    next: u64,
}

impl<W: Write + Seek> Pages<W> {
    fn fill(&mut self, byte: u8) -> io::Result<()> {
        self.file.write_all(&[byte; PAGE_BYTES])
    }

    fn write(&mut self, level: &Level) -> io::Result<u64> {
        let id = self.next;
        let bytes = level.encode(id);
        self.file.write_all(&bytes)?;
        self.next += (bytes.len() / PAGE_BYTES) as u64;
        Ok(id)
    }

    /// Writes the page of one level and enters it in the level above, which may be full then.
    fn flush(&mut self, levels: &mut Vec<Level>, at: usize) -> io::Result<()> {
        let flags = levels[at].flags;
        let full = std::mem::replace(&mut levels[at], Level::new(flags));
        let page = self.write(&full)?;
        let key = full.elements.first().map(|element| element.key().to_owned());
        if levels.len() == at + 1 {
            levels.push(Level::new(BRANCH_PAGE));
        }
        let entry = Element::page(key.unwrap_or_default(), page);
        if !levels[at + 1].has_room(entry.data.len()) {
            self.flush(levels, at + 1)?;
        }
        levels[at + 1].push(entry);
        Ok(())
    }

    /// Writes what is left of a tree, and gives its root.
    fn close(&mut self, levels: &mut Vec<Level>) -> io::Result<u64> {
        let mut at = 0;
        while at + 1 < levels.len() {
            self.flush(levels, at)?;
            at += 1;
        }
        self.write(&levels[at])
    }

    fn complete(mut self, root: u64) -> Result<W, WriteError> {
        let free_list = PageHeader {
            id: FREE_LIST,
            flags: FREE_LIST_PAGE,
            ..PageHeader::default()
        };
        self.file.seek(SeekFrom::Start(FREE_LIST * PAGE_BYTES as u64))?;
        self.file.write_all(&free_list.encode())?;
        for id in 0..2 {
            let header = PageHeader {
                id,
                flags: META_PAGE,
                ..PageHeader::default()
            };
            let meta = Meta {
                page_bytes: PAGE_BYTES as u32,
                root,
                free_list: FREE_LIST,
                pages: self.next,
                transaction: id,
            };
            self.file.seek(SeekFrom::Start(id * PAGE_BYTES as u64))?;
            self.file.write_all(&header.encode())?;
            self.file.write_all(&meta.encode())?;
        }
        self.file.seek(SeekFrom::End(0))?;
        self.file.flush()?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn written(buckets: &[(&str, usize)]) -> Vec<u8> {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
        for (name, keys) in buckets {
            writer.bucket(name.as_bytes()).expect("in order");
            for number in 0..*keys {
                let key = format!("{number:08}");
                writer
                    .put(key.as_bytes(), &vec![b'x'; number % 9000])
                    .expect("in order");
            }
        }
        writer.finish().expect("memory").into_inner()
    }

    /// Every page is where its header says, and all pages together are the file.
    #[test]
    fn pages_fill_the_file() {
        let bytes = written(&[("a", 0), ("b", 1), ("c", 20_000)]);
        assert_eq!(bytes.len() % PAGE_BYTES, 0);
        let mut at = 0;
        while at < bytes.len() {
            let header = bytes[at..at + PAGE_HEADER_BYTES].try_into().expect("16 bytes");
            let header = PageHeader::decode(header);
            assert_eq!(header.id as usize * PAGE_BYTES, at);
            at += (header.overflow as usize + 1) * PAGE_BYTES;
        }
        assert_eq!(at, bytes.len());
        let meta = &bytes[PAGE_BYTES + PAGE_HEADER_BYTES..][..META_BYTES];
        let meta = Meta::decode(meta.try_into().expect("64 bytes")).expect("valid");
        assert_eq!(meta.pages as usize * PAGE_BYTES, bytes.len());
        assert_eq!(meta.transaction, 1);
    }

    #[test]
    fn what_is_out_of_order_is_refused() {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
        assert!(matches!(writer.put(b"a", b""), Err(WriteError::Order)));
        writer.bucket(b"b").expect("the first");
        writer.put(b"k", b"").expect("the first");
        assert!(matches!(writer.put(b"k", b""), Err(WriteError::Order)));
        writer.bucket(b"c").expect("later");
        assert!(matches!(writer.bucket(b"c"), Err(WriteError::Order)));
    }
}

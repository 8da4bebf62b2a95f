//! Files of bbolt, the database that etcd keeps its data and its snapshots in.
//!
//! A file is a row of pages of one size. Two meta pages come first; the valid one with the higher transaction number says
//! where the root bucket is. A bucket is a B+ tree of branch and leaf pages; a leaf's entry is a key with its value, or the name of
//! a bucket within the bucket. [`format`] has the numbers, [`write`] makes a file from entries that come in order, [`read`]
//! gives them back.

pub mod format;
pub mod read;
pub mod write;

pub use read::{Entries, Entry, ReadError, Reader};
pub use write::{WriteError, Writer};

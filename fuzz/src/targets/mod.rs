//! What is fuzzed. A target takes any bytes and must not panic, hang, or take memory without bound; most check a law besides.

mod backups;
mod bbolt_files;
mod etcd_messages;
mod etcd_requests;
mod expressions;
mod pages;
mod patches;
mod schemas;
mod store;
mod structural;
mod texts;

/// One thing that is fuzzed.
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// What to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: &[Target] = &[
    store::PARSERS,
    store::DAMAGED,
    store::SEALED,
    backups::DAMAGED,
    backups::SEALED,
    bbolt_files::FILES,
    etcd_messages::MESSAGES,
    etcd_requests::CONNECTIONS,
    etcd_requests::REQUESTS,
    schemas::JSON,
    schemas::YAML,
    schemas::PROTOBUF,
    pages::PAGES,
    patches::PATCHES,
    structural::OBJECTS,
    structural::PATTERNS,
    expressions::EXPRESSIONS,
    texts::SELECTORS,
    texts::QUANTITIES,
];

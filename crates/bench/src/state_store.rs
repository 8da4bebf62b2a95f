//! The state store side by side with a real etcd: the same loads through etcd's own interface, in turns, on the same disk,
//! both with every write synced. And the embedded store alone, in this process.
//!
//! CPU is that of the server's process. Both processors are shared with the load, so that rates say less than CPU per
//! operation does.

mod comparison;
mod connection;
mod disk;
mod embedded;
mod frames;
mod load;
mod million;
mod perf;
mod process;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use load::Result;
use process::Program;

/// Options of `store`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The parts to run; all by default.
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,
    /// How often the two stores take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each load lasts, seconds.
    #[arg(long, default_value_t = 3.0)]
    load_seconds: f64,
    /// How often the range of 10,000 keys is read in a round.
    #[arg(long, default_value_t = 20)]
    ranges: u32,
    /// How many puts the 1,000 watchers see in a round.
    #[arg(long, default_value_t = 200)]
    watched_puts: usize,
    /// How many keys the memory, the disk and the start are measured with.
    #[arg(long, default_value_t = 1_000_000)]
    keys: usize,
    /// Where the stores lie, for a while; a temporary folder by default.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// The etcd binary.
    #[arg(long, default_value = "etcd")]
    etcd: PathBuf,
    /// The etcdctl binary.
    #[arg(long, default_value = "etcdctl")]
    etcdctl: PathBuf,
    /// How heavy the load of `etcdctl check perf` is: s, m, l or xl.
    #[arg(long, default_value = "xl")]
    perf_load: String,
    /// How often the stores take turns in it.
    #[arg(long, default_value_t = 1)]
    perf_rounds: usize,
    /// Measure one store only.
    #[arg(long, value_enum)]
    only: Option<Only>,
}

/// A part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The embedded store in this process.
    Embedded,
    /// Loads through etcd's interface.
    Loads,
    /// Memory, disk and start with many keys.
    Million,
    /// `etcdctl check perf`.
    Perf,
}

/// One of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// etcd.
    Etcd,
    /// `pintle etcd`.
    Pintle,
}

impl Options {
    /// What takes a minute only.
    pub fn shortened() -> Self {
        Self {
            parts: vec![Part::Embedded, Part::Loads, Part::Million],
            rounds: 1,
            load_seconds: 1.0,
            ranges: 5,
            watched_puts: 50,
            keys: 100_000,
            directory: None,
            etcd: PathBuf::from("etcd"),
            etcdctl: PathBuf::from("etcdctl"),
            perf_load: String::from("xl"),
            perf_rounds: 1,
            only: None,
        }
    }

    fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn programs(&self, binary: &Path) -> Vec<Program> {
        let all = [
            (Only::Etcd, Program::Etcd(self.etcd.clone())),
            (Only::Pintle, Program::Pintle(binary.to_owned())),
        ];
        let wanted = all
            .into_iter()
            .filter(|(which, _)| self.only.is_none_or(|only| only == *which));
        wanted.map(|(_, program)| program).collect()
    }
}

/// Measures and prints.
pub fn run(binary: &Path, options: &Options) -> std::result::Result<(), Box<dyn std::error::Error>> {
    measure(binary, options).map_err(|error| -> Box<dyn std::error::Error> { error })
}

fn measure(binary: &Path, options: &Options) -> Result<()> {
    let temporary = match &options.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    let (directory, programs) = (temporary.path(), options.programs(binary));
    if options.has(Part::Embedded) {
        tokio::runtime::Runtime::new()?.block_on(embedded::run(options, directory))?;
    }
    // One thread makes the load, so that it stands in the server's way as little as can be.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if options.has(Part::Loads) {
            comparison::run(&programs, options, directory).await?;
        }
        if options.has(Part::Million) {
            million::run(&programs, options, directory).await?;
        }
        if options.has(Part::Perf) {
            perf::run(&programs, options, directory).await?;
        }
        Ok(())
    })
}

//! What a million keys take: memory, disk, and time to start again.

use std::path::Path;
use std::time::Instant;

use super::load::{self, Result};
use super::process::{Process, Program};
use super::values::key;
use super::{Options, disk};
use crate::process::resident_mb;
use crate::table::{Figure, Table};

/// A store may take so much of the disk; what takes more is ended, and what it wrote goes.
const MOST_BYTES: u64 = 3 << 30;

/// After so many keys it is looked what they take.
const LOOKED_AFTER: usize = 50_000;

/// Measures and prints.
pub async fn run(programs: &[Program], options: &Options, directory: &Path) -> Result<()> {
    println!("\n{} keys with values of 1,000 bytes", options.keys);
    let mut table = Table::new(programs.iter().map(Program::name).collect());
    for (column, program) in programs.iter().enumerate() {
        let folder = tempfile::Builder::new()
            .prefix(program.name())
            .tempdir_in(directory)?;
        table.add(column, measure(program, options, folder.path()).await?);
    }
    table.print();
    Ok(())
}

async fn measure(program: &Program, options: &Options, folder: &Path) -> Result<Vec<Figure>> {
    let data = folder.join("data");
    let server = program.start(&data).await?;
    let began = Instant::now();
    for start in (0..options.keys).step_by(LOOKED_AFTER) {
        load::fill(&server, start..options.keys.min(start + LOOKED_AFTER), key).await?;
        let bytes = disk::bytes(&data)?;
        if bytes > MOST_BYTES {
            return Err(format!(
                "{} keys take {bytes} bytes of the disk; {MOST_BYTES} are the most",
                start + LOOKED_AFTER
            )
            .into());
        }
    }
    let mut figures = vec![
        Figure::milliseconds("fill", began.elapsed()),
        resident("memory after the fill", &server),
        Figure::megabytes("disk after the fill", disk::bytes(&data)? as f64),
    ];
    server.stop()?;
    let server = program.start(&data).await?;
    figures.push(Figure::milliseconds("start again", server.ready_after));
    figures.push(resident("memory after the start", &server));
    figures.push(Figure::megabytes(
        "disk after the start",
        disk::bytes(&data)? as f64,
    ));
    server.stop()?;
    Ok(figures)
}

fn resident(what: &str, server: &Process) -> Figure {
    Figure::megabytes(what, resident_mb(&[server.pid()]) * f64::from(1 << 20))
}

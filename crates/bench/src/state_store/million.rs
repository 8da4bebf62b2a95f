//! What a million keys take: memory, disk, and time to start again.

use std::path::Path;
use std::time::Instant;

use super::load::{self, Result};
use super::process::{Process, Program};
use super::table::{Figure, Table};
use super::values::key;
use super::{Options, disk};
use crate::process::resident_mb;

/// Measures and prints.
pub async fn run(programs: &[Program], options: &Options, directory: &Path) -> Result<()> {
    println!("\n{} keys with values of 1,000 bytes", options.keys);
    let mut table = Table::new(programs);
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
    load::fill(&server, 0..options.keys, key).await?;
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

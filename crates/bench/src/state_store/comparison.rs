//! The comparison: rounds in which both stores are started afresh and put under the same loads, one after the other.

use std::path::Path;
use std::time::Duration;

use super::load::{self, ALONE, Operation, Rate, Result, SHARED};
use super::process::Program;
use super::{Options, disk};
use crate::table::{Figure, Table};

/// Keys of the range that is read.
const RANGE_KEYS: usize = 10_000;

/// Watchers of one prefix.
const WATCHERS: usize = 1000;

/// Measures and prints.
pub async fn run(programs: &[Program], options: &Options, directory: &Path) -> Result<()> {
    let mut table = Table::new(programs.iter().map(Program::name).collect());
    for round in 1..=options.rounds.max(1) {
        println!(
            "round {round}: a write of 1,000 bytes and fdatasync takes {:?}",
            disk::sync_time(directory)?
        );
        for (column, program) in programs.iter().enumerate() {
            let folder = tempfile::Builder::new()
                .prefix(program.name())
                .tempdir_in(directory)?;
            table.add(column, measure(program, options, folder.path()).await?);
        }
    }
    table.print();
    Ok(())
}

async fn measure(program: &Program, options: &Options, folder: &Path) -> Result<Vec<Figure>> {
    let duration = Duration::from_secs_f64(options.load_seconds);
    let server = program.start(&folder.join("data")).await?;
    let mut figures = vec![Figure::milliseconds("start, empty", server.ready_after)];
    for (what, operation, clients) in [
        ("puts, 1 client", Operation::Put, (1, SHARED)),
        ("puts, 32 clients", Operation::Put, (32, SHARED)),
        ("puts, 500 clients", Operation::Put, (500, SHARED)),
        ("puts, 500 clients, 500 connections", Operation::Put, (500, ALONE)),
        ("creates, 500 clients", Operation::Create, (500, SHARED)),
        ("gets, 500 clients", Operation::Get, (500, SHARED)),
    ] {
        let rate = load::operations(&server, operation, clients, duration).await?;
        figures.extend(of_rate(what, rate));
    }
    let (took, used) = load::ranges(&server, RANGE_KEYS, options.ranges).await?;
    figures.push(Figure::milliseconds("range of 10,000 keys, time", took));
    figures.push(Figure::milliseconds("range of 10,000 keys, CPU", used));
    let (rate, used) = load::fan_out(&server, WATCHERS, options.watched_puts).await?;
    figures.push(Figure::rate("1,000 watchers, deliveries", rate));
    figures.push(Figure::microseconds("1,000 watchers, CPU per delivery", used));
    server.stop()?;
    Ok(figures)
}

fn of_rate(what: &str, rate: Rate) -> [Figure; 3] {
    [
        Figure::rate(what, rate.per_second),
        Figure::microseconds(&format!("{what}, CPU each"), rate.cpu_each),
        Figure::milliseconds(&format!("{what}, median time"), rate.median),
    ]
}

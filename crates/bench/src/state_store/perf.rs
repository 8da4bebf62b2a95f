//! What etcd's own program says: `etcdctl check perf`, whose clients have a connection each and are as heavy as real ones.

use std::path::Path;
use std::time::Duration;

use etcd_rpc::message::{RangeRequest, RangeResponse};
use prost::Message;
use tokio::process::Command;

use super::Options;
use super::connection::{Connection, framed};
use super::load::{RANGE, Result};
use super::process::{Process, Program};
use crate::process::cpu;
use crate::table::{Figure, Table};

/// It takes a minute, and some time for its connections; one that takes so long is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures and prints: the stores take turns.
pub async fn run(programs: &[Program], options: &Options, directory: &Path) -> Result<()> {
    println!("\netcdctl check perf --load={}: a minute each", options.perf_load);
    let mut table = Table::new(programs.iter().map(Program::name).collect());
    for _ in 0..options.perf_rounds.max(1) {
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
    let server = program.start(&folder.join("data")).await?;
    let (before, cpu_before) = (revision(&server).await?, cpu(&[server.pid()]));
    let said = check(&server, options).await?;
    let (puts, used) = (
        revision(&server).await? - before,
        cpu(&[server.pid()]) - cpu_before,
    );
    server.stop()?;
    // Whether that is enough is not the question here; that it says so is what ends its words.
    let rate = throughput(&said).ok_or_else(|| format!("etcdctl says no throughput: {said}"))?;
    Ok(vec![
        Figure::rate("etcdctl check perf, puts", rate),
        Figure::microseconds("etcdctl check perf, CPU each", used / u32::try_from(puts.max(1))?),
    ])
}

async fn check(server: &Process, options: &Options) -> Result<String> {
    let command = Command::new(&options.etcdctl)
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints=http://127.0.0.1:{}", server.port))
        .args(["check", "perf", &format!("--load={}", options.perf_load)])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, command).await??;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The revision of a store: each put makes one.
async fn revision(server: &Process) -> Result<i64> {
    let request = RangeRequest {
        key: "/".into(),
        ..RangeRequest::default()
    };
    let connection = Connection::open(server.port).await?;
    let answer = connection.call(RANGE, framed(&request)).await?;
    let header = RangeResponse::decode(answer)?.header;
    Ok(header.ok_or("an answer without a header")?.revision)
}

/// The writes per second that `etcdctl` tells, in whichever words its verdict comes.
fn throughput(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("hroughput"))?;
    let words = line.split_whitespace();
    words.filter_map(|word| word.parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throughput_is_found_in_either_verdict() {
        for (said, rate) in [
            (
                "60 / 60 Boooo! 100.00%\nPASS: Throughput is 14999 writes/s\nPASS\n",
                Some(14999.0),
            ),
            ("FAIL: Throughput too low: 6260 writes/s\nFAIL", Some(6260.0)),
            ("context deadline exceeded", None),
        ] {
            assert_eq!(throughput(said), rate, "{said}");
        }
    }
}

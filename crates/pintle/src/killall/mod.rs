//! `pintle killall`: removes from this machine what the pintle of one data directory made, and nothing else: processes,
//! mounts, cgroups, and the pods' network. What is on the disk stays.
//!
//! [`observed`] looks, [`plan`] decides, [`execute`] acts.

mod execute;
mod network;
mod observed;
mod plan;
mod server;

use std::path::{Path, PathBuf};

use clap::Args;
use kubelet::containerd::ContainerdLayout;

use crate::commands::containerd_layout;
use crate::holder::holder;
use observed::Observed;
use plan::{Plan, plan};

/// Remove from this machine what the pintle of a data directory made: processes, mounts, cgroups, network. Data stay.
#[derive(Debug, Args)]
pub struct KillallCommand {
    /// Where everything is kept.
    #[arg(
        long,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    data_dir: PathBuf,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Why something is left.
#[derive(Debug, thiserror::Error)]
pub enum KillallError {
    /// The data directory is not there.
    #[error(
        "the data directory {path} cannot be read; give the --data-dir of the pintle whose traces are to go"
    )]
    NoDataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The machine does not tell what runs.
    #[error("processes and mounts cannot be read")]
    Look(#[source] std::io::Error),
    /// Some things withstood.
    #[error("not everything could be removed:\n  {}", .0.join("\n  "))]
    Left(Vec<String>),
}

/// Where things of a data directory lie.
#[derive(Clone, Debug)]
struct Place {
    /// What the node keeps, as the kernel names it: with every symbolic link followed.
    agent: PathBuf,
    /// pintle's own containerd, named in the same way.
    containerd: ContainerdLayout,
    /// The same as it was given: command lines have it so.
    as_given: ContainerdLayout,
}

impl Place {
    fn of(given: &Path, real: &Path) -> Self {
        Self {
            agent: real.join("agent"),
            containerd: containerd_layout(real),
            as_given: containerd_layout(given),
        }
    }

    /// In which ways containerd's things may be named.
    fn spellings(&self) -> impl Iterator<Item = &ContainerdLayout> {
        [&self.containerd, &self.as_given].into_iter()
    }
}

/// The processes in containers of a data directory's own containerd, and their command lines.
pub fn processes_in_containers(data_dir: &Path) -> std::io::Result<Vec<(u32, Vec<String>)>> {
    // Without any, the folder is not even there.
    let real = std::fs::canonicalize(data_dir)?;
    let place = Place::of(data_dir, &real);
    let observed = Observed::look(&place)?;
    let ids = plan(&observed, &place, std::process::id()).containers;
    let processes = observed
        .processes
        .into_iter()
        .filter(|process| ids.contains(&process.id));
    Ok(processes.map(|process| (process.id, process.words)).collect())
}

impl KillallCommand {
    /// Does it.
    pub fn run(self) -> Result<(), KillallError> {
        let no_data_dir = |source| KillallError::NoDataDir {
            path: self.data_dir.clone(),
            source,
        };
        let given = std::path::absolute(&self.data_dir).map_err(no_data_dir)?;
        let data_dir = std::fs::canonicalize(&given).map_err(no_data_dir)?;
        let place = Place::of(&given, &data_dir);
        let look = || Observed::look(&place).map_err(KillallError::Look);
        let own_process = std::process::id();
        if self.dry_run {
            for process in holders(&data_dir, &place).filter_map(holder) {
                println!("end the server or agent (process {process})");
            }
            print!("{}", describe(&plan(&look()?, &place, own_process)));
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(KillallError::Look)?;
        runtime.block_on(async {
            let mut left = Vec::new();
            // What it would start again must not be looked at before it has ended.
            for held in holders(&data_dir, &place) {
                left.extend(server::end(held).await.err());
            }
            left.extend(execute::end(&plan(&look()?, &place, own_process).runtime).await);
            let plan = plan(&look()?, &place, own_process);
            left.extend(execute::execute(&plan).await);
            left.extend(network::remove(&place).await);
            print!("{}", summary(&plan));
            if left.is_empty() {
                Ok(())
            } else {
                Err(KillallError::Left(left))
            }
        })
    }
}

/// What may be held: by the process that keeps the node, and by the one that has the store.
fn holders<'a>(data_dir: &'a Path, place: &'a Place) -> impl Iterator<Item = &'a Path> {
    [place.agent.as_path(), data_dir].into_iter()
}

fn describe(plan: &Plan) -> String {
    let processes = plan.runtime.iter().chain(&plan.containers);
    let mut lines: Vec<String> = processes
        .map(|process| format!("end process {process}"))
        .collect();
    lines.extend(
        plan.mounts
            .iter()
            .map(|mount| format!("unmount {}", mount.display())),
    );
    lines.extend(
        plan.cgroups
            .iter()
            .map(|cgroup| format!("remove cgroup {}", cgroup.display())),
    );
    lines.into_iter().map(|line| line + "\n").collect()
}

fn summary(plan: &Plan) -> String {
    format!(
        "removed: {} processes of containers, {} mounts, {} cgroups\n",
        plan.containers.len(),
        plan.mounts.len(),
        plan.cgroups.len()
    )
}

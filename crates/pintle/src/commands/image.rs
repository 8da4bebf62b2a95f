//! `pintle image`: loads images from files, or lists those that are there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};
use kubelet::containerd::{ContainerdLayout, Machine};
use kubelet::image::import::ImageImporter;

use super::CommandError;
use super::cluster::wait_for;
use super::table;

/// Load images from files, or list those that are there.
#[derive(Debug, Args)]
pub struct ImageCommand {
    /// Where everything is kept.
    #[arg(
        long,
        global = true,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    data_dir: PathBuf,
    /// The socket of a containerd that is not pintle's own.
    #[arg(long, global = true, value_name = "SOCKET")]
    container_runtime_endpoint: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Load images from archives: of `docker save`, or OCI layouts.
    #[command(alias = "import")]
    Load {
        /// The archives; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List the images that are there.
    #[command(alias = "list")]
    Ls,
}

impl ImageCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        let importer = self.importer()?;
        match self.action {
            Action::Load { files } => files.iter().try_for_each(|file| load(&importer, file)),
            Action::Ls => list(&importer),
        }
    }

    fn importer(&self) -> Result<ImageImporter, CommandError> {
        let socket = match &self.container_runtime_endpoint {
            Some(endpoint) => endpoint.strip_prefix("unix://").unwrap_or(endpoint).into(),
            None => containerd(&self.data_dir).socket(),
        };
        if !socket.exists() {
            return Err(CommandError::NoContainerd(socket));
        }
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        let machine = Machine::inspect(&search_path, &self.data_dir)?;
        Ok(ImageImporter {
            ctr: machine.ctr,
            socket,
            snapshotter: Some(machine.snapshotter.to_owned()),
        })
    }
}

/// Where pintle's own containerd has its things.
pub fn containerd(data_dir: &Path) -> ContainerdLayout {
    ContainerdLayout::new(data_dir.join("agent/containerd"))
}

fn load(importer: &ImageImporter, file: &Path) -> Result<(), CommandError> {
    // An archive is read more than once, which a pipe cannot be.
    let copy = if file == Path::new("-") {
        Some(standard_input()?)
    } else {
        None
    };
    let archive = copy.as_ref().map_or(file, |copy| copy.path());
    for image in wait_for(async { Ok(importer.import(archive).await?) })? {
        println!("{image}");
    }
    Ok(())
}

/// A copy of standard input that goes when it is dropped.
fn standard_input() -> Result<tempfile::NamedTempFile, CommandError> {
    let failed = |source| CommandError::Write {
        path: std::env::temp_dir(),
        source,
    };
    let mut copy = tempfile::NamedTempFile::new().map_err(failed)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut copy).map_err(failed)?;
    copy.flush().map_err(failed)?;
    Ok(copy)
}

fn list(importer: &ImageImporter) -> Result<(), CommandError> {
    let output = Command::new(&importer.ctr)
        .arg("--address")
        .arg(&importer.socket)
        .args(["--namespace", "k8s.io", "images", "ls"])
        .output()
        .map_err(|error| CommandError::Listing(error.to_string()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CommandError::Listing(words));
    }
    let rows = rows(&String::from_utf8_lossy(&output.stdout));
    print!("{}", table::render(["IMAGE", "DIGEST", "SIZE"], &rows));
    Ok(())
}

/// `ctr` says `REF TYPE DIGEST SIZE UNIT PLATFORMS LABELS`. Names that are digests themselves say nothing more.
fn rows(output: &str) -> Vec<[String; 3]> {
    let lines = output.lines().skip(1);
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, _, digest) = (words.next()?, words.next()?, words.next()?);
            let size = [words.next()?, words.next()?].join(" ");
            (!name.starts_with("sha256:")).then(|| [name.to_owned(), digest.to_owned(), size])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_from_what_ctr_says() {
        let output = "REF TYPE DIGEST SIZE PLATFORMS LABELS\n\
            localhost/a:1 application/vnd.oci.image.manifest.v1+json sha256:0a 2.1 MiB linux/amd64 -\n\
            sha256:0a application/vnd.oci.image.manifest.v1+json sha256:0a 2.1 MiB linux/amd64 x=y\n";
        assert_eq!(
            rows(output),
            [["localhost/a:1", "sha256:0a", "2.1 MiB"].map(str::to_owned)]
        );
    }

    #[test]
    fn without_containerd_it_says_so() {
        let folder = tempfile::tempdir().expect("folder");
        let command = ImageCommand {
            data_dir: folder.path().to_owned(),
            container_runtime_endpoint: None,
            action: Action::Ls,
        };
        assert!(matches!(command.run(), Err(CommandError::NoContainerd(_))));
    }
}

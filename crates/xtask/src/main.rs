//! Development chores: generate tables, check the structure.

mod generate;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage:
  cargo xtask gen --reference DIR [--check]   write the type table from Kubernetes' published data (or compare with it)
  cargo xtask tidy                            check layers, manifests and files against the rules of the workspace";

/// What went wrong, in words for whoever typed the command.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["gen", "--reference", reference] => generate::write(Path::new(reference), &workspace()),
        ["gen", "--reference", reference, "--check"] => generate::check(Path::new(reference), &workspace()),
        ["tidy"] => tidy::check(&workspace()),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace's own Cargo.toml.
fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

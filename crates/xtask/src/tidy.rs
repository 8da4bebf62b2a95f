//! Checks that the workspace is as ARCHITECTURE.md and CONTRIBUTING.md say: who sees whom, manifests, files.

mod layers;
mod manifest;
mod sources;

use std::fs;
use std::path::Path;

use crate::Error;
use layers::Layers;
use manifest::Manifest;

/// Fails with a line for each rule that is broken.
pub fn check(workspace: &Path) -> Result<(), Error> {
    let layers: Layers = toml::from_str(&fs::read_to_string(workspace.join("layers.toml"))?)?;
    let manifests = manifest::read_all(&workspace.join("crates"))?;
    let read_me = fs::read_to_string(workspace.join("crates/README.md"))?;
    let served_kinds = sources::served_kinds(workspace)?;

    let mut problems = layers.problems(&manifests, &read_me);
    for manifest in &manifests {
        problems.extend(manifest.problems());
        let rules = layers.rules_for(&manifest.name, &served_kinds);
        problems.extend(sources::problems(&manifest.folder, &rules)?);
    }
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    let root = format!("{}/", workspace.display());
    Err(problems.join("\n").replace(&root, "").into())
}

/// Names that a manifest or a layer has for crates.
type Names = Vec<String>;

impl Manifest {
    /// What every manifest must have.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.inherits_lints {
            problems.push(format!(
                "{}: does not inherit the lints of the workspace",
                self.name
            ));
        }
        if self.folder.file_name().and_then(|name| name.to_str()) != Some(&self.name) {
            problems.push(format!("{}: the folder has another name", self.name));
        }
        problems
    }
}

//! The manifests of the crates, as far as rules are about them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Value;

use super::Names;
use crate::Error;

/// A crate's manifest.
#[derive(Debug)]
pub struct Manifest {
    pub name: String,
    pub folder: PathBuf,
    /// What the crate works with: tests aside, and what only works while it is built.
    pub dependencies: Names,
    pub inherits_lints: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    lints: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

/// All crates below a folder.
pub fn read_all(crates: &Path) -> Result<Vec<Manifest>, Error> {
    let mut manifests = Vec::new();
    for entry in fs::read_dir(crates)? {
        let folder = entry?.path();
        let path = folder.join("Cargo.toml");
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            let file: File = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            manifests.push(Manifest::new(file, folder));
        }
    }
    Ok(manifests)
}

impl Manifest {
    fn new(file: File, folder: PathBuf) -> Self {
        Self {
            name: file.package.name,
            folder,
            dependencies: file.dependencies.into_keys().collect(),
            inherits_lints: file.lints.get("workspace") == Some(&Value::Boolean(true)),
        }
    }
}

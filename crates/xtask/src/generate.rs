//! Writes the type table of the `schema` crate, the default roles and the tables of flags from Kubernetes' published data, or
//! compares them with what is there.

mod flags;
mod names;
mod openapi;
mod published;
mod resources;
mod roles;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Error;

/// Where the generated files stand, from the workspace's folder.
const OUTPUT: &str = "crates/schema/src/generated";
const ROLES: &str = "crates/cluster/src/bootstrap/default_roles.json";
const FLAGS: &str = "crates/pintle/src/flags/generated.rs";

/// Generated files: name and text.
type Files = BTreeMap<String, String>;

/// Writes the generated files. Files that are no longer generated are removed.
pub fn write(reference: &Path, workspace: &Path) -> Result<(), Error> {
    let folder = workspace.join(OUTPUT);
    let files = generate(reference)?;
    for name in present(&folder)?.into_keys() {
        if !files.contains_key(&name) {
            fs::remove_file(folder.join(name))?;
        }
    }
    for (name, text) in &files {
        fs::write(folder.join(name), text)?;
    }
    for (path, text) in single_files(reference)? {
        fs::write(workspace.join(path), text)?;
    }
    Ok(())
}

/// Fails, naming the files, if what would be written is not what is there.
pub fn check(reference: &Path, workspace: &Path) -> Result<(), Error> {
    let expected = generate(reference)?;
    let present = present(&workspace.join(OUTPUT))?;
    let mut stale: Vec<&str> = expected
        .iter()
        .filter(|(name, text)| present.get(*name) != Some(text))
        .map(|(name, _)| name.as_str())
        .collect();
    stale.extend(
        present
            .keys()
            .map(String::as_str)
            .filter(|name| !expected.contains_key(*name)),
    );
    for (path, text) in single_files(reference)? {
        if read(&workspace.join(path))? != text {
            stale.push(path);
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("not as generated: {}; run `cargo xtask gen`", stale.join(", ")).into())
    }
}

fn generate(reference: &Path) -> Result<Files, Error> {
    let packages: published::Packages = serde_json::from_str(&read(&reference.join("types.json"))?)?;
    let mut files = types::render(&packages)?;
    let discovery = read(&reference.join("discovery-1.36.2.json"))?;
    let layout = read(&reference.join("etcd-layout-1.36.2.tsv"))?;
    let openapi = openapi::Facts::read(&reference.join("openapi-v2.json.gz"))?;
    files.insert(
        "resources.rs".to_owned(),
        resources::render(&discovery, &layout, &openapi)?,
    );
    Ok(files)
}

/// Generated files that stand alone: path and text.
fn single_files(reference: &Path) -> Result<[(&'static str, String); 2], Error> {
    Ok([
        (ROLES, roles::render(&read(&reference.join("rbac-1.36.2.json"))?)?),
        (
            FLAGS,
            flags::render(&read(&reference.join("flags-1.36.2.json"))?)?,
        ),
    ])
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn present(folder: &Path) -> Result<Files, Error> {
    let mut files = Files::new();
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name.to_owned(), read(&path)?);
        }
    }
    Ok(files)
}

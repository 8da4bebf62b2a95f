//! `pintle backup ls`: the backups of a folder or a bucket.

use std::path::{Path, PathBuf};

use backup::s3::Bucket;
use backup::{Header, read_header};

use super::remote::SCHEME;
use super::{bytes, size};
use crate::commands::CommandError;
use crate::commands::cluster::wait_for;
use crate::commands::table;
use crate::settings::S3Options;

/// The folder of scheduled backups, below the data directory.
const FOLDER: &str = "backups";

/// So much of a cluster's name tells it from others.
const SHORT: usize = 12;

/// Lists them.
pub fn list(data_dir: &Path, place: Option<&str>, options: &S3Options) -> Result<(), CommandError> {
    match place {
        Some(place) if place.starts_with(SCHEME) => list_bucket(place, options),
        Some(folder) => list_folder(Path::new(folder)),
        None => list_folder(&data_dir.join(FOLDER)),
    }
}

const TITLES: [&str; 6] = ["BACKUP", "CREATED", "REVISION", "SIZE", "CLUSTER", "ENCRYPTED"];

fn list_folder(folder: &Path) -> Result<(), CommandError> {
    let entries = std::fs::read_dir(folder).map_err(|source| CommandError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    // What is no backup is none of this command's business.
    let found = paths
        .iter()
        .filter_map(|path| Some((path, read_header(path).ok()?)));
    let rows: Vec<_> = found.map(|(path, header)| row(path, &header)).collect();
    match rows.as_slice() {
        [] => println!("no backups in {}", folder.display()),
        rows => print!("{}", table::render(TITLES, rows)),
    }
    Ok(())
}

fn row(path: &Path, header: &Header) -> [String; 6] {
    let about = &header.about;
    [
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        about.created_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        about.revision.to_string(),
        size(path).map(bytes::size).unwrap_or_default(),
        about.cluster.chars().take(SHORT).collect(),
        if header.encryption.is_some() { "yes" } else { "no" }.to_owned(),
    ]
}

fn list_bucket(place: &str, options: &S3Options) -> Result<(), CommandError> {
    let folder = format!("{}/", place.trim_end_matches('/'));
    let (bucket, _) = options.address(&folder)?;
    let bucket = Bucket::new(bucket)?;
    let objects = wait_for(async { Ok(bucket.list().await?) })?;
    let rows: Vec<_> = objects
        .into_iter()
        .map(|object| [object.name, object.modified, bytes::size(object.size)])
        .collect();
    match rows.as_slice() {
        [] => println!("no backups in {place}"),
        rows => print!("{}", table::render(["BACKUP", "MODIFIED", "SIZE"], rows)),
    }
    Ok(())
}

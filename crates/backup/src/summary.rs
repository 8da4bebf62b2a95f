//! What is in a backup, for people.

use std::collections::BTreeMap;
use std::io::Read;

use crate::error::BackupError;
use crate::header::Header;
use crate::reader::Reader;
use crate::record::{FileRole, Record, Totals};

/// What is in a backup.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// What it adds up to.
    pub totals: Totals,
    /// How many objects of each resource, by the place of their keys: `pods`, `apps.example.org/things`.
    pub resources: BTreeMap<String, u64>,
    /// The files by what they are.
    pub files: BTreeMap<FileRole, Vec<String>>,
    /// PEM certificates among them, by path.
    pub certificates: Vec<(String, String)>,
    /// How many keys expire.
    pub expiring: u64,
}

/// Reads a backup to its end; `progress` is told how many bytes of the file were read.
pub fn summarize<R: Read>(
    mut reader: Reader<R>,
    mut progress: impl FnMut(u64),
) -> Result<Summary, BackupError> {
    let mut summary = Summary {
        header: reader.header().clone(),
        totals: Totals::default(),
        resources: BTreeMap::new(),
        files: BTreeMap::new(),
        certificates: Vec::new(),
        expiring: 0,
    };
    while let Some(record) = reader.next()? {
        match record {
            Record::File(file) => {
                if file.path.ends_with(".crt") {
                    let pem = String::from_utf8_lossy(&file.content).into_owned();
                    summary.certificates.push((file.path.clone(), pem));
                }
                summary.files.entry(file.role).or_default().push(file.path);
            }
            Record::Entry(entry) => {
                summary.expiring += u64::from(entry.time_to_live.is_some());
                let resource = resource_of(&entry.key_value.key);
                *summary.resources.entry(resource).or_default() += 1;
            }
        }
        progress(reader.offset());
    }
    summary.totals = reader.totals();
    Ok(summary)
}

/// The resource of a key, as upstream lays them out: `/registry/pods/...`, `/registry/apps.example.org/things/...`.
fn resource_of(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    let Some(path) = text.strip_prefix("/registry/") else {
        return String::from("(other keys)");
    };
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    // The folders of groups have a dot, those of resources have none.
    match parts.next() {
        Some(second) if first.contains('.') => format!("{first}/{second}"),
        Some(second) if matches!(first, "services" | "ranges") => format!("{first}/{second}"),
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::resource_of;

    #[test]
    fn keys_tell_their_resource() {
        for (key, resource) in [
            ("/registry/pods/default/a", "pods"),
            ("/registry/namespaces/a", "namespaces"),
            ("/registry/services/specs/default/kubernetes", "services/specs"),
            (
                "/registry/apiregistration.k8s.io/apiservices/v1.",
                "apiregistration.k8s.io/apiservices",
            ),
            ("compact_rev_key", "(other keys)"),
        ] {
            assert_eq!(resource_of(key.as_bytes()), resource);
        }
    }
}

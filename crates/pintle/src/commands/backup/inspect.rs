//! What is in a backup, in words.

use std::fmt::Write;

use backup::{Summary, Totals};
use pki::Certificate;

use super::bytes;
use crate::commands::table;

/// Counts in a line.
pub fn counts(totals: &Totals) -> String {
    let Totals {
        files,
        entries,
        bytes,
    } = totals;
    format!(
        "{entries} keys and {files} files, {} unpacked",
        bytes::size(*bytes)
    )
}

/// Everything that is known of a backup without showing its secrets.
pub fn describe(summary: &Summary) -> String {
    let about = &summary.header.about;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<12}{value}", format!("{name}:"));
    };
    line("cluster", &about.cluster);
    line(
        "created",
        &about.created_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    line("pintle", &about.pintle_version);
    line("revision", &about.revision.to_string());
    line(
        "encrypted",
        if summary.header.encryption.is_some() {
            "yes"
        } else {
            "no"
        },
    );
    line("holds", &counts(&summary.totals));
    if summary.expiring > 0 {
        line("expiring", &format!("{} of the keys", summary.expiring));
    }
    for (role, paths) in &summary.files {
        let _ = writeln!(text, "\n{}:", role.name());
        paths.iter().for_each(|path| {
            let _ = writeln!(text, "  {path}");
        });
    }
    let certificates = summary
        .certificates
        .iter()
        .filter_map(|(path, pem)| row(path, pem));
    let certificates: Vec<_> = certificates.collect();
    if !certificates.is_empty() {
        let _ = write!(
            text,
            "\n{}",
            table::render(["CERTIFICATE", "SUBJECT", "EXPIRES"], &certificates)
        );
    }
    let resources = summary.resources.iter();
    let resources: Vec<_> = resources
        .map(|(name, count)| [name.clone(), count.to_string()])
        .collect();
    let _ = write!(text, "\n{}", table::render(["RESOURCE", "COUNT"], &resources));
    text
}

fn row(path: &str, pem: &str) -> Option<[String; 3]> {
    let certificate = Certificate::from_pem(pem).ok()?;
    let expires = certificate.validity.not_after.strftime("%Y-%m-%dT%H:%M:%SZ");
    Some([path.to_owned(), certificate.common_name, expires.to_string()])
}

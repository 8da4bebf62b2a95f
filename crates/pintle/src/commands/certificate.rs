//! `pintle certificate`: looks at certificates, or has them made anew.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cluster::DataDir;
use jiff::Timestamp;
use pki::{Certificate, Credential, Kubeconfig, due_at};

use super::CommandError;
use super::cluster::ClusterOptions;
use super::table;

/// Look at certificates, or have them made anew.
#[derive(Debug, Args)]
pub struct CertificateCommand {
    #[command(flatten)]
    cluster: ClusterOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how long each certificate holds. Fails if one has expired.
    Check,
    /// Have all certificates but the authorities' made anew at the next start. The server must not be running.
    Rotate,
}

impl CertificateCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        match self.action {
            Action::Check => check(&self.cluster.data_dir),
            Action::Rotate => rotate(&self.cluster.data_dir),
        }
    }
}

/// Authorities: what they have signed is worth nothing without them, so they stay.
const AUTHORITIES: [&str; 2] = ["ca", "front-proxy-ca"];

/// A file with a certificate.
struct Found {
    path: PathBuf,
    /// What it is called.
    name: String,
    certificate: Certificate,
}

fn check(data_dir: &Path) -> Result<(), CommandError> {
    let now = Timestamp::now();
    let found = find(data_dir)?;
    let rows: Vec<_> = found.iter().map(|found| row(found, now)).collect();
    print!("{}", table::render(TITLES, &rows));
    match found
        .iter()
        .filter(|found| is_expired(&found.certificate, now))
        .count()
    {
        0 => Ok(()),
        expired => Err(CommandError::Expired(expired)),
    }
}

const TITLES: [&str; 5] = ["CERTIFICATE", "SUBJECT", "EXPIRES", "LEFT", "STATE"];

fn row(found: &Found, now: Timestamp) -> [String; 5] {
    let certificate = &found.certificate;
    let end = certificate.validity.not_after;
    let state = if is_expired(certificate, now) {
        "expired"
    } else if AUTHORITIES.contains(&found.name.as_str()) {
        "authority"
    } else if due_at(certificate.validity) <= now {
        "due: made anew at the next start"
    } else {
        "ok"
    };
    [
        found.name.clone(),
        certificate.common_name.clone(),
        end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        table::span(end.as_second() - now.as_second()),
        state.to_owned(),
    ]
}

fn is_expired(certificate: &Certificate, now: Timestamp) -> bool {
    certificate.validity.not_after < now
}

/// The certificates of `pki/*.crt` and of the kubeconfigs, by name.
fn find(data_dir: &Path) -> Result<Vec<Found>, CommandError> {
    let mut found = Vec::new();
    for path in files(&data_dir.join("pki"), "crt")? {
        if let Ok(certificate) = Certificate::from_pem(&read(&path)?) {
            found.push(Found {
                name: stem(&path),
                certificate,
                path,
            });
        }
    }
    for path in files(data_dir, "conf")? {
        let config = Kubeconfig::from_yaml(&read(&path)?);
        if let Ok(Credential::Certificate { certificate, .. }) = config.map(|config| config.credential)
            && let Ok(certificate) = Certificate::from_pem(&certificate)
        {
            found.push(Found {
                name: format!("{}.conf", stem(&path)),
                certificate,
                path,
            });
        }
    }
    Ok(found)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, CommandError> {
    let no_cluster = |source| CommandError::NoCluster {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(no_cluster)?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::NoCluster {
        path: path.to_owned(),
        source,
    })
}

fn rotate(data_dir: &Path) -> Result<(), CommandError> {
    let found = find(data_dir)?;
    // Whoever runs has the old ones in memory, and would go on with them.
    let _held = DataDir::open(data_dir)?;
    for found in found {
        if AUTHORITIES.contains(&found.name.as_str()) {
            continue;
        }
        std::fs::remove_file(&found.path).map_err(|source| CommandError::Write {
            path: found.path.clone(),
            source,
        })?;
        println!("{} is made anew at the next start", found.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use pki::{Layout, ServerPki, Wanted};

    use super::*;

    #[test]
    fn all_but_the_authorities_are_made_anew() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let ensure = || ServerPki::ensure(&layout, &Wanted::default(), Timestamp::now()).expect("made");
        let before = ensure();
        before.service_account_key.get().expect("made");
        assert_eq!(find(folder.path()).expect("found").len(), 2 + 3 + 4);
        rotate(folder.path()).expect("removed");
        let names: Vec<String> = find(folder.path())
            .expect("found")
            .into_iter()
            .map(|found| found.name)
            .collect();
        assert_eq!(names, AUTHORITIES);
        let after = ensure();
        assert_ne!(
            before.serving.certificate.fingerprint(),
            after.serving.certificate.fingerprint()
        );
        let authority = |pki: &ServerPki| pki.authority.certificate().fingerprint();
        assert_eq!(authority(&before), authority(&after));
    }

    #[test]
    fn certificates_are_ok_due_or_expired() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let start = Timestamp::now();
        ServerPki::ensure(&layout, &Wanted::default(), start).expect("made");
        let found = find(folder.path()).expect("found");
        let state = |name: &str, days: i64| {
            let found = found.iter().find(|found| found.name == name).expect("there");
            row(found, start + (24 * days).hours())[4].clone()
        };
        assert_eq!(state("apiserver", 0), "ok");
        assert_eq!(state("apiserver", 300), "due: made anew at the next start");
        assert_eq!(state("admin.conf", 366), "expired");
        assert_eq!(state("ca", 366), "authority");
    }

    #[test]
    fn a_running_server_keeps_its_certificates() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir(folder.path().join("pki")).expect("made");
        let _held = DataDir::open(folder.path()).expect("held");
        assert!(matches!(rotate(folder.path()), Err(CommandError::DataDir(_))));
    }
}

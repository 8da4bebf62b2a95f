//! `pintle kubeconfig`: the administrator's, or one for another user.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use pki::{Authority, Certificate, Credential, Key, Kubeconfig, Layout, Profile, Validity};

use super::CommandError;
use super::cluster::ClusterOptions;
use crate::flags::duration;

/// Print the administrator's kubeconfig, or make one for another user.
#[derive(Debug, Args)]
pub struct KubeconfigCommand {
    /// Where everything is kept.
    #[arg(
        long,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    data_dir: PathBuf,
    /// Write it there instead of printing it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The address of the API; default: as this machine reaches it.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Issue a certificate for this user instead of the administrator's.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A group of that user; may be given again.
    #[arg(long, value_name = "NAME", requires = "user", value_delimiter = ',')]
    group: Vec<String>,
    /// How long that certificate holds.
    #[arg(long, value_name = "DURATION", requires = "user", default_value = "8760h", value_parser = lifetime)]
    valid_for: Duration,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let found = duration(text).filter(|length| !length.is_zero());
    found.ok_or_else(|| format!("time: invalid duration {text:?}"))
}

impl KubeconfigCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        let layout = ClusterOptions {
            data_dir: self.data_dir.clone(),
            kubeconfig: None,
        }
        .layout();
        let mut config = administrator(&layout)?;
        if let Some(server) = &self.server {
            config.server.clone_from(server);
        }
        if let Some(user) = &self.user {
            let groups: Vec<&str> = self.group.iter().map(String::as_str).collect();
            config.credential = issue(&layout, &Profile::client(user, &groups), self.valid_for)?;
            config.user.clone_from(user);
        }
        let text = config
            .to_yaml()
            .map_err(CommandError::pki("cannot write the kubeconfig"))?;
        match &self.output {
            Some(path) => {
                pki::file::write(path, &text, false).map_err(CommandError::pki("cannot write the kubeconfig"))
            }
            None => {
                print!("{text}");
                Ok(())
            }
        }
    }
}

fn administrator(layout: &Layout) -> Result<Kubeconfig, CommandError> {
    let text = read(&layout.kubeconfig("admin"))?;
    Kubeconfig::from_yaml(&text).map_err(CommandError::pki("cannot read the administrator's kubeconfig"))
}

fn issue(layout: &Layout, profile: &Profile, lifetime: Duration) -> Result<Credential, CommandError> {
    let failed = || CommandError::pki("cannot issue a certificate");
    let authority = Certificate::from_pem(&read(&layout.certificate("ca"))?).map_err(failed())?;
    let key = Key::from_pem(&read(&layout.key("ca"))?).map_err(failed())?;
    let authority = Authority::new(authority, key).map_err(failed())?;
    let key = Key::generate_ecdsa().map_err(failed())?;
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    let validity = Validity::starting(Timestamp::now(), lifetime);
    let certificate = authority
        .sign(key.public_der(), profile, validity)
        .map_err(failed())?;
    Ok(Credential::Certificate {
        certificate: certificate.to_pem(),
        key: key.to_pem().map_err(failed())?,
    })
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::NoCluster {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use pki::{ServerPki, Wanted};

    use super::*;

    #[test]
    fn a_users_certificate_says_who_they_are() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        ServerPki::ensure(&layout, &Wanted::default(), Timestamp::now()).expect("made");
        let out = folder.path().join("alice.conf");
        let command = KubeconfigCommand {
            data_dir: folder.path().to_owned(),
            output: Some(out.clone()),
            server: Some(String::from("https://192.0.2.1:6443")),
            user: Some(String::from("alice")),
            group: vec![String::from("dev")],
            valid_for: Duration::from_secs(3600),
        };
        command.run().expect("written");
        let config = Kubeconfig::from_yaml(&std::fs::read_to_string(out).expect("there")).expect("read");
        assert_eq!(
            (config.user.as_str(), config.server.as_str()),
            ("alice", "https://192.0.2.1:6443")
        );
        let Credential::Certificate { certificate, .. } = config.credential else {
            panic!("a certificate")
        };
        let certificate = Certificate::from_pem(&certificate).expect("read");
        assert_eq!(
            (certificate.common_name.as_str(), certificate.organizations),
            ("alice", vec![String::from("dev")])
        );
        let left = certificate.validity.not_after.as_second() - Timestamp::now().as_second();
        assert!((3500..=3600).contains(&left), "{left}");
    }

    #[test]
    fn without_a_cluster_there_is_none() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(matches!(
            administrator(&Layout::in_folder(folder.path())),
            Err(CommandError::NoCluster { .. })
        ));
    }
}

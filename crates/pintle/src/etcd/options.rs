//! Options of `pintle etcd`, named after etcd's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use etcd_api::server::TlsFiles;

use super::error::EtcdError;
use super::listen_url::ListenUrl;
use super::retention::{Retention, duration};

/// Options of `pintle etcd`.
#[derive(Debug, Clone, Args)]
pub struct EtcdOptions {
    /// The folder of the store; made if it is not there. A pintle server keeps its own in `store` below its data directory.
    #[arg(
        long,
        default_value = "default.etcd",
        value_name = "DIR",
        env = "PINTLE_ETCD_DATA_DIR"
    )]
    pub data_dir: PathBuf,
    /// The member's name.
    #[arg(
        long,
        default_value = "default",
        value_name = "NAME",
        env = "PINTLE_ETCD_NAME"
    )]
    pub name: String,
    /// Where clients are listened for: http://ADDRESS:PORT or https://ADDRESS:PORT, several separated by commas.
    #[arg(
        long,
        default_value = "http://127.0.0.1:2379",
        value_name = "URLS",
        value_delimiter = ','
    )]
    pub listen_client_urls: Vec<ListenUrl>,
    /// The URLs that clients are told of; default: where they are listened for.
    #[arg(long, value_name = "URLS", value_delimiter = ',')]
    pub advertise_client_urls: Vec<String>,
    /// The server's certificate, for https.
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Clients must show a certificate of these authorities.
    #[arg(long, value_name = "FILE")]
    pub trusted_ca_file: Option<PathBuf>,
    /// Clients must show a certificate.
    #[arg(long)]
    pub client_cert_auth: bool,
    /// What --auto-compaction-retention counts.
    #[arg(long, default_value = "periodic", value_name = "MODE")]
    pub auto_compaction_mode: CompactionMode,
    /// How much history is kept: hours or a time such as 5m, or a number of revisions; 0 keeps it until a client has it compacted,
    /// or there are half a million changes.
    #[arg(long, default_value = "0", value_name = "LENGTH")]
    pub auto_compaction_retention: String,
    /// How often watches that asked for it are told how far they are.
    #[arg(
        long,
        alias = "experimental-watch-progress-notify-interval",
        default_value = "10m",
        value_name = "TIME",
        value_parser = positive
    )]
    pub watch_progress_notify_interval: Duration,
}

/// What is counted of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompactionMode {
    /// Its time.
    Periodic,
    /// Its revisions.
    Revision,
}

fn positive(text: &str) -> Result<Duration, String> {
    duration(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| String::from("a time is written as 500ms, 5s, 10m or 1h30m, and is not zero"))
}

impl EtcdOptions {
    /// The files for TLS, if any is named.
    pub(super) fn tls(&self) -> Result<Option<TlsFiles>, EtcdError> {
        if self.client_cert_auth && self.trusted_ca_file.is_none() {
            return Err(EtcdError::NoAuthority);
        }
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                client_authority: self.trusted_ca_file.clone(),
            })),
            _ => Err(EtcdError::HalfPair),
        }
    }

    /// How much history is kept.
    pub(super) fn retention(&self) -> Result<Retention, EtcdError> {
        let text = &self.auto_compaction_retention;
        match self.auto_compaction_mode {
            CompactionMode::Periodic => Retention::periodic(text),
            CompactionMode::Revision => Retention::revisions(text),
        }
        .ok_or_else(|| {
            let mode = match self.auto_compaction_mode {
                CompactionMode::Periodic => "periodic",
                CompactionMode::Revision => "revision",
            };
            EtcdError::Retention(text.clone(), mode)
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Alone {
        #[command(flatten)]
        options: EtcdOptions,
    }

    fn options(line: &str) -> EtcdOptions {
        let words = line.split_whitespace();
        Alone::try_parse_from(words).expect("understood").options
    }

    #[test]
    fn files_of_tls_go_together() {
        assert_eq!(options("").tls().expect("none"), None);
        let tls = options("--cert-file=c --key-file=k --trusted-ca-file=a --client-cert-auth");
        let tls = tls.tls().expect("all there").expect("there is TLS");
        assert_eq!(tls.client_authority, Some("a".into()));
        let half = options("--cert-file=c").tls();
        assert!(matches!(half, Err(EtcdError::HalfPair)));
        let nobody = options("--cert-file=c --key-file=k --client-cert-auth").tls();
        assert!(matches!(nobody, Err(EtcdError::NoAuthority)));
    }

    #[test]
    fn wrong_lengths_of_history_are_named() {
        let wrong = options("--auto-compaction-retention=x").retention();
        let text = wrong.expect_err("refused").to_string();
        assert!(text.contains("\"x\"") && text.contains("periodic"), "{text}");
        let wrong = options("--auto-compaction-retention=5m --auto-compaction-mode=revision").retention();
        assert!(wrong.is_err());
    }
}

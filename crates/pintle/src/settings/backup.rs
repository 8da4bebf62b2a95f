//! Where backups go, and when they are made.

use std::path::{Path, PathBuf};

use backup::BackupError;
use backup::s3::BucketOptions;
use clap::Args;
use meta::Schedule;

/// Scheduled backups of a server.
#[derive(Clone, Debug, Args)]
pub struct BackupOptions {
    /// When backups are made, in the form of cron and in UTC: "0 */12 * * *"; default: never.
    #[arg(long = "backup-schedule", value_name = "CRON", value_parser = Schedule::parse)]
    pub schedule: Option<Schedule>,
    /// So many scheduled backups are kept; older ones are removed.
    #[arg(long = "backup-retention", value_name = "COUNT", default_value_t = 5, value_parser = at_least_one)]
    pub retention: usize,
    /// Where scheduled backups are put; default: `backups` in the data directory.
    #[arg(long = "backup-dir", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Scheduled backups are encrypted with the passphrase in this file.
    #[arg(long = "backup-passphrase-file", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// A bucket that scheduled backups are put into as well.
    #[command(flatten)]
    pub s3: S3Options,
}

impl BackupOptions {
    /// All files that are named.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.passphrase_file, &self.s3.credentials_file, &self.s3.ca_file]
            .into_iter()
            .flatten()
    }

    /// Refuses what a server in a container would not see.
    pub fn check_container(&self, data_dir: &Path) -> Result<(), BackupError> {
        if let Some(dir) = self.dir.as_deref().filter(|dir| !dir.starts_with(data_dir)) {
            let problem = "with --self-hosted, --backup-dir must lie in the data directory";
            return Err(wrong(&dir.display().to_string(), problem));
        }
        match &self.s3.endpoint {
            Some(endpoint) if self.s3.credentials_file.is_none() => {
                let problem = "with --self-hosted, the key comes from --backup-s3-credentials-file";
                Err(wrong(endpoint, problem))
            }
            _ => Ok(()),
        }
    }
}

/// A bucket of an S3-compatible server.
#[derive(Clone, Debug, Default, Args)]
pub struct S3Options {
    /// An S3-compatible server that backups are put on as well: "https://s3.example.org".
    #[arg(long = "backup-s3-endpoint", value_name = "URL")]
    pub endpoint: Option<String>,
    /// The bucket on that server.
    #[arg(long = "backup-s3-bucket", value_name = "NAME")]
    pub bucket: Option<String>,
    /// What the names in the bucket begin with.
    #[arg(long = "backup-s3-prefix", value_name = "PREFIX", default_value = "")]
    pub prefix: String,
    /// The region of the bucket.
    #[arg(long = "backup-s3-region", value_name = "NAME", default_value = "us-east-1")]
    pub region: String,
    /// The key to the bucket, in the form of AWS's credentials file; default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[arg(long = "backup-s3-credentials-file", value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
    /// Authorities by which that server is verified; default: the system's.
    #[arg(long = "backup-s3-ca-file", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| String::from("it must be a number, and at least 1"))
}

/// In the environment, unless there is a file.
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";

impl S3Options {
    /// The bucket, if one is named.
    pub fn bucket(&self) -> Result<Option<BucketOptions>, BackupError> {
        let (endpoint, bucket) = match (&self.endpoint, &self.bucket) {
            (None, None) => return Ok(None),
            (Some(endpoint), Some(bucket)) => (endpoint, bucket),
            (None, Some(bucket)) => {
                return Err(wrong(bucket, "a bucket needs its server: --backup-s3-endpoint"));
            }
            (Some(endpoint), None) => {
                return Err(wrong(endpoint, "the bucket is missing: --backup-s3-bucket"));
            }
        };
        self.at(endpoint, bucket, &self.prefix).map(Some)
    }

    /// The bucket and the name of an address: `s3://bucket/some/name`.
    pub fn address(&self, address: &str) -> Result<(BucketOptions, String), BackupError> {
        let rest = address.strip_prefix("s3://").unwrap_or(address);
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (prefix, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(endpoint) = &self.endpoint else {
            return Err(wrong(address, "a bucket needs its server: --backup-s3-endpoint"));
        };
        Ok((self.at(endpoint, bucket, prefix)?, name.to_owned()))
    }

    fn at(&self, endpoint: &str, bucket: &str, prefix: &str) -> Result<BucketOptions, BackupError> {
        let (access_key, secret_key) = match &self.credentials_file {
            Some(path) => from_file(path)?,
            None => match (std::env::var(ACCESS_KEY), std::env::var(SECRET_KEY)) {
                (Ok(access_key), Ok(secret_key)) => (access_key, secret_key),
                _ => {
                    let problem = format!(
                        "no key: set {ACCESS_KEY} and {SECRET_KEY}, or give --backup-s3-credentials-file"
                    );
                    return Err(wrong(bucket, &problem));
                }
            },
        };
        Ok(BucketOptions {
            endpoint: endpoint.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region: self.region.clone(),
            access_key,
            secret_key,
            authorities: self.ca_file.clone(),
        })
    }
}

fn from_file(path: &Path) -> Result<(String, String), BackupError> {
    let text = std::fs::read_to_string(path).map_err(|source| BackupError::Read {
        name: path.display().to_string(),
        source,
    })?;
    let value = |name: &str| {
        let mut settings = text.lines().filter_map(|line| line.split_once('='));
        let found = settings.find(|(found, _)| found.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    match (value(ACCESS_KEY), value(SECRET_KEY)) {
        (Some(access_key), Some(secret_key)) => Ok((access_key, secret_key)),
        _ => Err(wrong(
            &path.display().to_string(),
            "it has no aws_access_key_id and aws_secret_access_key",
        )),
    }
}

fn wrong(url: &str, problem: &str) -> BackupError {
    BackupError::Bucket {
        url: url.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> (tempfile::TempDir, S3Options) {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("credentials");
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=s=1\n";
        std::fs::write(&file, text).expect("written");
        let options = S3Options {
            endpoint: Some(String::from("http://127.0.0.1:1")),
            credentials_file: Some(file),
            ..S3Options::default()
        };
        (folder, options)
    }

    #[test]
    fn a_bucket_is_named_with_its_server() {
        let (_folder, mut options) = options();
        assert!(
            options
                .bucket()
                .expect_err("half")
                .to_string()
                .contains("--backup-s3-bucket")
        );
        options.bucket = Some(String::from("b"));
        let bucket = options.bucket().expect("good").expect("there");
        assert_eq!(
            (bucket.access_key.as_str(), bucket.secret_key.as_str()),
            ("A", "s=1")
        );
        options.endpoint = None;
        assert!(
            options
                .bucket()
                .expect_err("half")
                .to_string()
                .contains("--backup-s3-endpoint")
        );
        assert!(S3Options::default().bucket().expect("none").is_none());
    }

    #[test]
    fn addresses_have_a_bucket_a_folder_and_a_name() {
        let (_folder, options) = options();
        for (address, parts) in [
            ("s3://b", ("b", "", "")),
            ("s3://b/name", ("b", "", "name")),
            ("s3://b/deep/er/name", ("b", "deep/er", "name")),
            ("s3://b/deep/", ("b", "deep", "")),
        ] {
            let (bucket, name) = options.address(address).expect("good");
            assert_eq!(
                (bucket.bucket.as_str(), bucket.prefix.as_str(), name.as_str()),
                parts
            );
        }
    }

    #[test]
    fn containers_see_the_data_directory_and_named_files() {
        let (_folder, s3) = options();
        let mut options = BackupOptions {
            schedule: None,
            retention: 1,
            dir: Some(PathBuf::from("/d/x")),
            passphrase_file: None,
            s3,
        };
        assert!(options.check_container(Path::new("/d")).is_ok());
        assert_eq!(options.files().count(), 1);
        assert!(options.check_container(Path::new("/e")).is_err());
        options.s3.credentials_file = None;
        assert!(options.check_container(Path::new("/d")).is_err());
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let (folder, mut options) = options();
        let file = folder.path().join("empty");
        std::fs::write(&file, "[default]\n").expect("written");
        options.credentials_file = Some(file);
        assert!(
            options
                .address("s3://b")
                .expect_err("refused")
                .to_string()
                .contains("/empty")
        );
    }
}

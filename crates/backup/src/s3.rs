//! A bucket of an S3-compatible server: as much of its protocol as backups need, signed with version 4 of AWS's signatures.

mod http;
mod listing;
mod sign;

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use crate::error::BackupError;
use http::Connection;
use sign::{Credentials, hex};

pub use listing::Object;

/// Where a bucket is and how it is entered.
#[derive(Clone)]
pub struct BucketOptions {
    /// The server: `https://s3.example.org`, `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of objects begin with, as a folder does; may be empty.
    pub prefix: String,
    /// The region; most servers other than AWS's take any.
    pub region: String,
    /// The public part of the key.
    pub access_key: String,
    /// The secret part.
    pub secret_key: String,
    /// PEM of the authorities the server is verified by; none for the system's.
    pub authorities: Option<PathBuf>,
}

impl fmt::Debug for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketOptions")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    connection: Connection,
    credentials: Credentials,
    bucket: String,
    /// Empty, or with a slash at the end.
    prefix: String,
}

/// More objects than this are not listed: there is something else in the bucket.
const MAX_PAGES: usize = 1000;

impl Bucket {
    /// A bucket. Nothing is asked of it yet.
    pub fn new(options: BucketOptions) -> Result<Self, BackupError> {
        let prefix = options.prefix.trim_matches('/');
        Ok(Self {
            connection: Connection::new(&options.endpoint, options.authorities.as_deref())?,
            credentials: Credentials {
                access_key: options.access_key,
                secret_key: options.secret_key,
                region: options.region,
            },
            bucket: options.bucket,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        })
    }

    /// For messages: `s3://bucket/prefix/name`.
    pub fn url(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.bucket, self.prefix)
    }

    /// Puts a file there.
    pub async fn put(&self, name: &str, file: &Path) -> Result<(), BackupError> {
        let path = file.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash(&path));
        let (length, hash) = hashed.await.map_err(|_| BackupError::BrokenOff)??;
        let request = self.request("PUT", name, &[], &hash);
        let answer = self.connection.put(request, file, length).await;
        self.succeed(name, answer).await.map(drop)
    }

    /// What is there, in the order of names; the names are those behind the prefix.
    pub async fn list(&self) -> Result<Vec<Object>, BackupError> {
        let mut objects = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("list-type", "2"), ("prefix", &self.prefix)];
            if let Some(token) = &token {
                query.push(("continuation-token", token));
            }
            let request = self.request("GET", "", &query, sign::EMPTY);
            let answer = self.connection.send(request).await;
            let body = self.succeed("", answer).await?;
            let page = listing::parse(&body, &self.prefix).ok_or_else(|| BackupError::Bucket {
                url: self.url(""),
                problem: String::from("the answer is no list of objects"),
            })?;
            objects.extend(page.objects);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        objects.sort_by(|one: &Object, other| one.name.cmp(&other.name));
        Ok(objects)
    }

    /// Removes an object; it need not be there.
    pub async fn delete(&self, name: &str) -> Result<(), BackupError> {
        let request = self.request("DELETE", name, &[], sign::EMPTY);
        let answer = self.connection.send(request).await;
        self.succeed(name, answer).await.map(drop)
    }

    /// Brings an object into a file.
    pub async fn get(&self, name: &str, file: &Path) -> Result<(), BackupError> {
        let request = self.request("GET", name, &[], sign::EMPTY);
        let answer = self.connection.get(request, file).await;
        self.succeed(name, answer).await.map(drop)
    }

    fn request(&self, method: &str, name: &str, query: &[(&str, &str)], hash: &str) -> sign::Signed {
        let key = if name.is_empty() {
            String::new()
        } else {
            format!("{}{name}", self.prefix)
        };
        let path = format!("/{}/{key}", self.bucket);
        let host = self.connection.authority();
        sign::sign(
            &self.credentials,
            method,
            host,
            path.trim_end_matches('/'),
            query,
            hash,
            jiff::Timestamp::now(),
        )
    }

    /// The body of an answer, if it is a good one.
    async fn succeed(
        &self,
        name: &str,
        answer: Result<http::Answer, std::io::Error>,
    ) -> Result<Vec<u8>, BackupError> {
        let failed = |problem: String| BackupError::Bucket {
            url: self.url(name),
            problem,
        };
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let said = listing::error_of(&answer.body).unwrap_or_default();
        Err(failed(format!("the server answers {}{said}", answer.status)))
    }
}

/// Length and SHA-256 of a file.
fn hash(path: &Path) -> Result<(u64, String), BackupError> {
    use std::io::Read;
    let failed = BackupError::read(&path.display().to_string(), 0);
    let mut file = std::fs::File::open(path).map_err(&failed)?;
    let mut context = Context::new(&SHA256);
    let (mut buffer, mut length) = (vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer).map_err(&failed)? {
            0 => return Ok((length, hex(context.finish().as_ref()))),
            read => {
                context.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

//! Backups of the running cluster: on demand over the API's own port, and on a schedule.

mod last;
mod schedule;
mod stream;
mod target;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use apiserver::{Body, Call, Extension, Response, answer_status};
use async_trait::async_trait;
use backup::{About, BackupError, FileRole, Passphrase, Record, SavedFile, Writer};
use client::controller::Chain;
use futures::stream::{BoxStream, StreamExt, iter};
use http::{HeaderValue, Method, header};
use http_body_util::StreamBody;
use jiff::Timestamp;
use meta::{Reason, Status};
use store::{Snapshot, StateStore};

use super::options::ServerOptions;

pub(super) use schedule::Plan;

/// Where a backup is asked for. It is no resource: RBAC speaks of it as a `nonResourceURL`.
pub const PATH: &str = "/pintle/v1/backup";

/// The name under which the command line is kept in a backup.
const COMMAND_LINE: &str = "command-line";

/// What a backup is made of.
#[derive(Clone)]
pub(super) struct BackupSource {
    store: Arc<dyn StateStore>,
    data_dir: PathBuf,
    command_line: String,
    config: Option<PathBuf>,
}

/// A backup that was begun: from here on, nothing changes what will be in it.
pub(super) struct Begun {
    about: About,
    files: Vec<SavedFile>,
    snapshot: Snapshot,
}

impl BackupSource {
    /// Of a server with these options and this store.
    pub(super) fn new(options: &ServerOptions, store: Arc<dyn StateStore>) -> Self {
        Self {
            store,
            data_dir: options.data_dir.clone(),
            command_line: without_secrets(&options.given).join("\n"),
            config: options.config.clone(),
        }
    }

    /// Begins a backup of what is there now.
    pub(super) async fn begin(&self) -> Result<Begun, BackupError> {
        let source = self.clone();
        let files = tokio::task::spawn_blocking(move || source.files());
        let (files, cluster) = files.await.map_err(|_| BackupError::BrokenOff)??;
        let snapshot = self.store.snapshot().await?;
        let about = About {
            cluster,
            created_at: Timestamp::now(),
            pintle_version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: snapshot.revision.get(),
        };
        Ok(Begun {
            about,
            files,
            snapshot,
        })
    }

    /// The files, and the cluster they are of.
    fn files(&self) -> Result<(Vec<SavedFile>, String), BackupError> {
        let collected = backup::files::collect(&self.data_dir);
        let mut files = collected.map_err(|source| BackupError::Read {
            name: self.data_dir.display().to_string(),
            source,
        })?;
        files.push(configuration(COMMAND_LINE, self.command_line.clone().into()));
        // It may have been removed since; the command line tells what counted.
        if let Some(content) = self.config.as_ref().and_then(|path| std::fs::read(path).ok()) {
            files.push(configuration("config.yaml", content));
        }
        Ok((
            files,
            backup::files::cluster_of(&self.data_dir).unwrap_or_default(),
        ))
    }
}

fn configuration(name: &str, content: Vec<u8>) -> SavedFile {
    SavedFile {
        role: FileRole::Configuration,
        path: name.to_owned(),
        mode: 0o600,
        content: content.into(),
    }
}

/// The token with which nodes join is in a file of its own.
fn without_secrets(given: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = given.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--token" => {
                words.next();
            }
            word if word.starts_with("--token=") => {}
            word => kept.push(word.to_owned()),
        }
    }
    kept
}

impl Begun {
    /// Everything that goes into the file.
    fn records(self) -> (About, BoxStream<'static, Result<Record, BackupError>>) {
        let files = iter(self.files).map(|file| Ok(Record::File(file)));
        let entries = self.snapshot.entries.map(|entry| Ok(Record::Entry(entry?)));
        (self.about, files.chain(entries).boxed())
    }

    /// What it is of.
    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// Writes the file. Blocks while it is written, so it wants a thread of its own.
    pub(super) fn write<W: Write>(
        self,
        out: W,
        name: &str,
        passphrase: Option<&Passphrase>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<W, BackupError> {
        let (about, mut records) = self.records();
        let mut writer = Writer::new(out, name, about, passphrase)?;
        while let Some(record) = runtime.block_on(records.next()) {
            writer.push(&record?)?;
        }
        writer.finish().map(|(out, _)| out)
    }
}

/// Answers those who ask for a backup.
pub(super) struct BackupOnDemand(pub(super) BackupSource);

#[async_trait]
impl Extension for BackupOnDemand {
    fn paths(&self) -> Vec<String> {
        vec![PATH.to_owned()]
    }

    async fn answer(&self, call: &Call) -> Option<Response> {
        if call.info.path() != PATH {
            return None;
        }
        if call.head.method != Method::GET {
            let message = "the server does not allow this method on the requested resource";
            return Some(answer_status(
                call,
                &Status::failure(405, Reason::METHOD_NOT_ALLOWED, message),
            ));
        }
        tracing::info!(user = call.user.name, "a backup is asked for");
        match self.0.begin().await {
            Ok(begun) => Some(answer(begun)),
            Err(error) => {
                let message = format!("no backup can be made: {}", Chain(&error));
                Some(answer_status(call, &Status::internal(message)))
            }
        }
    }
}

fn answer(begun: Begun) -> Response {
    let (about, records) = begun.records();
    let mut response = Response::new(Body::stream(StreamBody::new(self::stream::frames(
        about, records,
    ))));
    let media_type = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn the_join_token_is_not_kept_twice() {
        let given = [
            "--token",
            "secret",
            "--disable-agent",
            "--token=other",
            "--data-dir",
            "/x",
        ];
        let kept = without_secrets(&given.map(str::to_owned));
        assert_eq!(kept, ["--disable-agent", "--data-dir", "/x"]);
    }
}

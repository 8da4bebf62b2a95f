//! `pintle backup save`: the server sends the whole cluster over its own port, and here it becomes a file.

use std::io::{self, BufReader, Read};
use std::path::Path;

use ::bytes::{Buf, Bytes};
use backup::output::Output;
use backup::{BackupError, Passphrase, Reader, Writer};
use client::{Error, transport};
use http::{Request, Response};
use http_body_util::BodyExt;
use meta::Status;
use tokio::runtime::Handle;

use super::bytes;
use super::inspect::counts;
use super::progress::Progress;
use crate::commands::CommandError;
use crate::commands::cluster::{ClusterOptions, wait_for};
use crate::server::BACKUP_PATH;

/// An error of the server is shorter.
const MAX_STATUS: usize = 64 << 10;

/// Saves the running cluster.
pub fn save(
    cluster: &ClusterOptions,
    file: &Path,
    passphrase: Option<Passphrase>,
) -> Result<(), CommandError> {
    // First, so that nothing is asked of the server in vain.
    let out = Output::create(file)?;
    wait_for(async {
        let (client, config) = cluster.client()?;
        let request = Request::get(BACKUP_PATH).body(transport::empty());
        let request = request.expect("the path is a constant");
        let answer = client.send(request).await;
        let answer = answer.map_err(CommandError::api(
            "the API server does not answer; is it running?",
        ))?;
        let answer = good(answer)
            .await
            .map_err(CommandError::api("no backup can be had"))?;
        let body = BodyReader {
            body: answer.into_body(),
            pending: Bytes::new(),
            runtime: Handle::current(),
        };
        let name = file.display().to_string();
        let server = config.server;
        let copied = tokio::task::spawn_blocking(move || copy(body, &server, out, &name, passphrase));
        let said = copied.await.map_err(|_| BackupError::BrokenOff)??;
        println!("{} saved: {said}", file.display());
        Ok(())
    })
}

async fn good(answer: Response<transport::Body>) -> Result<Response<transport::Body>, Error> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let code = answer.status().as_u16();
    let body = http_body_util::Limited::new(answer.into_body(), MAX_STATUS)
        .collect()
        .await;
    let text = body.map(|body| body.to_bytes()).unwrap_or_default();
    let status: Option<Status> = serde_json::from_slice(&text).ok();
    let status = status.unwrap_or_else(|| {
        let message = String::from_utf8_lossy(&text).trim().to_owned();
        Status::failure(code, meta::Reason::UNKNOWN, message)
    });
    Err(Error::Status(Box::new(status)))
}

/// Checks what comes, and writes it into the file.
fn copy(
    body: BodyReader,
    server: &str,
    out: Output,
    name: &str,
    passphrase: Option<Passphrase>,
) -> Result<String, BackupError> {
    let mut reader = Reader::new(BufReader::with_capacity(256 << 10, body), server, None)?;
    let mut writer = Writer::new(out, name, reader.header().about.clone(), passphrase.as_ref())?;
    let mut progress = Progress::new("saving", None);
    while let Some(record) = reader.next()? {
        writer.push(&record)?;
        progress.at(writer.totals().bytes);
    }
    progress.clear();
    let (out, totals) = writer.finish()?;
    let written = out.written();
    out.commit()?;
    let revision = reader.header().about.revision;
    Ok(format!(
        "revision {revision}, {}, {} on disk",
        counts(&totals),
        bytes::size(written)
    ))
}

/// A body for those who read and wait. It wants a thread of its own.
struct BodyReader {
    body: transport::Body,
    pending: Bytes,
    runtime: Handle,
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.pending.is_empty() {
            match self.runtime.block_on(self.body.frame()) {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(frame)) => self.pending = frame.into_data().unwrap_or_default(),
            }
        }
        let length = out.len().min(self.pending.len());
        self.pending.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}

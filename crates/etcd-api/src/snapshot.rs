//! The whole store as the file that etcd's tools know: `etcdctl snapshot save`, and the hashes of what is held.

mod file;
mod hash;

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use etcd_rpc::message::{ResponseHeader, SnapshotResponse};
use etcd_rpc::server::Answers;
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tonic::Status;

use crate::etcd_api::{EtcdApi, VERSION};
use crate::refusal::Refusal;
pub(crate) use hash::hash;

/// The file is sent in pieces of this size, as etcd does.
const PIECE_BYTES: usize = 32 << 10;
/// So many pieces wait for the client at most.
const PIECES_WAITING: usize = 8;

/// Makes the file and sends it. Its checksum is the last piece.
pub(crate) async fn stream(api: &EtcdApi) -> Result<Answers<SnapshotResponse>, Refusal> {
    let snapshot = api.store().snapshot().await?;
    let header = api.header_at(snapshot.revision);
    let (reader, scratch) = (api.reader.clone(), api.settings.scratch.clone());
    let made = spawn_blocking(move || file::make(&reader, snapshot, &scratch)).await;
    let mut file = made.map_err(|_| Refusal::Stopped)??;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    spawn_blocking(move || {
        if let Err(error) = send(&mut file, header, &sender) {
            let refusal = Refusal::Snapshot(error.to_string());
            // A client that has gone need not be told.
            let _ = sender.blocking_send(Err(refusal.into()));
        }
    });
    let answers = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|answer| (answer, receiver))
    });
    Ok(answers.boxed())
}

fn send(
    file: &mut (impl Read + Seek),
    header: Option<ResponseHeader>,
    pieces: &mpsc::Sender<Result<SnapshotResponse, Status>>,
) -> std::io::Result<()> {
    let mut left = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Sha256::new();
    while left > 0 {
        let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(left).unwrap_or(PIECE_BYTES))];
        file.read_exact(&mut piece)?;
        digest.update(&piece);
        left -= piece.len() as u64;
        if pieces
            .blocking_send(Ok(answer(header, left, piece.into())))
            .is_err()
        {
            return Ok(());
        }
    }
    let digest = Bytes::copy_from_slice(&digest.finalize());
    // Nobody is left to be told if that fails.
    let _ = pieces.blocking_send(Ok(answer(header, 0, digest)));
    Ok(())
}

fn answer(header: Option<ResponseHeader>, remaining_bytes: u64, blob: Bytes) -> SnapshotResponse {
    SnapshotResponse {
        header,
        remaining_bytes,
        blob,
        version: VERSION.to_owned(),
    }
}

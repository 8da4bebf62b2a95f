//! A backup as a body that comes in time: it is never held whole.

use apiserver::BoxError;
use backup::{About, BackupError, Record, Writer};
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt, try_unfold};
use http_body::Frame;

/// So many bytes go out at once, about.
const FRAME_BYTES: usize = 64 << 10;

/// What errors call it.
const NAME: &str = "the backup";

struct State {
    /// None before the beginning and after the end.
    writer: Option<Writer<Vec<u8>>>,
    records: BoxStream<'static, Result<Record, BackupError>>,
}

/// The file, in frames. An error breaks the body off, which its reader sees.
pub(super) fn frames(
    about: About,
    records: BoxStream<'static, Result<Record, BackupError>>,
) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> {
    let begun = Writer::new(Vec::new(), NAME, about, None).map(|writer| State {
        writer: Some(writer),
        records,
    });
    let frames = try_unfold(begun, |state| async {
        let mut state = state?;
        let frame = state.next().await?;
        Ok(frame.map(|bytes| (Frame::data(bytes), Ok(state))))
    });
    frames.map(|frame: Result<_, BackupError>| {
        frame.map_err(|error| {
            tracing::warn!(%error, "a backup broke off");
            error.into()
        })
    })
}

impl State {
    async fn next(&mut self) -> Result<Option<Bytes>, BackupError> {
        while let Some(writer) = &mut self.writer {
            let Some(record) = self.records.next().await else {
                let finished = self.writer.take().map(Writer::finish).transpose()?;
                return Ok(finished.map(|(rest, _)| rest.into()));
            };
            writer.push(&record?)?;
            if writer.out_mut().len() >= FRAME_BYTES {
                return Ok(Some(std::mem::take(writer.out_mut()).into()));
            }
        }
        Ok(None)
    }
}

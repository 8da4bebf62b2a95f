//! A watch at one member, as long as it lasts.

use std::sync::Arc;

use etcd_rpc::message::{
    StatusRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest as EtcdWatch, WatchRequestUnion,
    WatchResponse,
};
use futures::channel::mpsc;
use store::WatchRequest;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use crate::answer::{revision, signed};
use crate::connections::{Member, needs_leader};
use crate::etcd_store::Shared;
use crate::failure::Failure;
use crate::keys::PhysicalRange;
use crate::version::Version;

/// Requests that wait to be sent. A full queue drops a progress request, which is made again anyway.
const QUEUE: usize = 4;

pub(super) struct Session {
    requests: mpsc::Sender<EtcdWatch>,
    answers: Streaming<WatchResponse>,
    /// Whether the member can be asked how far it is. If not, all changes of all keys come, which says the same.
    pub(super) tells_progress: bool,
}

impl Session {
    /// Begins with the changes of the revision `start`, or after the current one if it is 0. Gives the member's current
    /// revision too: changes after it come.
    pub(super) async fn open(
        shared: &Shared,
        member: &Arc<Member>,
        request: &WatchRequest,
        start: u64,
    ) -> Result<(Self, u64), Failure> {
        let within = shared.connections.timeouts.read_attempt;
        let opening = Self::open_without_limit(shared, member, request, start);
        timeout(within, opening)
            .await
            .unwrap_or_else(|_| Err(Failure::Lost("it grants no watch in time".to_owned())))
    }

    async fn open_without_limit(
        shared: &Shared,
        member: &Arc<Member>,
        request: &WatchRequest,
        start: u64,
    ) -> Result<(Self, u64), Failure> {
        let failed = |status: Status| Failure::of(&status);
        let status = member
            .maintenance()
            .status(StatusRequest {})
            .await
            .map_err(failed)?;
        let version = Version::parse(&status.get_ref().version);
        let tells_progress = version.is_some_and(Version::tells_progress);
        let range = match shared.namespace.range(&request.range) {
            Some(range) if tells_progress => range,
            _ => PhysicalRange::everything(),
        };
        let create = WatchCreateRequest {
            key: range.key,
            range_end: range.range_end,
            start_revision: signed(start),
            progress_notify: true,
            prev_kv: request.previous,
            fragment: true,
            ..WatchCreateRequest::default()
        };
        let (mut requests, to_send) = mpsc::channel(QUEUE);
        // The queue is empty and its other end is here.
        let _ = requests.try_send(WatchRequestUnion::Create(create).into());
        let answers = member
            .watch()
            .watch(needs_leader(to_send))
            .await
            .map_err(failed)?;
        let mut session = Self {
            requests,
            answers: answers.into_inner(),
            tells_progress,
        };
        let created = session.answers.message().await.map_err(failed)?;
        let created = created.ok_or_else(|| Failure::Lost("it ends the watch at once".to_owned()))?;
        shared.connections.hear(&created)?;
        match created {
            WatchResponse {
                canceled: true,
                compact_revision,
                ..
            } if compact_revision != 0 => Err(Failure::Compacted),
            WatchResponse {
                canceled: true,
                cancel_reason,
                ..
            } => Err(Failure::Refused(store::StoreError::Unavailable(format!(
                "etcd refuses the watch: {cancel_reason}"
            )))),
            WatchResponse { created: true, .. } => Ok((session, revision(&created))),
            _ => Err(Failure::Lost("it does not answer as an etcd does".to_owned())),
        }
    }

    /// The next message; none when the session is over.
    pub(super) async fn message(&mut self) -> Option<WatchResponse> {
        match self.answers.message().await {
            Ok(message) => message,
            Err(status) => {
                tracing::debug!(%status, "a watch has lost its member of etcd");
                None
            }
        }
    }

    /// Has the member say how far it is.
    pub(super) fn ask_for_progress(&mut self) {
        let request = WatchRequestUnion::Progress(WatchProgressRequest {});
        // Full or closed: it is asked again, or the session has ended.
        let _ = self.requests.try_send(request.into());
    }
}

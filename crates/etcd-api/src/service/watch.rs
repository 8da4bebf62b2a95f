//! Watches: each stream of requests gets a task of its own.

use async_trait::async_trait;
use etcd_rpc::message::{WatchRequest, WatchResponse};
use etcd_rpc::server::{Answers, Watch};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use crate::etcd_api::EtcdApi;
use crate::watch::{Backing, Exchange};

/// So many answers wait for a client at most; then its watches wait too.
const ANSWERS_WAITING: usize = 8;

#[async_trait]
impl Watch for EtcdApi {
    async fn watch(
        &self,
        requests: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Answers<WatchResponse>>, Status> {
        let (sender, receiver) = mpsc::channel(ANSWERS_WAITING);
        let exchange = Exchange::new(Backing::of(self), sender);
        tokio::spawn(exchange.run(requests.into_inner()));
        let answers = stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|answer| (answer, receiver))
        });
        Ok(Response::new(answers.boxed()))
    }
}

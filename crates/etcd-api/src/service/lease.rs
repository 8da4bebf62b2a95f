//! Leases.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_rpc::message::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
};
use etcd_rpc::server::{Answers, Lease};
use futures::{StreamExt, future};
use tonic::{Request, Response, Status, Streaming};

use crate::etcd_api::EtcdApi;
use crate::refusal::Refusal;

#[async_trait]
impl Lease for EtcdApi {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let LeaseGrantRequest { id, ttl } = request.into_inner();
        self.refuse_without_space()?;
        let (id, ttl) = self.reader.leases.grant(id, ttl).await?;
        Ok(Response::new(LeaseGrantResponse {
            header: self.header(),
            id,
            ttl,
            error: String::new(),
        }))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        self.reader.leases.revoke(request.into_inner().id).await?;
        Ok(Response::new(LeaseRevokeResponse {
            header: self.header(),
        }))
    }

    /// A lease that is not there has no time: that is the answer, not an error.
    async fn lease_keep_alive(
        &self,
        requests: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Answers<LeaseKeepAliveResponse>>, Status> {
        let leases = self.reader.leases.clone();
        let store = self.store().clone();
        let header = self.header();
        let shutdown = Arc::new(self.settings.shutdown.clone());
        // A stream that has failed fails again at every look.
        let requests = requests
            .into_inner()
            .take_while(|request| future::ready(request.is_ok()));
        let answers = requests.map(move |request| {
            let id = request?.id;
            let header = header.map(|header| etcd_rpc::message::ResponseHeader {
                revision: crate::reading::number(store.current_revision()),
                ..header
            });
            Ok(LeaseKeepAliveResponse {
                header,
                id,
                ttl: leases.keep_alive(id).unwrap_or(0),
            })
        });
        let ended = async move { shutdown.cancelled().await };
        let answers = answers
            .take_until(Box::pin(ended))
            .chain(futures::stream::once(future::ready(Err(Status::from(
                Refusal::Stopped,
            )))));
        let shutdown = self.settings.shutdown.clone();
        // The client's end of the stream is no reason to complain.
        let answers = answers.filter(move |answer| future::ready(answer.is_ok() || shutdown.is_cancelled()));
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let mut answer = LeaseTimeToLiveResponse {
            header: self.header(),
            id,
            ttl: -1,
            ..LeaseTimeToLiveResponse::default()
        };
        if let Some(remaining) = self.reader.leases.remaining(id) {
            (answer.ttl, answer.granted_ttl) = (remaining.left, remaining.granted);
            if keys {
                let keys = self.reader.leases.keys(id).await.map_err(Refusal::Store)?;
                answer.keys = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
            }
        }
        Ok(Response::new(answer))
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let leases = self.reader.leases.ids().into_iter();
        Ok(Response::new(LeaseLeasesResponse {
            header: self.header(),
            leases: leases.map(|id| LeaseStatus { id }).collect(),
        }))
    }
}

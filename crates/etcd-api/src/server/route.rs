//! Which service a request is for.

use std::sync::Arc;

use bytes::Bytes;
use etcd_rpc::MessageLimits;
use etcd_rpc::server::{AuthServer, ClusterServer, KvServer, LeaseServer, MaintenanceServer, WatchServer};
use http::{Request, Response, Version};
use http_body::Body as HttpBody;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;

use super::documents;
use crate::etcd_api::EtcdApi;

/// All services of an API.
#[derive(Clone)]
pub(super) struct Routes {
    api: Arc<EtcdApi>,
    kv: KvServer<EtcdApi>,
    watch: WatchServer<EtcdApi>,
    lease: LeaseServer<EtcdApi>,
    cluster: ClusterServer<EtcdApi>,
    maintenance: MaintenanceServer<EtcdApi>,
    auth: AuthServer<EtcdApi>,
}

impl Routes {
    pub(super) fn new(api: Arc<EtcdApi>) -> Self {
        let limits = MessageLimits::SERVER;
        Self {
            kv: KvServer::new(api.clone(), limits),
            watch: WatchServer::new(api.clone(), limits),
            lease: LeaseServer::new(api.clone(), limits),
            cluster: ClusterServer::new(api.clone(), limits),
            maintenance: MaintenanceServer::new(api.clone(), limits),
            auth: AuthServer::new(api.clone(), limits),
            api,
        }
    }

    pub(super) fn api(&self) -> &Arc<EtcdApi> {
        &self.api
    }

    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send>
            + Send
            + 'static,
    {
        let is_grpc = request.version() == Version::HTTP_2
            && request
                .headers()
                .get(http::header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        if !is_grpc {
            return documents::answer(&self.api, &request).await;
        }
        match service(request.uri().path()) {
            KvServer::<EtcdApi>::NAME => self.kv.handle(request).await,
            WatchServer::<EtcdApi>::NAME => self.watch.handle(request).await,
            LeaseServer::<EtcdApi>::NAME => self.lease.handle(request).await,
            ClusterServer::<EtcdApi>::NAME => self.cluster.handle(request).await,
            MaintenanceServer::<EtcdApi>::NAME => self.maintenance.handle(request).await,
            AuthServer::<EtcdApi>::NAME => self.auth.handle(request).await,
            other => Status::unimplemented(format!("unknown service {other}")).into_http(),
        }
    }
}

/// The service that a path of the form `/SERVICE/METHOD` names.
fn service(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').next().unwrap_or_default()
}

//! Passwords: there are none. Who may use the API shows a certificate.

use async_trait::async_trait;
use etcd_rpc::message::{AuthStatusRequest, AuthStatusResponse, AuthenticateRequest, AuthenticateResponse};
use etcd_rpc::server::Auth;
use tonic::{Request, Response, Status};

use crate::etcd_api::EtcdApi;
use crate::refusal::Refusal;

#[async_trait]
impl Auth for EtcdApi {
    async fn authenticate(
        &self,
        _: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        Err(Refusal::AuthenticationOff.into())
    }

    async fn auth_status(
        &self,
        _: Request<AuthStatusRequest>,
    ) -> Result<Response<AuthStatusResponse>, Status> {
        Ok(Response::new(AuthStatusResponse {
            header: self.header(),
            enabled: false,
            auth_revision: 1,
        }))
    }
}

//! The members of the cluster: one.

use async_trait::async_trait;
use etcd_rpc::message::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse, MemberPromoteRequest,
    MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse, MemberUpdateRequest,
    MemberUpdateResponse,
};
use etcd_rpc::server::Cluster;
use tonic::{Request, Response, Status};

use crate::etcd_api::EtcdApi;
use crate::refusal::Refusal;

#[async_trait]
impl Cluster for EtcdApi {
    async fn member_list(
        &self,
        _: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let member = Member {
            id: self.identity.member,
            name: self.settings.name.clone(),
            peer_urls: Vec::new(),
            client_urls: self.settings.client_urls.clone(),
            is_learner: false,
        };
        Ok(Response::new(MemberListResponse {
            header: self.header(),
            members: vec![member],
        }))
    }

    async fn member_add(&self, _: Request<MemberAddRequest>) -> Result<Response<MemberAddResponse>, Status> {
        Err(Refusal::OneMember.into())
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        Err(self.refusal_of(request.into_inner().id).into())
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        Err(self.refusal_of(request.into_inner().id).into())
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        Err(self.refusal_of(request.into_inner().id).into())
    }
}

impl EtcdApi {
    fn refusal_of(&self, member: u64) -> Refusal {
        if member == self.identity.member {
            Refusal::LastMember
        } else {
            Refusal::MemberNotFound
        }
    }
}

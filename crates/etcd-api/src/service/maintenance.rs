//! Looking after the member.

use async_trait::async_trait;
use etcd_rpc::message::{
    AlarmAction, AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse,
    HashKvRequest, HashKvResponse, HashRequest, HashResponse, MoveLeaderRequest, MoveLeaderResponse,
    SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};
use etcd_rpc::server::{Answers, Maintenance};
use store::Revision;
use tonic::{Request, Response, Status};

use crate::etcd_api::{EtcdApi, TERM, VERSION};
use crate::reading::{number, revision};
use crate::refusal::Refusal;
use crate::snapshot;

#[async_trait]
impl Maintenance for EtcdApi {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let space = (self.settings.space)();
        let current = self.store().current_revision();
        let alarms = self.alarms().await;
        Ok(Response::new(StatusResponse {
            header: self.header_at(current),
            version: VERSION.to_owned(),
            db_size: bytes(space.total),
            db_size_in_use: bytes(space.in_use),
            leader: self.identity.member,
            // There is no log of another kind than the store's.
            raft_index: current.get(),
            raft_applied_index: current.get(),
            raft_term: TERM,
            errors: alarms.into_iter().map(|alarm| described(self, alarm)).collect(),
            ..StatusResponse::default()
        }))
    }

    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        let request = request.into_inner();
        let is_this = request.member_id == 0 || request.member_id == self.identity.member;
        let alarm = request.alarm();
        let concerned = match request.action() {
            AlarmAction::Get => {
                let all = self.alarms().await.into_iter();
                all.filter(|one| alarm == AlarmType::None || alarm == *one)
                    .collect()
            }
            action if is_this && alarm != AlarmType::None => {
                let is_news = self.set_alarm(alarm, action == AlarmAction::Activate);
                let told = is_news || action == AlarmAction::Activate;
                told.then_some(alarm).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let alarms = concerned.into_iter().map(|alarm| AlarmMember {
            member_id: self.identity.member,
            alarm: alarm.into(),
        });
        Ok(Response::new(AlarmResponse {
            header: self.header(),
            alarms: alarms.collect(),
        }))
    }

    /// The store gives space back while it goes on; there is nothing to wait for.
    async fn defragment(
        &self,
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        Ok(Response::new(DefragmentResponse {
            header: self.header(),
        }))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let at = self.store().current_revision();
        let hash = snapshot::hash(&self.reader, at).await?;
        Ok(Response::new(HashResponse {
            header: self.header_at(at),
            hash,
        }))
    }

    async fn hash_kv(&self, request: Request<HashKvRequest>) -> Result<Response<HashKvResponse>, Status> {
        let current = self.store().current_revision();
        let requested = revision(request.into_inner().revision).filter(|at| *at != Revision::ZERO);
        let at = requested.unwrap_or(current);
        let hash = snapshot::hash(&self.reader, at).await?;
        Ok(Response::new(HashKvResponse {
            header: self.header_at(current),
            hash,
            compact_revision: number(self.store().compacted_revision()),
            hash_revision: number(at),
        }))
    }

    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Answers<SnapshotResponse>>, Status> {
        Ok(Response::new(snapshot::stream(self).await?))
    }

    async fn move_leader(
        &self,
        _: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        Err(Refusal::BadTransferee.into())
    }
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An alarm as etcd writes it among a member's errors.
fn described(api: &EtcdApi, alarm: AlarmType) -> String {
    let name = match alarm {
        AlarmType::None => "NONE",
        AlarmType::NoSpace => "NOSPACE",
        AlarmType::Corrupt => "CORRUPT",
    };
    format!("memberID:{} alarm:{name} ", api.identity.member)
}

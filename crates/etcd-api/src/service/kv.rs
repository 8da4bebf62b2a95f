//! Keys and values.

use async_trait::async_trait;
use etcd_rpc::message::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, Request as Operation, Response as Done, ResponseHeader, TxnRequest,
    TxnResponse,
};
use etcd_rpc::server::Kv;
use tonic::{Request, Response, Status};

use crate::etcd_api::EtcdApi;
use crate::ranging;
use crate::reading::{number, revision};
use crate::refusal::Refusal;
use crate::txn;

#[async_trait]
impl Kv for EtcdApi {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        ranging::check(&request)?;
        let plan = ranging::plan(&request);
        let reads_the_past = plan.at.is_some();
        let found = self.reader.range(plan).await.map_err(Refusal::Store)?;
        let header = if reads_the_past {
            self.header()
        } else {
            self.header_at(found.revision)
        };
        let mut answer = ranging::answer(&request, found);
        answer.header = header;
        Ok(Response::new(answer))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        let (lease, operation) = (request.lease, Operation::Put(request));
        txn::check_operation(&operation)?;
        // Unlike in a transaction this is found out before the key is looked at.
        if lease != 0 && self.reader.leases.written(lease).is_none() {
            return Err(Refusal::LeaseNotFound.into());
        }
        match self.one(operation).await? {
            Done::Put(answer) => Ok(Response::new(answer)),
            _ => Err(unexpected()),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        match self.one(Operation::DeleteRange(request.clone())).await {
            Ok(Done::DeleteRange(answer)) => Ok(Response::new(answer)),
            Ok(_) => Err(unexpected()),
            Err(status) if status.message() == Refusal::TOO_LARGE => {
                let (mut answer, revision) = txn::delete_much(&self.reader, &request).await?;
                answer.header = self.header_at(revision);
                Ok(Response::new(answer))
            }
            Err(status) => Err(status),
        }
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let request = request.into_inner();
        txn::check(&request)?;
        if txn::puts(&request) {
            self.refuse_without_space()?;
        }
        let (mut answer, revision) = txn::run(&self.reader, &request).await?;
        answer.header = self.header_at(revision);
        // What is within an answer says its revision only.
        let within = ResponseHeader {
            revision: number(revision),
            ..ResponseHeader::default()
        };
        head(&mut answer, Some(within));
        Ok(Response::new(answer))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        // A revision below zero is forgotten like all before the first.
        let at = revision(request.into_inner().revision).unwrap_or_default();
        self.store().compact(at).await.map_err(Refusal::Store)?;
        Ok(Response::new(CompactionResponse {
            header: self.header(),
        }))
    }
}

impl EtcdApi {
    /// Whether a put is [plain](txn::is_plain), as most are, and nothing is against it so far: then it may go
    /// [with others](Self::put_each).
    pub(crate) fn may_put_plainly(&self, request: &PutRequest) -> bool {
        txn::is_plain(request) && txn::check_put(request).is_ok() && self.refuse_without_space().is_ok()
    }

    /// Puts that [may go together](Self::may_put_plainly).
    pub(crate) async fn put_each(&self, requests: Vec<PutRequest>) -> Vec<Result<PutResponse, Refusal>> {
        let revisions = txn::put_each(&self.reader, requests).await.into_iter();
        let answers = revisions.map(|revision| {
            Ok(PutResponse {
                header: self.header_at(revision?),
                prev_kv: None,
            })
        });
        answers.collect()
    }

    /// A transaction of one operation.
    async fn one(&self, operation: Operation) -> Result<Done, Status> {
        txn::check_operation(&operation)?;
        if matches!(operation, Operation::Put(_)) {
            self.refuse_without_space()?;
        }
        let request = TxnRequest {
            success: vec![operation.into()],
            ..TxnRequest::default()
        };
        let (mut answer, revision) = txn::run(&self.reader, &request).await?;
        head(&mut answer, self.header_at(revision));
        let response = answer.responses.pop().and_then(|operation| operation.response);
        response.ok_or_else(unexpected)
    }
}

/// Gives the operations' answers their header.
fn head(answer: &mut TxnResponse, header: Option<ResponseHeader>) {
    for operation in &mut answer.responses {
        match &mut operation.response {
            Some(Done::Range(range)) => range.header = header,
            Some(Done::Put(put)) => put.header = header,
            Some(Done::DeleteRange(delete)) => delete.header = header,
            Some(Done::Txn(inner)) => {
                inner.header = header;
                head(inner, header);
            }
            None => {}
        }
    }
}

fn unexpected() -> Status {
    Status::internal("etcdserver: an operation was answered as another one")
}

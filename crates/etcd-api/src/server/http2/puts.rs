//! Puts that came together: all that one look at the socket brings is one question to the store, and is answered at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use etcd_rpc::message::{PutRequest, PutResponse};
use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::Status;

use super::outlet::Outlet;
use super::unary::{Answered, HEAD, One, PANICKED, TRAILERS, frame_message};
use crate::etcd_api::EtcdApi;
use crate::refusal::Refusal;

/// Puts that wait to be handed over.
#[derive(Default)]
pub(super) struct Puts {
    streams: Vec<u32>,
    requests: Vec<PutRequest>,
}

/// How each put ended.
pub(super) struct PutsAnswered {
    streams: Vec<u32>,
    /// `None` if a defect of this program came to light.
    answers: Option<Vec<Result<PutResponse, Refusal>>>,
}

impl Puts {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn push(&mut self, stream: u32, request: PutRequest) {
        self.streams.push(stream);
        self.requests.push(request);
    }

    /// Hands over what has come.
    pub(super) fn call(&mut self, api: &Arc<EtcdApi>) -> BoxFuture<'static, Answered> {
        let Self { streams, requests } = std::mem::take(self);
        let api = api.clone();
        Box::pin(async move {
            let answered = AssertUnwindSafe(api.put_each(requests));
            // Other requests of the connection are answered in the same task.
            let answers = answered.catch_unwind().await.ok();
            Answered::Puts(PutsAnswered { streams, answers })
        })
    }
}

impl PutsAnswered {
    /// How many requests these were.
    pub(super) fn count(&self) -> usize {
        self.streams.len()
    }

    /// Sends the answers that are wanted.
    pub(super) fn send(self, outlet: &Arc<Outlet>, mut is_wanted: impl FnMut(u32) -> bool) {
        let answers = self.answers.into_iter().flatten().map(Some);
        let answers = answers.chain(std::iter::repeat_with(|| None));
        let (mut message, mut others) = (Vec::new(), Vec::new());
        let mut sink = outlet.sink();
        for (stream, answer) in self.streams.into_iter().zip(answers) {
            if !is_wanted(stream) {
                continue;
            }
            let answer = match answer {
                None => Err(Status::internal(PANICKED)),
                Some(Err(refusal)) => Err(refusal.into()),
                Some(Ok(answer)) => {
                    message.clear();
                    frame_message(&answer, &mut message);
                    if sink.answer(stream, HEAD, &message, TRAILERS) {
                        continue;
                    }
                    Ok(message.clone().into())
                }
            };
            others.push(One { stream, answer });
        }
        drop(sink);
        others.into_iter().for_each(|other| other.send(outlet));
    }
}

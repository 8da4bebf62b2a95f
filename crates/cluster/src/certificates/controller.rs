//! The controller: looks at each request that changes, decides, writes.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::authorization::v1::SubjectAccessReview;
use client::k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Error, Informer, ListOptions, Scope, WorkQueue, path, run_workers};
use http::Method;
use jiff::Timestamp;
use pki::Authority;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use super::approve::{Approval, may_serve, recognize, review};
use super::conditions::{APPROVED, is_open, with};
use super::sign::sign;

const WORKERS: usize = 2;
const NAME: &str = "certificate-controller";

/// What is done with requests; upstream has a controller for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duties {
    /// Those of nodes are approved.
    pub approve: bool,
    /// Those that are approved are signed.
    pub sign: bool,
}

/// Approves and signs certificate requests until the token fires. The client's identity is the controller's
/// (`system:serviceaccount:kube-system:certificate-controller`).
pub async fn run(client: Client, authority: Arc<Authority>, duties: Duties, shutdown: CancellationToken) {
    let client = client.named(NAME);
    let requests = Informer::<CertificateSigningRequest>::start(
        client.clone(),
        "",
        ListOptions::default(),
        shutdown.clone(),
    );
    let queue: WorkQueue<String> = WorkQueue::new();
    let keys = queue.clone();
    requests.on_change(move |change| {
        if let Some(name) = change.new.as_ref().and_then(|csr| csr.metadata.name.clone()) {
            keys.add(name);
        }
    });
    let pass = move |name: String| {
        let (client, authority, requests) = (client.clone(), Arc::clone(&authority), requests.clone());
        async move {
            match requests.store().get("", &name) {
                Some(csr) => handle(&client, &authority, duties, &csr).await,
                None => Ok(Outcome::Done),
            }
        }
    };
    run_workers(NAME, queue, WORKERS, shutdown, pass).await;
}

async fn handle(
    client: &Client,
    authority: &Authority,
    duties: Duties,
    csr: &CertificateSigningRequest,
) -> Result<Outcome, Error> {
    let now = Timestamp::now();
    if is_open(csr) {
        if duties.approve
            && let Some(message) = approval(client, csr).await?
        {
            write(
                client,
                &with(csr, APPROVED, "AutoApproved", message, now),
                "approval",
            )
            .await?;
        }
    } else if duties.sign
        && let Some(signed) = sign(csr, authority, now)
    {
        write(client, &signed, "status").await?;
    }
    Ok(Outcome::Done)
}

/// What to say on approval; none if it is not for the controller to approve.
async fn approval(client: &Client, csr: &CertificateSigningRequest) -> Result<Option<&'static str>, Error> {
    match recognize(csr) {
        Some(Approval::Own(message)) => Ok(Some(message)),
        Some(Approval::NewNode) => {
            let review: SubjectAccessReview = client.create(Scope::Cluster, &review(csr)).await?;
            let allowed = review.status.is_some_and(|status| status.allowed);
            Ok(allowed.then_some("Auto approving kubelet client certificate after SubjectAccessReview."))
        }
        Some(Approval::Node(name)) => {
            let node = optional(client.get::<Node>(Scope::Cluster, &name).await)?;
            let own = node.is_some_and(|node| may_serve(csr, &node));
            Ok(own.then_some("Auto approving kubelet serving certificate for the node's own names."))
        }
        None => Ok(None),
    }
}

/// A conflict means that somebody else has decided: the change brings the request back.
async fn write(client: &Client, csr: &CertificateSigningRequest, subresource: &str) -> Result<(), Error> {
    let name = csr.metadata.name.as_deref().unwrap_or_default();
    let path = path::subresource::<CertificateSigningRequest>(Scope::Cluster, name, subresource);
    let body = serde_json::to_vec(csr).map_err(Error::Encode)?;
    let written = client
        .call::<IgnoredAny>(Method::PUT, &path, "application/json", Some(body.into()))
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

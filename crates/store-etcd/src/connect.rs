//! Finding a cluster that works, and saying clearly why there is none.

use std::path::PathBuf;
use std::sync::Arc;

use etcd_rpc::message::{RangeRequest, StatusRequest};
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use crate::answer::Answer;
use crate::connections::{Connections, Effort, Member, Pauses, needs_leader};
use crate::describe::{self, Cause};
use crate::failure::Failure;
use crate::tls::Tls;
use crate::version::Version;
use crate::{Address, Options};

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No member is named.
    #[error("no endpoint of etcd is given")]
    NoEndpoint,
    /// An endpoint is none.
    #[error("{url:?} is no endpoint of etcd: {problem}")]
    Endpoint {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// TLS needs an authority.
    #[error("{url} wants TLS: give --datastore-cafile, the authority of etcd's certificates")]
    NoAuthority {
        /// The endpoint.
        url: String,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} cannot be used: {problem}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("{path} is given alone: a certificate and its key are named together")]
    HalfPair {
        /// The one that is there.
        path: PathBuf,
    },
    /// Members of different clusters.
    #[error("{one} and {other} are members of different etcd clusters")]
    Clusters {
        /// A member.
        one: String,
        /// A member of another cluster.
        other: String,
    },
    /// No member can be used.
    #[error("no etcd can be used: {causes}")]
    Unusable {
        /// Each endpoint with its cause.
        causes: String,
    },
    /// Members answer, the cluster does not.
    #[error("the etcd cluster does not answer: {cause}")]
    NoQuorum {
        /// What the last member said.
        cause: String,
    },
}

/// Connects, and tries for a while if what fails may pass.
pub(crate) async fn connect(options: &Options) -> Result<Connections, ConnectError> {
    let connections = prepare(options)?;
    let deadline = Instant::now() + options.timeouts.start;
    let mut pauses = Pauses::new(1);
    loop {
        let failure = match attempt(&connections).await {
            Ok(()) => return Ok(connections),
            Err((error, may_pass)) if !may_pass => return Err(error),
            Err((error, _)) => error,
        };
        let pause = pauses.after_failure();
        if Instant::now() + pause > deadline {
            return Err(failure);
        }
        tracing::debug!(%failure, "etcd cannot be used yet");
        sleep(pause).await;
    }
}

fn prepare(options: &Options) -> Result<Connections, ConnectError> {
    let mut addresses = Vec::new();
    for url in &options.endpoints {
        let address = Address::parse(url).map_err(|problem| ConnectError::Endpoint {
            url: url.clone(),
            problem,
        })?;
        if address.tls && options.tls.authority.is_none() {
            return Err(ConnectError::NoAuthority { url: url.clone() });
        }
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(ConnectError::NoEndpoint);
    }
    let tls = Tls::read(&options.tls)?;
    Connections::new(addresses, tls.as_ref(), options.timeouts)
}

/// One try. With an error comes whether it may pass.
async fn attempt(connections: &Connections) -> Result<(), (ConnectError, bool)> {
    let members = connections.members();
    let within = connections.timeouts.connect + connections.timeouts.connect;
    let probes = join_all(members.iter().map(|member| async move {
        match timeout(within, probe(member)).await {
            Ok(found) => found,
            Err(_) => Err(Cause::passing("it does not answer in time")),
        }
    }))
    .await;
    let usable: Vec<(usize, u64)> = probes
        .iter()
        .enumerate()
        .filter_map(|(index, found)| Some((index, *found.as_ref().ok()?)))
        .collect();
    let failed = || {
        let failed = members.iter().zip(&probes);
        failed.filter_map(|(member, found)| Some((&member.address, found.as_ref().err()?)))
    };
    let Some(&(first, cluster)) = usable.first() else {
        let causes: Vec<String> = failed()
            .map(|(address, cause)| format!("{address}: {}", cause.text))
            .collect();
        let may_pass = failed().any(|(_, cause)| cause.passes);
        let causes = causes.join("; ");
        return Err((ConnectError::Unusable { causes }, may_pass));
    };
    if let Some((stranger, _)) = usable.iter().find(|(_, other)| *other != cluster) {
        let error = ConnectError::Clusters {
            one: members[first].address.to_string(),
            other: members[*stranger].address.to_string(),
        };
        return Err((error, false));
    }
    connections.prefer(first);
    read(connections).await?;
    for (endpoint, cause) in failed() {
        tracing::warn!(%endpoint, cause = cause.text, "an etcd member cannot be used now");
    }
    Ok(())
}

/// Asks a member what it is; gives the cluster it belongs to.
async fn probe(member: &Arc<Member>) -> Result<u64, Cause> {
    let status = member.maintenance().status(StatusRequest {}).await;
    let status = status.map_err(|status| refusal(&status))?.into_inner();
    let no_etcd = || Cause::lasting("it answers, but not as an etcd does");
    let header = status.header().ok_or_else(no_etcd)?;
    Version::parse(&status.version).ok_or_else(no_etcd)?;
    Ok(header.cluster_id)
}

fn refusal(status: &tonic::Status) -> Cause {
    use tonic::Code::{PermissionDenied, Unauthenticated, Unimplemented};
    match status.code() {
        Unimplemented => Cause::lasting("it answers, but not as an etcd does"),
        PermissionDenied | Unauthenticated => Cause::lasting(format!("it refuses us: {}", status.message())),
        _ => match describe::cause_of_first(status) {
            // Nothing but the status itself: it was sent by the other side.
            cause if cause.text.starts_with("status:") || cause.text.starts_with("code:") => {
                Cause::passing(status.message().to_owned())
            }
            cause => cause,
        },
    }
}

/// The cluster as a whole answers if a read does that all members must agree on.
async fn read(connections: &Connections) -> Result<(), (ConnectError, bool)> {
    let request = RangeRequest {
        key: vec![0].into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let effort = Effort {
        total: connections.timeouts.read_attempt,
        ..connections.reading()
    };
    let answer = connections
        .send(effort, |member| {
            let request = needs_leader(request.clone());
            async move { member.kv().range(request).await }
        })
        .await;
    match answer {
        Ok(_) => Ok(()),
        // A user whose rights end elsewhere.
        Err(Failure::Refused(error)) => {
            let cause = error.to_string();
            Err((ConnectError::NoQuorum { cause }, false))
        }
        Err(failure) => {
            let cause = failure.of_read().to_string();
            Err((ConnectError::NoQuorum { cause }, true))
        }
    }
}

//! Which masters of a cluster are alive. Each keeps a key in the datastore that expires without it, where upstream's API
//! servers keep theirs, and all of them keep the endpoints of the `kubernetes` Service by these keys.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::Client;
use client::controller::Chain;
use cluster::masters::{self, PublishError};
use futures::StreamExt;
use meta::GroupVersionKind;
use schema::decode::TypeMeta;
use schema::protobuf::{encode_message, envelope_head, envelope_tail};
use serde_json::{Value, json};
use store::{Key, KeyRange, RangeRequest, StateStore, StoreError, Transaction, WatchRequest};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The keys are named by the masters' addresses.
const PREFIX: &str = "/registry/masterleases/";
/// As long as upstream's.
const TIME_TO_LIVE: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// After the datastore failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long a master that ends tries to be taken off the list.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);
/// The port of a master that names none: upstream's keys hold addresses alone.
const USUAL_PORT: u16 = 6443;
/// What Kubernetes protobuf begins with.
const PROTOBUF: &[u8] = b"k8s\0";

/// A master among others.
pub(super) struct Presence {
    pub(super) store: Arc<dyn StateStore>,
    /// May write the endpoints.
    pub(super) client: Client,
    /// Where others reach this master; a loopback address is not made known.
    pub(super) own: SocketAddr,
    /// PEM of the authority by which clients know the masters.
    pub(super) authority: String,
}

/// Why the list of masters cannot be kept at the moment.
#[derive(Debug, thiserror::Error)]
enum PresenceError {
    #[error("the datastore does not answer")]
    Store(#[from] StoreError),
    #[error("the endpoints cannot be written")]
    Publish(#[from] PublishError),
}

impl Presence {
    /// Makes this master known, and keeps the list of those that are alive, until the token fires. Then this master is taken
    /// off the list at once.
    pub(super) async fn keep(self, shutdown: CancellationToken) {
        let work = async { tokio::join!(self.announce_always(), self.follow_always()) };
        shutdown.run_until_cancelled(work).await;
        match timeout(LEAVE_WITHIN, self.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "not taken off the list of masters"),
            Err(_) => tracing::warn!("not taken off the list of masters: no answer"),
        }
    }

    async fn announce_always(&self) {
        if !masters::is_reachable(self.own.ip()) {
            return;
        }
        loop {
            match timeout(TIME_TO_LIVE, self.announce()).await {
                Ok(Ok(())) => sleep(RENEW_EVERY).await,
                Ok(Err(error)) => {
                    tracing::debug!(error = %Chain(&error), "master not announced");
                    sleep(RETRY_AFTER).await;
                }
                Err(_) => tracing::debug!("master not announced: no answer"),
            }
        }
    }

    async fn announce(&self) -> Result<(), StoreError> {
        let transaction = Transaction::new().put_for(self.key(), lease(self.own), TIME_TO_LIVE);
        self.store.commit(transaction).await.map(drop)
    }

    /// A machine has one master on the usual port; further ones name theirs.
    fn key(&self) -> Key {
        let (ip, port) = (self.own.ip(), self.own.port());
        match port {
            USUAL_PORT => format!("{PREFIX}{ip}").into(),
            _ => format!("{PREFIX}{ip}-{port}").into(),
        }
    }

    async fn follow_always(&self) {
        loop {
            if let Err(error) = self.follow().await {
                tracing::debug!(error = %Chain(&error), "the list of masters is not followed");
            }
            sleep(RETRY_AFTER).await;
        }
    }

    /// Every renewal is seen here, so that endpoints that somebody changed are mended soon.
    async fn follow(&self) -> Result<(), PresenceError> {
        let now = self
            .store
            .range(RangeRequest::new(KeyRange::prefix(PREFIX)))
            .await?;
        let changes = WatchRequest::new(KeyRange::prefix(PREFIX)).after(now.revision);
        let mut changes = self.store.watch(changes).await?;
        self.publish().await?;
        while let Some(batch) = changes.next().await {
            if !batch?.events.is_empty() {
                self.publish().await?;
            }
        }
        Ok(())
    }

    async fn alive(&self) -> Result<Vec<SocketAddr>, StoreError> {
        let range = RangeRequest::new(KeyRange::prefix(PREFIX));
        let alive = self.store.range(range).await?.key_values;
        Ok(alive.iter().filter_map(|held| master(&held.value)).collect())
    }

    async fn publish(&self) -> Result<(), PresenceError> {
        let alive = self.alive().await?;
        masters::publish(&self.client, &alive, &self.authority).await?;
        Ok(())
    }

    async fn leave(&self) -> Result<(), PresenceError> {
        self.store.commit(Transaction::new().delete(self.key())).await?;
        let mut alive = self.alive().await?;
        if alive.is_empty() {
            // The last one stays on the list, alone: nobody is left to take off one that has gone just before.
            alive.push(self.own);
        }
        masters::publish(&self.client, &alive, &self.authority).await?;
        Ok(())
    }
}

const ENDPOINTS: GroupVersionKind = GroupVersionKind::new("", "v1", "Endpoints");

/// What upstream keeps there, and as it keeps it: an Endpoints object with the address.
fn lease(own: SocketAddr) -> Bytes {
    let ports = json!([{"name": "https", "port": own.port(), "protocol": "TCP"}]);
    let type_meta = TypeMeta {
        api_version: ENDPOINTS.api_version(),
        kind: ENDPOINTS.kind.clone().into_owned(),
    };
    let lease = json!({
        "kind": type_meta.kind,
        "apiVersion": type_meta.api_version,
        "metadata": {},
        "subsets": [{"addresses": [{"ip": own.ip()}], "ports": ports}],
    });
    let message = schema::builtin(&ENDPOINTS).and_then(|schema| encode_message(&lease, schema).ok());
    match message {
        Some(message) => {
            let head = envelope_head(&type_meta, message.len());
            [&head, message.as_slice(), envelope_tail()].concat().into()
        }
        // Every server reads that too.
        None => lease.to_string().into(),
    }
}

fn master(lease: &[u8]) -> Option<SocketAddr> {
    let lease = match lease.starts_with(PROTOBUF) {
        true => schema::decode_protobuf(lease, schema::builtin(&ENDPOINTS)?).ok()?,
        false => serde_json::from_slice(lease).ok()?,
    };
    let subset = lease.pointer("/subsets/0")?;
    let ip: IpAddr = subset.pointer("/addresses/0/ip")?.as_str()?.parse().ok()?;
    let port = subset.pointer("/ports/0/port").and_then(Value::as_u64);
    let port = port
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(USUAL_PORT);
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_read_as_they_are_written() {
        let own: SocketAddr = "192.0.2.1:7443".parse().expect("an address");
        assert!(lease(own).starts_with(PROTOBUF));
        assert_eq!(master(&lease(own)), Some(own));
        let of_upstream =
            br#"{"kind":"Endpoints","apiVersion":"v1","subsets":[{"addresses":[{"ip":"192.0.2.2"}]}]}"#;
        assert_eq!(master(of_upstream), "192.0.2.2:6443".parse().ok());
        assert_eq!(master(b"{}"), None);
    }
}

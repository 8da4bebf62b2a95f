//! How the components of the master are: those of this process, those that listen on this machine, and the store.

use std::sync::Arc;
use std::time::Duration;

use apiserver::{ConnectError, Network};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use meta::{GroupResource, Status};
use registry::Observed;
use serde_json::{Value, json};
use store::StateStore;
use tokio::time::timeout;

use super::error::StartError;
use super::networks::Addresses;
use super::options::ServerOptions;

const NAMES: [&str; 3] = ["controller-manager", "scheduler", "etcd-0"];
/// A component has so long to answer, as upstream has it.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// More of an answer is not read.
const MAX_ANSWER: usize = 10 << 10;
const HOST: &str = "127.0.0.1";

/// Where a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Here: as well as this process.
    InProcess,
    /// Elsewhere, and says on this port of the machine how it is.
    Port(u16),
}

/// How a component is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Finding {
    healthy: bool,
    message: String,
    error: String,
}

impl Finding {
    fn well(message: impl Into<String>) -> Self {
        Self {
            healthy: true,
            message: message.into(),
            error: String::new(),
        }
    }

    fn unwell(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// As a client sees it, without what is empty.
    fn shown(self, name: &str) -> Value {
        let status = if self.healthy { "True" } else { "False" };
        let mut condition = json!({"type": "Healthy", "status": status});
        for (field, text) in [("message", self.message), ("error", self.error)] {
            if !text.is_empty() {
                condition[field] = text.into();
            }
        }
        json!({
            "kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": name}, "conditions": [condition],
        })
    }
}

/// The components of this machine's master.
pub(super) struct ComponentStatuses {
    store: Arc<dyn StateStore>,
    controller_manager: Place,
    scheduler: Place,
    network: Addresses,
}

impl ComponentStatuses {
    /// Those of a server with these options, over this store.
    pub(super) fn new(options: &ServerOptions, store: Arc<dyn StateStore>) -> Result<Self, StartError> {
        let place = |is_elsewhere, port| match is_elsewhere {
            true => Place::Port(port),
            false => Place::InProcess,
        };
        let (controllers, scheduler) = (&options.controllers.health, &options.scheduler.health);
        Ok(Self {
            store,
            controller_manager: place(options.disable_controller_manager, controllers.port),
            scheduler: place(options.disable_scheduler, scheduler.port),
            network: Addresses::new()?,
        })
    }

    async fn look_at(&self, name: &str) -> Option<Value> {
        let finding = match name {
            "controller-manager" => self.ask(self.controller_manager).await,
            "scheduler" => self.ask(self.scheduler).await,
            "etcd-0" => match self.store.health().await {
                Ok(()) => Finding::well("ok"),
                Err(error) => Finding {
                    error: error.to_string(),
                    ..Finding::default()
                },
            },
            _ => return None,
        };
        Some(finding.shown(name))
    }

    async fn ask(&self, place: Place) -> Finding {
        let Place::Port(port) = place else {
            return Finding::well("ok");
        };
        let url = format!("https://{HOST}:{port}/healthz");
        match timeout(TIME_LIMIT, self.get(port)).await {
            Ok(Ok((StatusCode::OK, body))) => Finding::well(body),
            Ok(Ok((code, _))) => {
                Finding::unwell(format!("HTTP probe failed with statuscode: {}", code.as_u16()))
            }
            Ok(Err(why)) => Finding::unwell(format!("Get \"{url}\": {why}")),
            Err(_) => Finding::unwell(format!("Get \"{url}\": context deadline exceeded")),
        }
    }

    async fn get(&self, port: u16) -> Result<(StatusCode, String), String> {
        let connection = self.network.connect("https", HOST, port).await.map_err(refused)?;
        let (mut sender, serving) = http1::handshake(TokioIo::new(connection.stream))
            .await
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let request = Request::get("/healthz")
                .header("host", &connection.authority)
                .body(Empty::<Bytes>::new())
                .map_err(|error| error.to_string())?;
            let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
            let code = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok((code, String::from_utf8_lossy(&body).into_owned()))
        };
        tokio::select! {
            answered = exchange => answered,
            Err(error) = serving => Err(error.to_string()),
        }
    }
}

/// In upstream's words where nobody listens, which is what is met most.
fn refused(error: ConnectError) -> String {
    match error {
        ConnectError::Dial { address, error } if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            format!("dial tcp {address}: connect: connection refused")
        }
        other => other.to_string(),
    }
}

#[async_trait]
impl Observed for ComponentStatuses {
    async fn all(&self) -> Vec<Value> {
        let found = futures::future::join_all(NAMES.map(|name| self.look_at(name))).await;
        found.into_iter().flatten().collect()
    }

    async fn named(&self, name: &str) -> Result<Value, Status> {
        let found = self.look_at(name).await;
        // Upstream says the name of one here.
        found.ok_or_else(|| Status::not_found(&GroupResource::new("", "componentstatus"), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(place: Place) -> ComponentStatuses {
        ComponentStatuses {
            store: Arc::new(store::memory::MemoryStore::new()),
            controller_manager: place,
            scheduler: Place::InProcess,
            network: Addresses::new().expect("TLS"),
        }
    }

    /// A port of this machine where nobody listens.
    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind((HOST, 0)).expect("a port");
        listener.local_addr().expect("an address").port()
    }

    #[tokio::test]
    async fn each_component_is_looked_at() {
        let port = free_port();
        let all = statuses(Place::Port(port)).all().await;
        let told: Vec<[&Value; 3]> = all
            .iter()
            .map(|one| {
                [
                    &one["metadata"]["name"],
                    &one["conditions"][0]["status"],
                    &one["conditions"][0]["message"],
                ]
            })
            .collect();
        let refused = format!(
            "Get \"https://{HOST}:{port}/healthz\": dial tcp {HOST}:{port}: connect: connection refused"
        );
        assert_eq!(
            json!(told),
            json!([
                ["controller-manager", "False", refused],
                ["scheduler", "True", "ok"],
                ["etcd-0", "True", "ok"],
            ])
        );
    }

    #[tokio::test]
    async fn others_are_not_there() {
        let missing = statuses(Place::InProcess).named("kubelet").await;
        let missing = missing.expect_err("no such component");
        assert_eq!(missing.message, "componentstatus \"kubelet\" not found");
    }
}

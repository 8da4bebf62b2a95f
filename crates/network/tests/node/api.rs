//! An API server that knows nodes, and nothing else.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use client::transport::{self, Body};
use client::{Client, TransportError};
use futures::{Stream, StreamExt};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::sync::watch;

type Nodes = BTreeMap<String, Value>;

/// The nodes; clones share them.
#[derive(Clone)]
pub struct Api {
    nodes: Arc<watch::Sender<Nodes>>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            nodes: Arc::new(watch::Sender::new(Nodes::new())),
        }
    }
}

impl Api {
    /// Makes or changes a node.
    pub fn set(&self, name: &str, ip: Option<Ipv4Addr>, range: Option<&str>) {
        let addresses: Vec<Value> = ip
            .iter()
            .map(|ip| json!({"type": "InternalIP", "address": ip}))
            .collect();
        let node = json!({
            "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
            "spec": {"podCIDR": range},
            "status": {"addresses": addresses},
        });
        self.nodes.send_modify(|nodes| {
            nodes.insert(name.to_owned(), node);
        });
    }

    pub fn remove(&self, name: &str) {
        self.nodes.send_modify(|nodes| {
            nodes.remove(name);
        });
    }

    pub fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(&request)) }
        });
        Client::new(transport::boxed(service), "network-test")
    }

    fn answer(&self, request: &Request<Body>) -> Response<Body> {
        assert_eq!(request.uri().path(), "/api/v1/nodes");
        let watching = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("watch="));
        Response::new(match watching {
            true => body(self.events()),
            false => transport::full(self.list()),
        })
    }

    fn list(&self) -> String {
        let items: Vec<Value> = self.nodes.borrow().values().cloned().collect();
        json!({"metadata": {"resourceVersion": "1"}, "items": items}).to_string()
    }

    /// At every change, and at first, every node as it is; and the end of those that are gone.
    fn events(&self) -> impl Stream<Item = String> + Send + 'static {
        let mut receiver = self.nodes.subscribe();
        receiver.mark_changed();
        let state = (receiver, Nodes::new());
        futures::stream::unfold(state, |(mut receiver, before)| async move {
            receiver.changed().await.ok()?;
            let now = receiver.borrow_and_update().clone();
            let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
            let events = now.values().map(|node| ("MODIFIED", node));
            let events = events.chain(gone.map(|(_, node)| ("DELETED", node)));
            let text: String = events
                .map(|(kind, object)| format!("{}\n", json!({"type": kind, "object": object})))
                .collect();
            Some((text, (receiver, now)))
        })
    }
}

fn body(text: impl Stream<Item = String> + Send + 'static) -> Body {
    let frames = text.map(|text| Ok::<_, TransportError>(Frame::data(Bytes::from(text))));
    StreamBody::new(frames).boxed_unsync()
}

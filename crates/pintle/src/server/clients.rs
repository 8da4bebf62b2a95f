//! Clients of the API in its own process: each acts as its own user, and cannot tell that there is no network between.

use std::convert::Infallible;
use std::sync::Arc;

use apiserver::ApiService;
use client::{Client, Transport, transport};
use http::Request;
use meta::User;
use meta::identity::{GROUP_MASTERS, GROUP_NODES};
use pki::NodePart;
use tower::ServiceBuilder;

use crate::node::NodeClients;

/// Hands out clients by identity.
#[derive(Clone)]
pub(super) struct Clients {
    api: ApiService,
}

impl Clients {
    pub(super) fn new(api: ApiService) -> Self {
        Self { api }
    }

    /// The client of a user.
    fn of_user(&self, user: User, agent: &str) -> Client {
        let identity = self.api.identity(user);
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<client::Body>| {
                request.extensions_mut().insert(identity.clone());
                request
            })
            .service(self.api.clone());
        let transport: Transport = transport::boxed(service);
        Client::new(transport, Arc::from(agent))
    }

    /// The server itself, which may do anything; it makes what every cluster has.
    pub(super) fn server(&self) -> Client {
        self.of_user(User::new("system:apiserver", &[GROUP_MASTERS]), "kube-apiserver")
    }

    /// A component under its own name.
    pub(super) fn component(&self, user: &str, agent: &str) -> Client {
        self.of_user(User::new(user, &[]), agent)
    }

    /// The parts of a node, under the names their certificates would say.
    pub(super) fn node(&self, name: &str) -> NodeClients {
        let node = User::new(format!("system:node:{name}"), &[GROUP_NODES]);
        let group = NodePart::group(name);
        let of_part = |part: NodePart| Ok(self.of_user(User::new(part.user(), &[&group]), part.name()));
        match NodeClients::new(&self.of_user(node, "kubelet"), of_part) {
            Ok(clients) => clients,
            Err::<_, Infallible>(never) => match never {},
        }
    }

    /// A controller under its service account.
    pub(super) fn controller(&self, name: &str) -> Client {
        self.of_user(User::service_account("kube-system", name), name)
    }
}

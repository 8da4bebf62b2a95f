//! Clients of the API in its own process: each acts as its own user, and cannot tell that there is no network between.

use std::sync::Arc;

use apiserver::ApiService;
use client::{Client, Transport, transport};
use http::Request;
use meta::User;
use meta::identity::{GROUP_MASTERS, GROUP_NODES};
use tower::ServiceBuilder;

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

    /// A node, under the name its certificate would say.
    pub(super) fn node(&self, name: &str, agent: &str) -> Client {
        let user = User::new(format!("system:node:{name}"), &[GROUP_NODES]);
        self.of_user(user, agent)
    }

    /// A controller under its service account.
    pub(super) fn controller(&self, name: &str) -> Client {
        self.of_user(User::service_account("kube-system", name), name)
    }
}

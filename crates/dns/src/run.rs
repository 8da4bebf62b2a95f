//! The DNS server of a node: informers in, answers out.

use std::net::SocketAddr;
use std::sync::Arc;

use client::lean::{EndpointSlice, Service};
use client::{Client, Informer, ListOptions};
use futures::future::join_all;
use hickory_proto::rr::Name;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::forward::Forwarder;
use crate::http;
use crate::resolv_conf::ResolvConf;
use crate::resolver::Resolver;
use crate::server::Listener;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The domain is no name.
    #[error("{0:?} is not a domain")]
    Domain(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Answers queries until the token fires.
///
/// # Errors
/// If it cannot start.
pub async fn run(config: Config, client: Client, shutdown: CancellationToken) -> Result<(), StartError> {
    Dns::bind(config).await?.serve(client, shutdown).await;
    Ok(())
}

/// A DNS server that listens already, but does not answer yet.
pub struct Dns {
    listeners: Vec<Listener>,
    ready: Option<TcpListener>,
    resolver: Arc<Resolver>,
}

impl Dns {
    /// Listens.
    ///
    /// # Errors
    /// If the domain is none, or an address cannot be listened on.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let origin = Name::from_ascii(&config.domain)
            .map(|mut name| {
                name.set_fqdn(true);
                name.to_lowercase()
            })
            .ok()
            .filter(|name| !name.is_root())
            .ok_or_else(|| StartError::Domain(config.domain.clone()))?;
        let mut listeners = Vec::new();
        for &address in &config.listen {
            let bound = Listener::bind(address).await;
            listeners.push(bound.map_err(|source| StartError::Listen { address, source })?);
        }
        let ready = match config.ready {
            None => None,
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| StartError::Listen { address, source })?)
            }
        };
        let own = listeners.iter().map(Listener::address).collect();
        let conf = ResolvConf::new(config.resolv_conf, own, config.service_addresses.clone());
        let resolver = Resolver::new(
            origin,
            config.ttl_seconds,
            config.own_networks,
            config.service_addresses,
            Forwarder::new(conf),
        );
        Ok(Self {
            listeners,
            ready,
            resolver: Arc::new(resolver),
        })
    }

    /// The same with other servers to ask.
    #[cfg(test)]
    pub(crate) fn with_forwarder(mut self, forwarder: Forwarder) -> Self {
        self.resolver = Arc::new(self.resolver.with_forwarder(forwarder));
        self
    }

    /// Where it listens, by UDP and TCP; the ports are those it got if 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Answers until the token fires. Until all Services are known, names of the cluster are answered with a failure.
    pub async fn serve(self, client: Client, shutdown: CancellationToken) {
        follow(client, &self.resolver, &shutdown);
        if let Some(listener) = self.ready {
            tokio::spawn(http::serve(listener, self.resolver.clone(), shutdown.clone()));
        }
        let serving = self
            .listeners
            .into_iter()
            .map(|listener| listener.serve(self.resolver.clone(), shutdown.clone()));
        join_all(serving).await;
    }
}

/// Keeps the zone as the API has it.
fn follow(client: Client, resolver: &Arc<Resolver>, shutdown: &CancellationToken) {
    let options = ListOptions::default;
    let services = Informer::<Service>::start(client.clone(), "", options(), shutdown.clone());
    let slices = Informer::<EndpointSlice>::start(client, "", options(), shutdown.clone());
    let to = resolver.clone();
    services.on_change(move |change| {
        to.change(|zone| zone.change_service(change.old.as_deref(), change.new.as_deref()));
    });
    let to = resolver.clone();
    slices.on_change(move |change| {
        to.change(|zone| zone.change_slice(change.old.as_ref(), change.new.as_ref()));
    });
    let (resolver, shutdown) = (resolver.clone(), shutdown.clone());
    tokio::spawn(async move {
        let synced = async {
            services.synced().await;
            slices.synced().await;
        };
        if shutdown.run_until_cancelled(synced).await.is_some() {
            resolver.set_ready();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_served_is_told() {
        let bind = |domain: &str, listen: &str| {
            let config = Config {
                domain: domain.to_owned(),
                ..Config::new(vec![listen.parse().unwrap()])
            };
            Dns::bind(config)
        };
        for domain in ["", ".", "a..b"] {
            let bound = bind(domain, "127.0.0.1:0").await;
            assert!(matches!(bound, Err(StartError::Domain(_))), "{domain:?}");
        }
        let taken = bind("cluster.local", "127.0.0.1:0").await.unwrap();
        let again = bind("cluster.local.", &taken.addresses()[0].to_string()).await;
        assert!(matches!(again, Err(StartError::Listen { .. })));
    }
}

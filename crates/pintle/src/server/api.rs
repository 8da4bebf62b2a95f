//! Puts the API server together: registry, authentication, authorization, admission, ways to nodes.

use std::sync::Arc;

use admission::default_plugins;
use apiserver::{ApiServer, ApiService, Connectors};
use auth::always::Masters;
use auth::anonymous::Authentication;
use auth::bootstrap_token::BootstrapTokenAuthenticator;
use auth::in_process::InProcess;
use auth::node::{NodeAuthorizer, NodeGraph};
use auth::rbac::{RbacAuthorizer, RbacIndex};
use auth::request_header::{HeaderNames, RequestHeaderAuthenticator};
use auth::service_account::{Keyring, ServiceAccountAuthenticator};
use auth::x509::{ChainVerifier, X509Authenticator};
use auth::{AuthenticationError, Authenticator, Authorizer, FirstAuthenticator, FirstAuthorizer};
use client::controller::Chain;
use cluster::bootstrap::Settings;
use cluster::token::BootstrapToken;
use jiff::Timestamp;
use meta::Status;
use pki::ServerPki;
use registry::{Plugins, Registry};
use store::StateStore;
use tokio_util::sync::CancellationToken;

use super::actions;
use super::clients::Clients;
use super::documents::{self, BuiltInOpenApi};
use super::error::StartError;
use super::followers;
use super::hooks;
use super::lookups::Lookups;
use super::networks::{Addresses, Kubelets};
use super::options::ServerOptions;

/// The API, complete.
pub(super) struct Assembled {
    pub(super) api: ApiService,
}

/// Puts the API over a store together.
pub(super) async fn assemble(
    options: &ServerOptions,
    pki: &ServerPki,
    store: Arc<dyn StateStore>,
    shutdown: CancellationToken,
) -> Result<Assembled, StartError> {
    let registry = Registry::start(store, kinds::all()).await.map_err(bootstrap)?;
    let keys = Arc::new(Keyring::new(pki.service_account_key.clone(), Vec::new()));
    let lookups = Arc::new(Lookups(registry.clone()));

    let roles = Arc::new(RbacIndex::default());
    let graph = Arc::new(NodeGraph::default());
    followers::feed(&registry, roles.clone(), &shutdown)
        .await
        .map_err(bootstrap)?;
    followers::feed(&registry, graph.clone(), &shutdown)
        .await
        .map_err(bootstrap)?;
    let authorizer: Arc<dyn Authorizer> = Arc::new(FirstAuthorizer(vec![
        Arc::new(Masters),
        Arc::new(NodeAuthorizer(graph)),
        Arc::new(RbacAuthorizer(roles.clone())),
    ]));

    let authenticator = authentication(options, pki, keys.clone(), lookups).map_err(authentication_error)?;
    let authenticator: Arc<dyn Authenticator> = Arc::new(authenticator);
    let seen_by_plugins: Arc<dyn admission::Cluster> = Arc::new(registry.downgrade());
    registry.plug(Plugins {
        admission: Arc::new(admission::Chain::new(default_plugins(
            &seen_by_plugins,
            &authorizer,
        ))),
        hooks: hooks::all(options, &registry, &roles, &authorizer)
            .await
            .map_err(bootstrap)?,
        actions: actions::all(options, pki, &authenticator, &authorizer),
    });
    let mut server = ApiServer::new(
        registry.clone(),
        authenticator,
        authorizer,
        Arc::new(BuiltInOpenApi::new()),
        crate::version::info(),
    );
    server.issuer = match options.service_account_issuer.first() {
        Some(issuer) => Some(documents::issuer(issuer, &*keys)?),
        None => None,
    };
    server.connectors = Connectors {
        nodes: Some(Arc::new(Kubelets::new(registry, pki)?)),
        network: Some(Arc::new(Addresses)),
        services: None,
    };
    server.server_address = options.listen_address().to_string();
    server.shutdown = shutdown;
    Ok(Assembled {
        api: server.into_service(),
    })
}

fn authentication(
    options: &ServerOptions,
    pki: &ServerPki,
    keys: Arc<Keyring>,
    lookups: Arc<Lookups>,
) -> Result<Authentication, AuthenticationError> {
    let front_proxy = RequestHeaderAuthenticator {
        verifier: ChainVerifier::from_pem(&pki.front_proxy_authority.certificate().to_pem())?,
        allowed_names: vec![String::from("front-proxy-client")],
        headers: HeaderNames::default(),
    };
    let clients = X509Authenticator(ChainVerifier::from_pem(&pki.authority.certificate().to_pem())?);
    let service_accounts = ServiceAccountAuthenticator::new(
        options.service_account_issuer.clone(),
        options.audiences(),
        keys,
        lookups.clone(),
    );
    Ok(Authentication {
        known: FirstAuthenticator(vec![
            Box::new(InProcess),
            Box::new(front_proxy),
            Box::new(clients),
            Box::new(service_accounts),
            Box::new(BootstrapTokenAuthenticator(lookups)),
        ]),
        anonymous: true,
    })
}

fn bootstrap(status: Status) -> StartError {
    StartError::Bootstrap(status.message)
}

fn authentication_error(error: AuthenticationError) -> StartError {
    StartError::Authentication(error.0)
}

impl Assembled {
    /// Makes the objects every cluster has. `is_new` says that the store was empty.
    pub(super) async fn bootstrap(
        &self,
        options: &ServerOptions,
        pki: &ServerPki,
        token: BootstrapToken,
        clients: &Clients,
        is_new: bool,
    ) -> Result<(), StartError> {
        let settings = Settings {
            service_cidrs: vec![options.service_cidr.to_string()],
            service_address: options.kubernetes_address(),
            shared: options.shared(),
            advertise_address: options.advertise_address(),
            port: options.https_listen_port,
            client_authority: pki.authority.certificate().to_pem(),
            front_proxy_authority: pki.front_proxy_authority.certificate().to_pem(),
            join_token: Some(token),
            now: Timestamp::now(),
        };
        let wanted = cluster::bootstrap::wanted(&settings);
        let done = cluster::execute(&clients.server(), wanted, is_new).await;
        done.map_err(|error| StartError::Bootstrap(Chain(&error).to_string()))
    }
}

//! Puts the API server together: registry, authentication, authorization, admission, ways to nodes.

use std::sync::Arc;

use admission::default_plugins;
use admission::outward::ClientProof;
use apiserver::{Aggregation, ApiServer, ApiService, Connectors, Hook};
use audit::Auditor;
use auth::always::{AlwaysAllow, AlwaysDeny, Masters};
use auth::anonymous::Authentication;
use auth::bearer::BearerAuthenticator;
use auth::bootstrap_token::BootstrapTokenAuthenticator;
use auth::in_process::InProcess;
use auth::node::{NodeAuthorizer, NodeGraph};
use auth::rbac::{RbacAuthorizer, RbacIndex};
use auth::request_header::RequestHeaderAuthenticator;
use auth::service_account::{Keyring, ServiceAccountAuthenticator};
use auth::static_token::StaticTokenAuthenticator;
use auth::x509::{ChainVerifier, X509Authenticator};
use auth::{AuthenticationError, Authenticator, Authorizer, FirstAuthenticator, FirstAuthorizer};
use builtins::FlowIndex;
use client::controller::Chain;
use cluster::bootstrap::Settings;
use cluster::token::BootstrapToken;
use jiff::Timestamp;
use meta::{GroupResource, Status};
use registry::{Observed, Plugins, Registry};
use tokio_util::sync::CancellationToken;

use super::actions;
use super::admission_metrics::AdmissionMetrics;
use super::backup::{BackupOnDemand, BackupSource};
use super::clients::Clients;
use super::component_status::ComponentStatuses;
use super::datastore::Datastore;
use super::documents::{self, OpenApi};
use super::endpoints::Endpoints;
use super::error::StartError;
use super::followers;
use super::health;
use super::history::History;
use super::hooks;
use super::leadership::Leadership;
use super::lookups::Lookups;
use super::networks::{Addresses, Kubelets};
use super::options::ServerOptions;
use super::process_metrics;
use super::trust::Trust;
use crate::settings::AuthorizationMode;

/// The API, complete.
pub(super) struct Assembled {
    pub(super) api: ApiService,
    /// Who writes what requests do.
    pub(super) auditor: Option<Arc<Auditor>>,
    /// Done when the objects of every cluster are there.
    started: Hook,
}

/// Puts the API over a store together.
pub(super) async fn assemble(
    options: &ServerOptions,
    trust: &Trust,
    datastore: &Datastore,
    shutdown: CancellationToken,
) -> Result<Assembled, StartError> {
    resource::table::describe_fields(documents::column_texts);
    let store = datastore.store();
    let registry = Registry::start(store.clone(), kinds::all(), datastore.encoding())
        .await
        .map_err(bootstrap)?;
    let access = Access::follow(options, trust, &registry, &shutdown).await?;
    let cluster: Arc<dyn admission::Cluster> = Arc::new(registry.downgrade());
    let of_admission = plug(options, trust, datastore, &registry, &access, &cluster).await?;
    extensions::follow(&registry, &cluster, &shutdown)
        .await
        .map_err(bootstrap)?;
    let aggregation = follow_others(&registry, cluster, trust, &shutdown).await?;
    let flows = Arc::new(FlowIndex::new(
        options.api.max_requests_inflight + options.api.max_mutating_requests_inflight,
    ));
    followers::feed(&registry, flows.clone(), &shutdown)
        .await
        .map_err(bootstrap)?;
    let started = Hook::default();

    let mut server = ApiServer::new(
        registry.clone(),
        access.authenticator,
        access.authorizer.clone(),
        Arc::new(OpenApi::new(registry.clone())),
        crate::version::info(),
    );
    let issuer = options.service_account_issuer.first();
    let keys_at = options.api.service_account_keys_url.as_deref();
    server.issuer = issuer
        .map(|issuer| documents::issuer(issuer, keys_at, &*access.keys))
        .transpose()?;
    server.extensions = vec![
        Arc::new(BackupOnDemand(BackupSource::new(options, store.clone()))),
        Arc::new(History::new(registry.clone(), store.clone(), access.authorizer)),
    ];
    let of_flows = Arc::clone(&flows);
    server.metrics_sources = vec![
        process_metrics::source(),
        Arc::new(move |out| of_flows.write_metrics(out)),
        Arc::new(move |out| of_admission.write(out)),
    ];
    server.health = health::checks(store, &registry, &started, &shutdown);
    server.flow_schemas = Some(flows);
    server.aggregation = aggregation;
    server.connectors = connectors(options, trust, registry)?;
    server.flow_control.read_only = options.api.max_requests_inflight;
    server.flow_control.mutating = options.api.max_mutating_requests_inflight;
    server.request_timeout = options.api.request_timeout;
    let auditor = Auditor::start(&options.api.audit)?;
    server.auditor = auditor.clone();
    server.server_address = options.listen_address().to_string();
    server.shutdown = shutdown;
    Ok(Assembled {
        api: server.into_service(),
        auditor,
        started,
    })
}

/// Who is asking and may they, with what that is judged by.
struct Access {
    keys: Arc<Keyring>,
    roles: Arc<RbacIndex>,
    authenticator: Arc<dyn Authenticator>,
    authorizer: Arc<dyn Authorizer>,
}

impl Access {
    async fn follow(
        options: &ServerOptions,
        trust: &Trust,
        registry: &Registry,
        shutdown: &CancellationToken,
    ) -> Result<Self, StartError> {
        let keys = Arc::new(Keyring::new(
            trust.token_key.clone(),
            trust.other_token_keys.clone(),
        ));
        let lookups = Arc::new(Lookups(registry.clone()));
        let roles = Arc::new(RbacIndex::default());
        let graph = Arc::new(NodeGraph::default());
        followers::feed(registry, roles.clone(), shutdown)
            .await
            .map_err(bootstrap)?;
        followers::feed(registry, graph.clone(), shutdown)
            .await
            .map_err(bootstrap)?;
        let authenticator =
            authentication(options, trust, keys.clone(), lookups).map_err(authentication_error)?;
        Ok(Self {
            keys,
            authenticator: Arc::new(authenticator),
            authorizer: authorization(&options.api.authorization, &graph, &roles),
            roles,
        })
    }
}

/// Gives the registry what happens around writes; gives what is counted of it.
async fn plug(
    options: &ServerOptions,
    trust: &Trust,
    datastore: &Datastore,
    registry: &Registry,
    access: &Access,
    cluster: &Arc<dyn admission::Cluster>,
) -> Result<Arc<AdmissionMetrics>, StartError> {
    let Access {
        roles,
        authenticator,
        authorizer,
        ..
    } = access;
    let store = datastore.store();
    let others = datastore.is_shared().then(|| store.clone());
    let components: Arc<dyn Observed> = Arc::new(ComponentStatuses::new(options, store)?);
    let of_admission = Arc::new(AdmissionMetrics::default());
    let observer: Arc<dyn admission::Observer> = of_admission.clone();
    registry.plug(Plugins {
        admission: Arc::new(admission_chain(options, cluster, authorizer, &observer)?),
        hooks: hooks::all(options, registry, roles, authorizer, others)
            .await
            .map_err(bootstrap)?,
        actions: actions::all(options, trust, authenticator, authorizer),
        observed: [(GroupResource::new("", "componentstatuses"), components)].into(),
    });
    Ok(of_admission)
}

/// Follows which other servers serve parts of the API.
async fn follow_others(
    registry: &Registry,
    cluster: Arc<dyn admission::Cluster>,
    trust: &Trust,
    shutdown: &CancellationToken,
) -> Result<Aggregation, StartError> {
    let aggregation = Aggregation::default();
    let parties = aggregation::Parties {
        cluster,
        client: Some(ClientProof {
            certificates: trust.front_proxy_client.certificate_pem.as_str().into(),
            key: trust.front_proxy_client.key_pem.as_str().into(),
        }),
        aggregation: aggregation.clone(),
    };
    aggregation::follow(registry, parties, shutdown)
        .await
        .map_err(bootstrap)?;
    Ok(aggregation)
}

/// Where nodes, addresses and Services are reached.
fn connectors(options: &ServerOptions, trust: &Trust, registry: Registry) -> Result<Connectors, StartError> {
    Ok(Connectors {
        nodes: Some(Arc::new(Kubelets::new(
            registry.clone(),
            trust,
            &options.api.kubelet_address_types,
        )?)),
        network: Some(Arc::new(Addresses::new()?)),
        services: Some(Arc::new(Endpoints(registry))),
    })
}

/// Who may do what: the chosen authorizers in their order, behind the one with which a cluster is mended.
fn authorization(
    modes: &[AuthorizationMode],
    graph: &Arc<NodeGraph>,
    roles: &Arc<RbacIndex>,
) -> Arc<dyn Authorizer> {
    let chosen = modes.iter().map(|mode| -> Arc<dyn Authorizer> {
        match mode {
            AuthorizationMode::Node => Arc::new(NodeAuthorizer(graph.clone())),
            AuthorizationMode::Rbac => Arc::new(RbacAuthorizer(roles.clone())),
            AuthorizationMode::AlwaysAllow => Arc::new(AlwaysAllow),
            AuthorizationMode::AlwaysDeny => Arc::new(AlwaysDeny),
        }
    });
    let masters: Arc<dyn Authorizer> = Arc::new(Masters);
    Arc::new(FirstAuthorizer(std::iter::once(masters).chain(chosen).collect()))
}

/// The default plugins without those that are disabled.
fn admission_chain(
    options: &ServerOptions,
    cluster: &Arc<dyn admission::Cluster>,
    authorizer: &Arc<dyn Authorizer>,
    observer: &Arc<dyn admission::Observer>,
) -> Result<admission::Chain, StartError> {
    let plugins = default_plugins(cluster, authorizer, observer);
    let is_served = |name: &&String| plugins.iter().any(|plugin| plugin.name() == name.as_str());
    let enabled = &options.api.enabled_plugins;
    if let Some(unserved) = enabled.iter().find(|name| !is_served(name)) {
        return Err(StartError::Plugin(unserved.clone()));
    }
    let disabled: Vec<&str> = options.api.disabled_plugins.iter().map(String::as_str).collect();
    Ok(admission::Chain::new(plugins).without(&disabled))
}

fn authentication(
    options: &ServerOptions,
    trust: &Trust,
    keys: Arc<Keyring>,
    lookups: Arc<Lookups>,
) -> Result<Authentication, AuthenticationError> {
    let front_proxy = RequestHeaderAuthenticator {
        verifier: ChainVerifier::from_pem(&trust.front_proxy_authority)?,
        allowed_names: options.api.front_proxy_names.clone(),
        headers: options.api.front_proxy_headers.clone(),
    };
    let clients = X509Authenticator(ChainVerifier::from_pem(&trust.client_authority)?);
    let service_accounts = ServiceAccountAuthenticator::new(
        options.service_account_issuer.clone(),
        options.audiences(),
        keys,
        lookups.clone(),
    );
    let mut tokens: Vec<Box<dyn Authenticator>> = Vec::new();
    if !trust.static_tokens.is_empty() {
        let static_tokens = StaticTokenAuthenticator::from_csv(&trust.static_tokens)?;
        tokens.push(Box::new(static_tokens));
    }
    tokens.push(Box::new(service_accounts));
    if options.api.bootstrap_tokens {
        tokens.push(Box::new(BootstrapTokenAuthenticator(lookups)));
    }
    let known: Vec<Box<dyn Authenticator>> = vec![
        Box::new(InProcess),
        Box::new(front_proxy),
        Box::new(clients),
        Box::new(BearerAuthenticator(FirstAuthenticator(tokens))),
    ];
    Ok(Authentication {
        known: FirstAuthenticator(known),
        anonymous: options.api.anonymous,
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
        trust: &Trust,
        token: BootstrapToken,
        clients: &Clients,
        leadership: Leadership,
        is_new: bool,
    ) -> Result<(), StartError> {
        let masters = match leadership {
            Leadership::Alone => vec![options.advertised()],
            // Each makes itself known while it is alive.
            Leadership::Elected => Vec::new(),
        };
        let settings = Settings {
            service_cidrs: vec![options.service_cidr.to_string()],
            service_address: options.kubernetes_address(),
            shared: options.shared(),
            masters,
            port: options.https_listen_port,
            client_authority: trust.client_authority.clone(),
            front_proxy_authority: trust.front_proxy_authority.clone(),
            join_token: Some(token),
            now: Timestamp::now(),
        };
        let wanted = cluster::bootstrap::wanted(&settings);
        let done = cluster::execute(&clients.server(), wanted, is_new).await;
        done.map_err(|error| StartError::Bootstrap(Chain(&error).to_string()))?;
        self.started.done();
        Ok(())
    }
}

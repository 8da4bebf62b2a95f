//! Settings of the API server.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use auth::request_header::HeaderNames;

/// Settings of the API server.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Whether requests without credentials are taken.
    pub anonymous: bool,
    /// Whether tokens of Secrets in kube-system are believed.
    pub bootstrap_tokens: bool,
    /// Who decides what users may do, in order.
    pub authorization: Vec<AuthorizationMode>,
    /// Admission plugins that run beside those that always do.
    pub enabled_plugins: Vec<String>,
    /// Admission plugins that do not run.
    pub disabled_plugins: Vec<String>,
    /// Requests at a time that only read.
    pub max_requests_inflight: usize,
    /// Requests at a time that change something.
    pub max_mutating_requests_inflight: usize,
    /// How long a request may take, unless it is meant to last.
    pub request_timeout: Duration,
    /// How often the store's history is forgotten, all that is older than this; never, if zero.
    pub compaction_interval: Duration,
    /// Requests at a time on one HTTP/2 connection.
    pub max_streams: Option<u32>,
    /// Which front proxies are believed, by common name; all, if empty.
    pub front_proxy_names: Vec<String>,
    /// The headers in which they tell who the user is.
    pub front_proxy_headers: HeaderNames,
    /// By which of their addresses nodes are reached, the best first; empty for pintle's own order.
    pub kubelet_address_types: Vec<String>,
    /// Where the issuer of service account tokens says that its keys are; none for this server.
    pub service_account_keys_url: Option<String>,
    /// What is written of requests.
    pub audit: audit::Options,
    /// Keys and certificates that are not those of the data directory.
    pub files: ApiFiles,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}

/// Files that stand for those of the data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiFiles {
    /// The API's own certificate.
    pub serving_certificate: Option<PathBuf>,
    /// Its key.
    pub serving_key: Option<PathBuf>,
    /// Authorities that sign clients.
    pub client_authority: Option<PathBuf>,
    /// Authorities that sign front proxies.
    pub front_proxy_authority: Option<PathBuf>,
    /// Authorities that sign kubelets' own certificates.
    pub kubelet_authority: Option<PathBuf>,
    /// The certificate towards kubelets.
    pub kubelet_client_certificate: Option<PathBuf>,
    /// Its key.
    pub kubelet_client_key: Option<PathBuf>,
    /// The certificate towards other API servers.
    pub front_proxy_client_certificate: Option<PathBuf>,
    /// Its key.
    pub front_proxy_client_key: Option<PathBuf>,
    /// What signs service account tokens.
    pub token_signing_key: Option<PathBuf>,
    /// Keys whose tokens are believed.
    pub token_keys: Vec<PathBuf>,
    /// Tokens of users, in CSV.
    pub static_tokens: Option<PathBuf>,
    /// What is written of requests.
    pub audit_policy: Option<PathBuf>,
}

impl ApiFiles {
    /// All that are named.
    pub fn paths(&self) -> Vec<&PathBuf> {
        let single = [
            &self.serving_certificate,
            &self.serving_key,
            &self.client_authority,
            &self.front_proxy_authority,
            &self.kubelet_authority,
            &self.kubelet_client_certificate,
            &self.kubelet_client_key,
            &self.front_proxy_client_certificate,
            &self.front_proxy_client_key,
            &self.token_signing_key,
            &self.static_tokens,
            &self.audit_policy,
        ];
        single.into_iter().flatten().chain(&self.token_keys).collect()
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            anonymous: true,
            bootstrap_tokens: true,
            authorization: vec![AuthorizationMode::Node, AuthorizationMode::Rbac],
            enabled_plugins: Vec::new(),
            disabled_plugins: Vec::new(),
            max_requests_inflight: 400,
            max_mutating_requests_inflight: 200,
            request_timeout: Duration::from_secs(60),
            compaction_interval: Duration::from_secs(300),
            max_streams: None,
            front_proxy_names: vec![String::from("front-proxy-client")],
            front_proxy_headers: HeaderNames::default(),
            kubelet_address_types: Vec::new(),
            service_account_keys_url: None,
            audit: audit::Options::default(),
            files: ApiFiles::default(),
            verbosity: 0,
        }
    }
}

/// Who decides what users may do. Members of `system:masters` may do anything whatever is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationMode {
    /// Kubelets may read what their pods need.
    Node,
    /// Roles and bindings.
    Rbac,
    /// Everyone may do anything.
    AlwaysAllow,
    /// Nobody may do anything.
    AlwaysDeny,
}

impl FromStr for AuthorizationMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "Node" => Ok(Self::Node),
            "RBAC" => Ok(Self::Rbac),
            "AlwaysAllow" => Ok(Self::AlwaysAllow),
            "AlwaysDeny" => Ok(Self::AlwaysDeny),
            "ABAC" | "Webhook" => Err(format!("mode {text:?} is not served by pintle yet")),
            _ => Err(format!("{text:?} is not a valid mode")),
        }
    }
}

/// All admission plugins of upstream.
pub const ADMISSION_PLUGINS: [&str; 37] = [
    "AlwaysAdmit",
    "AlwaysDeny",
    "AlwaysPullImages",
    "CertificateApproval",
    "CertificateSigning",
    "CertificateSubjectRestriction",
    "ClusterTrustBundleAttest",
    "DefaultIngressClass",
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "DenyServiceExternalIPs",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "ImagePolicyWebhook",
    "LimitPodHardAntiAffinityTopology",
    "LimitRanger",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "NamespaceAutoProvision",
    "NamespaceExists",
    "NamespaceLifecycle",
    "NodeDeclaredFeatureValidator",
    "NodeRestriction",
    "OwnerReferencesPermissionEnforcement",
    "PersistentVolumeClaimResize",
    "PodNodeSelector",
    "PodSecurity",
    "PodTolerationRestriction",
    "PodTopologyLabels",
    "Priority",
    "ResourceQuota",
    "RuntimeClass",
    "ServiceAccount",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
];

//! The built-in plugins.

mod certificates;
mod creation_by_update;
mod default_class;
mod default_toleration_seconds;
mod limit_ranger;
mod namespace_lifecycle;
mod node_restriction;
mod persistent_volume_claim_resize;
mod pod_security;
mod pod_topology_labels;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;
mod storage_object_in_use_protection;
mod taint_nodes_by_condition;

use std::sync::Arc;

use auth::Authorizer;

use crate::cluster::Cluster;
use crate::observer::Observer;
use crate::plugin::Plugin;
use crate::policy::{MutatingPolicies, ValidatingPolicies};
use crate::webhook::{MutatingWebhooks, ValidatingWebhooks};

/// The plugins that upstream turns on by default, and NodeRestriction, in upstream's order; before them what upstream asks
/// outside of plugins. `authorizer` is asked who may create by an update, approve and sign certificates, and by expressions.
/// `observer` is told what webhooks and policies do.
pub fn default_plugins(
    cluster: &Arc<dyn Cluster>,
    authorizer: &Arc<dyn Authorizer>,
    observer: &Arc<dyn Observer>,
) -> Vec<Box<dyn Plugin>> {
    let observer = || Arc::clone(observer);
    let cluster = || Arc::clone(cluster);
    let authorizer = || Arc::clone(authorizer);
    vec![
        Box::new(creation_by_update::CreationByUpdate {
            authorizer: authorizer(),
        }),
        Box::new(namespace_lifecycle::NamespaceLifecycle { cluster: cluster() }),
        Box::new(limit_ranger::LimitRanger { cluster: cluster() }),
        Box::new(service_account::ServiceAccount { cluster: cluster() }),
        Box::new(node_restriction::NodeRestriction { cluster: cluster() }),
        Box::new(taint_nodes_by_condition::TaintNodesByCondition),
        Box::new(pod_security::PodSecurity { cluster: cluster() }),
        Box::new(priority::Priority::new(cluster())),
        Box::new(default_toleration_seconds::DefaultTolerationSeconds),
        Box::new(default_class::DefaultClass::storage(cluster())),
        Box::new(storage_object_in_use_protection::StorageObjectInUseProtection),
        Box::new(persistent_volume_claim_resize::PersistentVolumeClaimResize { cluster: cluster() }),
        Box::new(runtime_class::RuntimeClass { cluster: cluster() }),
        Box::new(certificates::SignerPermission::approval(authorizer())),
        Box::new(certificates::SignerPermission::signing(authorizer())),
        Box::new(certificates::CertificateSubjectRestriction),
        Box::new(default_class::DefaultClass::ingress(cluster())),
        Box::new(pod_topology_labels::PodTopologyLabels { cluster: cluster() }),
        Box::new(MutatingPolicies::new(cluster(), authorizer()).observed_by(observer())),
        Box::new(MutatingWebhooks::new(cluster(), authorizer()).observed_by(observer())),
        Box::new(ValidatingPolicies::new(cluster(), authorizer()).observed_by(observer())),
        Box::new(ValidatingWebhooks::new(cluster(), authorizer()).observed_by(observer())),
        // The last, so that nothing is counted that another one refuses.
        Box::new(resource_quota::ResourceQuota { cluster: cluster() }),
    ]
}

//! Which room belongs to which resource.

use std::sync::Arc;

use resource::{Descriptor, Kind};

use crate::plain::Plain;
use crate::{
    admissionregistration, apiextensions, apiregistration, apps, autoscaling, batch, certificates,
    coordination, core, discovery, events, flowcontrol, networking, node, policy, rbac, resource_k8s,
    scheduling, storage,
};

type Open = fn(Descriptor) -> Arc<dyn Kind>;

macro_rules! rooms {
    ($($group:literal { $($plural:literal => $room:path,)* })*) => {
        /// By group (and version, where versions differ) and plural name; the first that fits.
        const ROOMS: &[(&str, &str, Open)] = &[$($(($group, $plural, |descriptor| Arc::new($room(descriptor))),)*)*];
    };
}

rooms! {
    "" {
        "componentstatuses" => core::component_status::ComponentStatus,
        "configmaps" => core::config_map::ConfigMap,
        "endpoints" => core::endpoints::Endpoints,
        "events" => core::event::Event,
        "limitranges" => core::limit_range::LimitRange,
        "namespaces" => core::namespace::Namespace,
        "nodes" => core::node::Node,
        "persistentvolumeclaims" => core::persistent_volume_claim::PersistentVolumeClaim,
        "persistentvolumes" => core::persistent_volume::PersistentVolume,
        "pods" => core::pod::Pod,
        "podtemplates" => core::pod_template::PodTemplate,
        "replicationcontrollers" => core::replication_controller::ReplicationController,
        "resourcequotas" => core::resource_quota::ResourceQuota,
        "secrets" => core::secret::Secret,
        "serviceaccounts" => core::service_account::ServiceAccount,
        "services" => core::service::Service,
    }
    "admissionregistration.k8s.io" {
        "mutatingadmissionpolicies" => admissionregistration::policy::MutatingAdmissionPolicy,
        "mutatingadmissionpolicybindings" => admissionregistration::binding::MutatingAdmissionPolicyBinding,
        "mutatingwebhookconfigurations" => admissionregistration::webhook::MutatingWebhookConfiguration,
        "validatingadmissionpolicies" => admissionregistration::policy::ValidatingAdmissionPolicy,
        "validatingadmissionpolicybindings" => admissionregistration::binding::ValidatingAdmissionPolicyBinding,
        "validatingwebhookconfigurations" => admissionregistration::webhook::ValidatingWebhookConfiguration,
    }
    "apiextensions.k8s.io" {
        "customresourcedefinitions" => apiextensions::definition::CustomResourceDefinition,
    }
    "apiregistration.k8s.io" {
        "apiservices" => apiregistration::api_service::APIService,
    }
    "apps" {
        "controllerrevisions" => apps::controller_revision::ControllerRevision,
        "daemonsets" => apps::daemon_set::DaemonSet,
        "deployments" => apps::deployment::Deployment,
        "replicasets" => apps::replica_set::ReplicaSet,
        "statefulsets" => apps::stateful_set::StatefulSet,
    }
    "autoscaling/v1" {
        "horizontalpodautoscalers" => autoscaling::horizontal::HorizontalPodAutoscalerV1,
    }
    "autoscaling" {
        "horizontalpodautoscalers" => autoscaling::horizontal::HorizontalPodAutoscaler,
    }
    "batch" {
        "cronjobs" => batch::cron_job::CronJob,
        "jobs" => batch::job::Job,
    }
    "certificates.k8s.io" {
        "certificatesigningrequests" => certificates::signing_request::CertificateSigningRequest,
    }
    "coordination.k8s.io" {
        "leases" => coordination::lease::Lease,
    }
    "discovery.k8s.io" {
        "endpointslices" => discovery::endpoint_slice::EndpointSlice,
    }
    "events.k8s.io" {
        "events" => events::event::Event,
    }
    "flowcontrol.apiserver.k8s.io" {
        "flowschemas" => flowcontrol::flow_schema::FlowSchema,
        "prioritylevelconfigurations" => flowcontrol::priority_level::PriorityLevelConfiguration,
    }
    "networking.k8s.io" {
        "ingressclasses" => networking::ingress_class::IngressClass,
        "ingresses" => networking::ingress::Ingress,
        "ipaddresses" => networking::ip_address::IPAddress,
        "networkpolicies" => networking::network_policy::NetworkPolicy,
        "servicecidrs" => networking::service_cidr::ServiceCIDR,
    }
    "node.k8s.io" {
        "runtimeclasses" => node::runtime_class::RuntimeClass,
    }
    "policy" {
        "poddisruptionbudgets" => policy::pod_disruption_budget::PodDisruptionBudget,
    }
    "rbac.authorization.k8s.io" {
        "clusterrolebindings" => rbac::binding::ClusterRoleBinding,
        "clusterroles" => rbac::role::ClusterRole,
        "rolebindings" => rbac::binding::RoleBinding,
        "roles" => rbac::role::Role,
    }
    "resource.k8s.io" {
        "deviceclasses" => resource_k8s::device_class::DeviceClass,
        "resourceclaims" => resource_k8s::claim::ResourceClaim,
        "resourceclaimtemplates" => resource_k8s::template::ResourceClaimTemplate,
        "resourceslices" => resource_k8s::slice::ResourceSlice,
    }
    "scheduling.k8s.io" {
        "priorityclasses" => scheduling::priority_class::PriorityClass,
    }
    "storage.k8s.io" {
        "csidrivers" => storage::csi_driver::CSIDriver,
        "csinodes" => storage::csi_node::CSINode,
        "csistoragecapacities" => storage::capacity::CSIStorageCapacity,
        "storageclasses" => storage::class::StorageClass,
        "volumeattachments" => storage::attachment::VolumeAttachment,
        "volumeattributesclasses" => storage::volume_attributes::VolumeAttributesClass,
    }
}

/// The room of a resource; a plain one if it has none of its own.
pub fn open(descriptor: Descriptor) -> Arc<dyn Kind> {
    let versioned = descriptor.kind.group_version().to_string();
    let room = ROOMS.iter().find(|(group, plural, _)| {
        (*group == descriptor.kind.group || *group == versioned) && *plural == descriptor.plural
    });
    match room {
        Some((_, _, open)) => open(descriptor),
        None => Arc::new(Plain(descriptor)),
    }
}

#[cfg(test)]
mod tests {
    use super::ROOMS;

    #[test]
    fn every_room_belongs_to_a_served_resource() {
        for (group, plural, _) in ROOMS {
            let mut served = schema::resources();
            assert!(
                served.any(|(version, resource)| {
                    let versioned = format!("{}/{}", version.group, version.version);
                    (version.group == *group || versioned == *group) && resource.plural == *plural
                }),
                "{plural}.{group}"
            );
        }
    }
    /// Kinds of which a client must know the version it changes.
    #[test]
    fn some_are_changed_with_a_version_only() {
        let mut strict: Vec<String> = crate::all()
            .iter()
            .filter(|kind| !kind.allows_unconditional_update())
            .map(|kind| kind.descriptor().plural.clone())
            .collect();
        strict.sort_unstable();
        strict.dedup();
        assert_eq!(
            strict,
            [
                "apiservices",
                "csidrivers",
                "csinodes",
                "csistoragecapacities",
                "customresourcedefinitions",
                "leases",
                "mutatingadmissionpolicies",
                "mutatingadmissionpolicybindings",
                "mutatingwebhookconfigurations",
                "poddisruptionbudgets",
                "runtimeclasses",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
                "validatingwebhookconfigurations",
                "volumeattachments",
            ]
        );
    }
}

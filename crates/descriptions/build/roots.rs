//! The types whose schemas hold everything: each stands for itself and all that it refers to.

use k8s_openapi::{api, apiextensions_apiserver, apimachinery, kube_aggregator};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Adds the types of a module.
macro_rules! add {
    ($generator:ident: $module:path { $($kind:ident)* }) => {{
        use $module as module;
        $(add::<module::$kind>($generator);)*
    }};
}

/// All schemas, by their OpenAPI names.
pub fn schemas() -> Map<String, Value> {
    let mut all = SchemaGenerator::default();
    workloads(&mut all);
    cluster(&mut all);
    requests(&mut all);
    all.take_definitions(true)
}

fn workloads(all: &mut SchemaGenerator) {
    add!(all: api::core::v1 {
        ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate
        ReplicationController ResourceQuota Secret Service ServiceAccount ComponentStatus
    });
    add!(all: api::apps::v1 { ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet });
    add!(all: api::autoscaling::v1 { HorizontalPodAutoscaler });
    add!(all: api::autoscaling::v2 { HorizontalPodAutoscaler });
    add!(all: api::batch::v1 { CronJob Job });
    add!(all: api::discovery::v1 { EndpointSlice });
    add!(all: api::events::v1 { Event });
    add!(all: api::networking::v1 { IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR });
    add!(all: api::policy::v1 { PodDisruptionBudget });
}

fn cluster(all: &mut SchemaGenerator) {
    add!(all: api::admissionregistration::v1 {
        MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy
        ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration
    });
    add!(all: apiextensions_apiserver::pkg::apis::apiextensions::v1 { CustomResourceDefinition });
    add!(all: kube_aggregator::pkg::apis::apiregistration::v1 { APIService });
    add!(all: api::certificates::v1 { CertificateSigningRequest });
    add!(all: api::coordination::v1 { Lease });
    add!(all: api::flowcontrol::v1 { FlowSchema PriorityLevelConfiguration });
    add!(all: api::node::v1 { RuntimeClass });
    add!(all: api::rbac::v1 { ClusterRole ClusterRoleBinding Role RoleBinding });
    add!(all: api::resource::v1 { DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice });
    add!(all: api::scheduling::v1 { PriorityClass });
    add!(all: api::storage::v1 {
        CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass
    });
}

/// What is asked of the server and not stored.
fn requests(all: &mut SchemaGenerator) {
    add!(all: api::core::v1 { Binding });
    add!(all: api::authentication::v1 { SelfSubjectReview TokenRequest TokenReview });
    add!(all: api::authorization::v1 {
        LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview
    });
    add!(all: api::autoscaling::v1 { Scale });
    add!(all: api::policy::v1 { Eviction });
    add!(all: apimachinery::pkg::apis::meta::v1 {
        APIGroup APIGroupList APIResource APIResourceList APIVersions DeleteOptions ListMeta Patch Status
    });
    add!(all: apimachinery::pkg::version { Info });
}

fn add<T: JsonSchema>(all: &mut SchemaGenerator) {
    let _reference = all.subschema_for::<T>();
}

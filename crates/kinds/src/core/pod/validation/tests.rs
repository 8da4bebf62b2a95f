//! Rules of a pod's spec, by what they refuse.

use serde_json::{Value, json};

use crate::testing::create_errors;

/// What is wrong with a pod whose spec has these fields beside a container.
#[track_caller]
fn check(spec: Value, expected: &[&str]) {
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    for (field, value) in spec.as_object().expect("fields") {
        pod["spec"][field] = value.clone();
    }
    assert_eq!(create_errors("", "pods", pod), expected, "{spec}");
}

/// The same for one container's field.
#[track_caller]
fn check_container(field: &str, value: Value, expected: &[&str]) {
    let mut container = json!({"name": "c", "image": "i"});
    container[field] = value;
    check(json!({"containers": [container]}), expected);
}

#[test]
fn names_in_variables() {
    let of_key =
        |name: &str| json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": name, "key": "k"}}}]);
    check_container("env", of_key("a.b"), &[]);
    check_container(
        "env",
        of_key("A"),
        &[
            "spec.containers[0].env[0].valueFrom.configMapKeyRef.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must \
           consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
           (e.g. 'example.com', regex used for validation is \
           '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ],
    );
    check_container("envFrom", json!([{"secretRef": {"name": "a-"}}]), &[]);
    check_container(
        "envFrom",
        json!([{"secretRef": {}}]),
        &["spec.containers[0].envFrom[0].secretRef.name: Required value"],
    );
}

#[test]
fn block_devices() {
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "x"}}]);
    let devices = |devices: Value| json!({"volumes": volumes, "containers": [{"name": "c", "image": "i", "volumeDevices": devices}]});
    check(
        devices(json!([{"name": "v", "devicePath": "/dev/../x"}])),
        &[
            "spec.containers[0].volumeDevices[0].devicePath: Invalid value: \"/dev/../x\": can not contain backsteps ('..')",
        ],
    );
    check(
        devices(json!([{"name": "v", "devicePath": "/d"}, {"name": "v", "devicePath": "/d"}])),
        &[
            "spec.containers[0].volumeDevices[1].name: Invalid value: \"v\": must be unique",
            "spec.containers[0].volumeDevices[1].devicePath: Invalid value: \"/d\": must be unique",
        ],
    );
}

#[test]
fn volumes() {
    let ephemeral = json!({"volumeClaimTemplate": {
        "metadata": {"name": "x", "labels": {"a": "b"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}},
    }});
    check(
        json!({"volumes": [
            {"name": "e", "ephemeral": ephemeral},
            {"name": "v", "persistentVolumeClaim": {"claimName": "p-e"}},
        ]}),
        &[
            "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"p-e\": must not reference a PVC that gets created for an \
             ephemeral volume",
        ],
    );
    check(
        json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}, "downwardAPI": {}, "cephfs": {"monitors": ["m"]}}]}),
        &[
            "spec.volumes[0].cephFS: Forbidden: may not specify more than 1 volume type",
            "spec.volumes[0].downwarAPI: Forbidden: may not specify more than 1 volume type",
        ],
    );
    check(
        json!({"volumes": [{"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "S"}}}]}),
        &[
            "spec.volumes[0].csi.name: Invalid value: \"S\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
           characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
           validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ],
    );
    let source = |name: &str| json!({"configMap": {"name": name, "items": [{"key": "k", "path": "same"}]}});
    check(
        json!({"volumes": [{"name": "v", "projected": {"sources": [source("a"), source("b")]}}]}),
        &["spec.volumes[0].projected: Invalid value: \"b\": conflicting duplicate paths"],
    );
}

#[test]
fn names_are_resolved_by_somebody() {
    check(
        json!({"dnsPolicy": "None", "dnsConfig": {"options": [{}]}}),
        &[
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
        ],
    );
}

#[test]
fn kernel_parameters_are_the_pods_own() {
    let sysctls = |name: &str| json!({"sysctls": [{"name": name, "value": "1"}]});
    check(json!({"securityContext": sysctls("net.core.somaxconn")}), &[]);
    check(
        json!({"hostNetwork": true, "securityContext": sysctls("net/core/somaxconn")}),
        &[
            "spec.securityContext.sysctls[0].name: Invalid value: \"net/core/somaxconn\": may not be specified when 'hostNetwork' is true",
        ],
    );
    check(
        json!({"hostIPC": true, "securityContext": sysctls("kernel.shm_rmid_forced")}),
        &[
            "spec.securityContext.sysctls[0].name: Invalid value: \"kernel.shm_rmid_forced\": may not be specified when 'hostIPC' is true",
        ],
    );
}

#[test]
fn processes_of_a_windows_host() {
    let on_host = |is: bool| json!({"windowsOptions": {"hostProcess": is}});
    let containers = |first: Value| json!([{"name": "c", "image": "i", "securityContext": first}, {"name": "d", "image": "i"}]);
    check(
        json!({"hostNetwork": true, "securityContext": on_host(true), "containers": containers(json!({}))}),
        &[],
    );
    check(
        json!({"securityContext": on_host(true), "containers": containers(on_host(false))}),
        &[
            "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be \
             identical if both are specified, was true",
            "spec: Invalid value: \"\": If pod contains any hostProcess containers then all containers must be HostProcess containers",
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
        ],
    );
}

#[test]
fn init_containers_are_not_resized() {
    let policy = json!([{"resourceName": "cpu", "restartPolicy": "NotRequired"}]);
    check(
        json!({"initContainers": [{"name": "i", "image": "i", "resizePolicy": policy, "restartPolicy": "Always"}]}),
        &[],
    );
    check(
        json!({"initContainers": [{"name": "i", "image": "i", "resizePolicy": policy}]}),
        &[
            "spec.initContainers[0].resizePolicy: Invalid value: [{\"ResourceName\":\"cpu\",\"RestartPolicy\":\"NotRequired\"}]: must not \
           be set for init containers",
        ],
    );
}

#[test]
fn claims_that_are_made_have_names() {
    let mut pod = json!({
        "metadata": {"name": "p".repeat(250), "namespace": "n"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "resourceClaims": [{"name": "abcd", "resourceClaimTemplateName": "t"}],
        },
    });
    let errors = create_errors("", "pods", pod.clone());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].ends_with("-abcd\": final ResourceClaim name: must be no more than 253 characters"),
        "{}",
        errors[0]
    );
    pod["metadata"]["name"] = "p".into();
    assert!(create_errors("", "pods", pod).is_empty());
}

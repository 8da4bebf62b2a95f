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
fn init_containers_are_resized_without_a_restart() {
    let init = |restart: &str| {
        let policy = json!([{"resourceName": "cpu", "restartPolicy": restart}]);
        json!({"initContainers": [{"name": "i", "image": "i", "resizePolicy": policy}]})
    };
    check(init("NotRequired"), &[]);
    check(
        init("RestartContainer"),
        &[
            "spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: \"RestartContainer\": must not be set to \
             'RestartContainer' for non-sidecar initContainers",
        ],
    );
}

#[test]
fn restart_rules() {
    check_container(
        "restartPolicyRules",
        json!([{"exitCodes": {}}]),
        &[
            "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            "spec.containers[0].restartPolicyRules[0].action: Unsupported value: \"\": supported values: \"Restart\", \
             \"RestartAllContainers\"",
            "spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: \"\": supported values: \"In\", \
             \"NotIn\"",
        ],
    );
    check(
        json!({"initContainers": [{"name": "i", "image": "i", "restartPolicyRules": [{}]}]}),
        &[
            "spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
        ],
    );
}

#[test]
fn claims_of_containers() {
    let claims = json!([{}, {"name": "a", "request": "r"}, {"name": "a", "request": "r"}, {"name": "a"}, {"name": "b"}]);
    check(
        json!({
            "resourceClaims": [{"name": "a", "resourceClaimTemplateName": "t"}],
            "containers": [{"name": "c", "image": "i", "resources": {"claims": claims}}],
        }),
        &[
            "spec.containers[0].resources.claims[0]: Required value",
            "spec.containers[0].resources.claims[2]: Duplicate value: \"a/r\"",
            "spec.containers[0].resources.claims[3]: Duplicate value: \"a\"",
            "spec.containers[0].resources.claims[4]: Not found: \"b\": must be one of the names in pod.spec.resourceClaims: a",
        ],
    );
}

#[test]
fn files_with_variables() {
    let file = json!([{"name": "A", "valueFrom": {"fileKeyRef": {"path": "/a/../b", "volumeName": "v", "key": "K"}}}]);
    check(
        json!({"hostname": "A", "containers": [{"name": "c", "image": "i", "env": file}]}),
        &[
            "spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.hostname: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: \"v\"",
        ],
    );
}

#[test]
fn a_label_is_selected_once() {
    check(
        json!({"topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "no key!", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["a", "b"],
            "labelSelector": {"matchLabels": {"b": "c"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]},
        }]}),
        &[
            "spec.topologySpreadConstraints[0][1]: Invalid value: \"b\": exists in both matchLabelKeys and labelSelector",
        ],
    );
}

#[test]
fn what_ephemeral_containers_have_not() {
    let ephemeral =
        json!({"name": "c", "image": "i", "ports": [], "resources": {"limits": {}}, "lifecycle": {}});
    check(
        json!({"ephemeralContainers": [ephemeral]}),
        &[
            "spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ],
    );
}

#[test]
fn a_pod_covers_its_containers() {
    check(
        json!({
            "resources": {"requests": {"cpu": "1", "a": "1"}, "limits": {"cpu": "2"}},
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "3"}}}],
        }),
        &[
            "spec.resources.requests[a]: Invalid value: \"a\": must be a standard resource type or fully qualified",
            "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2",
            "spec.resources.containers[0][cpu].limits: Invalid value: \"3\": must be less than or equal to pod limits of 2",
        ],
    );
}

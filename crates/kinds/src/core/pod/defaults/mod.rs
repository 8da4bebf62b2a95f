//! What a pod or a pod template gets for what its author left out.

pub mod container;
pub mod resources;
pub mod volume;

use serde_json::{Value, json};

use crate::toolkit::columns;
use crate::toolkit::defaults::{
    Object, has, is_true, object_at, object_in, objects, text, when_empty, when_missing, when_missing_with,
};

/// The lists of containers in a pod's spec.
pub const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Defaults of a whole pod.
pub fn pod(pod: &mut Value) {
    if let Some(status) = pod.get_mut("status") {
        addresses_agree(status);
    }
    let Some(spec) = object_at(pod, &["spec"]) else {
        return;
    };
    pod_spec(spec);
    when_missing(spec, "enableServiceLinks", true);
    for list in ["initContainers", "containers"] {
        for container in objects(spec, list) {
            resources::requests_from_limits(container);
        }
    }
    resources::pod_level(spec);
    if is_true(spec, "hostNetwork") {
        for list in ["initContainers", "containers"] {
            host_ports(spec, list);
        }
    }
}

/// There is an address, and there is a list that begins with it. Where they differ, old kubelets wrote the address only.
fn addresses_agree(status: &mut Value) {
    let address = columns::text(status, &["podIP"]).to_owned();
    let first = columns::list(status, &["podIPs"]).first();
    let first = first.map_or("", |first| columns::text(first, &["ip"])).to_owned();
    if address.is_empty() && !first.is_empty() {
        status["podIP"] = first.into();
    } else if address != first {
        status["podIPs"] = json!([{"ip": address}]);
    }
}

/// Defaults of the template in a workload's spec. `spec` is what holds the `template`.
pub fn template(spec: &mut Object) {
    let template = json!({"spec": {}});
    when_missing(spec, "template", template);
    if let Some(spec) =
        object_in(spec, "template").and_then(|t| crate::toolkit::defaults::object_or_new(t, "spec"))
    {
        pod_spec(spec);
    }
}

/// What pods and templates have in common.
fn pod_spec(spec: &mut Object) {
    when_empty(spec, "dnsPolicy", "ClusterFirst");
    when_empty(spec, "restartPolicy", "Always");
    when_empty(spec, "schedulerName", "default-scheduler");
    when_missing(spec, "terminationGracePeriodSeconds", 30);
    when_missing_with(spec, "securityContext", || json!({}));
    service_account(spec);
    for list in CONTAINER_LISTS {
        for each in objects(spec, list) {
            container::container(each);
        }
    }
    for each in objects(spec, "volumes") {
        volume::volume(each);
    }
}

/// The account has an old name that is still served; the new one wins.
fn service_account(spec: &mut Object) {
    let name = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount"),
        name => name,
    };
    if name.is_empty() {
        return;
    }
    let name = Value::from(name);
    spec.insert("serviceAccountName".to_owned(), name.clone());
    spec.insert("serviceAccount".to_owned(), name);
}

/// In the host's network a container's port is the host's port.
fn host_ports(spec: &mut Object, list: &str) {
    for container in objects(spec, list) {
        for port in objects(container, "ports") {
            if has(port, "containerPort") {
                let number = port["containerPort"].clone();
                when_empty(port, "hostPort", number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Value, path: &str, after: Value) {
        let mut object = before;
        pod(&mut object);
        assert_eq!(object.pointer(path), Some(&after), "{path}");
        let once = object.clone();
        pod(&mut object);
        assert_eq!(object, once, "defaults are idempotent");
    }

    fn with(field: &str, value: Value) -> Value {
        let mut pod = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
        pod["spec"][field] = value;
        pod
    }

    #[test]
    fn a_small_pod_gets_all_it_needs() {
        check(
            json!({"spec": {"containers": [{"name": "c", "image": "i:1"}]}}),
            "/spec",
            json!({
                "containers": [{
                    "name": "c", "image": "i:1", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
                "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
            }),
        );
    }

    #[test]
    fn a_pod_without_spec_is_defaulted_too() {
        check(json!({}), "/spec/restartPolicy", json!("Always"));
    }

    #[test]
    fn what_is_there_stays() {
        check(
            with("terminationGracePeriodSeconds", json!(0)),
            "/spec/terminationGracePeriodSeconds",
            json!(0),
        );
        check(
            with("enableServiceLinks", json!(false)),
            "/spec/enableServiceLinks",
            json!(false),
        );
        check(
            with("dnsPolicy", json!("")),
            "/spec/dnsPolicy",
            json!("ClusterFirst"),
        );
    }

    #[test]
    fn both_names_of_the_account_agree() {
        check(
            with("serviceAccount", json!("old")),
            "/spec/serviceAccountName",
            json!("old"),
        );
        check(
            with("serviceAccountName", json!("new")),
            "/spec/serviceAccount",
            json!("new"),
        );
    }

    #[test]
    fn host_network_opens_host_ports() {
        let mut object = with("hostNetwork", json!(true));
        object["spec"]["containers"][0]["ports"] =
            json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 82}]);
        check(
            object.clone(),
            "/spec/containers/0/ports/0",
            json!({"containerPort": 80, "hostPort": 80, "protocol": "TCP"}),
        );
        check(object, "/spec/containers/0/ports/1/hostPort", json!(82));
    }
}

//! Whether a server is available, as its API service's condition says it.

use serde_json::{Value, json};

use crate::service::{Other, condition};

/// What the condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Verdict {
    /// All is well.
    pub(crate) fn passed() -> Self {
        Self {
            status: "True",
            reason: "Passed",
            message: "all checks passed".to_owned(),
        }
    }

    /// What this server serves itself.
    pub(crate) fn local() -> Self {
        Self {
            status: "True",
            reason: "Local",
            message: "Local APIServices are always available".to_owned(),
        }
    }

    /// It is not there.
    pub(crate) fn missing(reason: &'static str, message: String) -> Self {
        Self {
            status: "False",
            reason,
            message,
        }
    }

    /// It could not be found out.
    pub(crate) fn unknown(reason: &'static str, message: String) -> Self {
        Self {
            status: "Unknown",
            reason,
            message,
        }
    }

    /// Writes it into an API service's status; says whether that changes anything.
    pub(crate) fn write(&self, object: &mut Value, now: &str) -> bool {
        let before = condition(object).cloned();
        let field = |field: &str| before.as_ref().and_then(|before| before[field].as_str());
        let stays = field("status") == Some(self.status);
        if stays && field("reason") == Some(self.reason) && field("message") == Some(&self.message) {
            return false;
        }
        let since = field("lastTransitionTime").filter(|_| stays).unwrap_or(now);
        let condition = json!({
            "type": "Available",
            "status": self.status,
            "lastTransitionTime": since,
            "reason": self.reason,
            "message": self.message,
        });
        if !object["status"].is_object() {
            object["status"] = json!({});
        }
        match object["status"]["conditions"].as_array_mut() {
            Some(conditions) => match conditions.iter_mut().find(|found| found["type"] == "Available") {
                Some(found) => *found = condition,
                None => conditions.push(condition),
            },
            None => object["status"]["conditions"] = json!([condition]),
        }
        true
    }
}

/// What is wrong with the Service and its endpoints, if anything.
pub(crate) fn judge(other: &Other, service: Option<&Value>, slices: &[Value]) -> Option<Verdict> {
    let shown = format!("service/{} in {}", other.name, meta::quote(&other.namespace));
    let Some(service) = service else {
        return Some(Verdict::missing(
            "ServiceNotFound",
            format!("{shown} is not present"),
        ));
    };
    let spec = &service["spec"];
    if spec["type"] != "ClusterIP" {
        return None;
    }
    let mut ports = spec["ports"].as_array().into_iter().flatten();
    let Some(port) = ports.find(|port| port["port"] == other.port) else {
        let message = format!("{shown} is not listening on port {}", other.port);
        return Some(Verdict::missing("ServicePortError", message));
    };
    if slices.is_empty() {
        let message = format!("cannot find endpointslices for {shown}");
        return Some(Verdict::missing("EndpointsNotFound", message));
    }
    let port_name = port["name"].as_str().unwrap_or_default();
    if !slices.iter().any(|slice| is_ready(slice, port_name)) {
        let named = meta::quote(port_name);
        let message = format!("endpointslices for {shown} have no addresses with port name {named}");
        return Some(Verdict::missing("MissingEndpoints", message));
    }
    None
}

/// Whether there is a ready endpoint with a port of that name.
fn is_ready(slice: &Value, port_name: &str) -> bool {
    let all = |field: &str| slice[field].as_array().into_iter().flatten();
    let is_named = |port: &Value| port["name"].as_str() == Some(port_name) && port["port"].is_u64();
    all("endpoints").any(|endpoint| endpoint["conditions"]["ready"] != false) && all("ports").any(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other() -> Other {
        Other {
            namespace: "n".to_owned(),
            name: "s".to_owned(),
            port: 443,
            authorities: Ok(Vec::new()),
            any_server: false,
        }
    }

    fn check(service: Option<Value>, slices: &[Value], expected: Option<(&str, &str)>) {
        let found = judge(&other(), service.as_ref(), slices);
        let found = found.as_ref().map(|found| (found.reason, found.message.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn services_and_endpoints_are_judged() {
        let service = |port: u16| {
            Some(json!({"spec": {"type": "ClusterIP", "ports": [{"port": port, "name": "https"}]}}))
        };
        let slice = |ready: bool, name: &str| {
            json!({
                "ports": [{"name": name, "port": 8443}],
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}],
            })
        };
        check(
            None,
            &[],
            Some(("ServiceNotFound", r#"service/s in "n" is not present"#)),
        );
        check(
            service(80),
            &[],
            Some((
                "ServicePortError",
                r#"service/s in "n" is not listening on port 443"#,
            )),
        );
        check(
            service(443),
            &[],
            Some((
                "EndpointsNotFound",
                r#"cannot find endpointslices for service/s in "n""#,
            )),
        );
        let missing = r#"endpointslices for service/s in "n" have no addresses with port name "https""#;
        check(
            service(443),
            &[slice(false, "https")],
            Some(("MissingEndpoints", missing)),
        );
        check(
            service(443),
            &[slice(true, "other")],
            Some(("MissingEndpoints", missing)),
        );
        check(service(443), &[slice(false, "https"), slice(true, "https")], None);
        check(Some(json!({"spec": {"type": "ExternalName"}})), &[], None);
    }

    #[test]
    fn a_condition_is_written_once_and_keeps_its_time_while_its_status_stays() {
        let mut object = json!({});
        let lost = Verdict::missing("ServiceNotFound", "gone".to_owned());
        assert!(lost.write(&mut object, "1"));
        assert!(!lost.write(&mut object, "2"));
        assert!(Verdict::missing("EndpointsNotFound", "none".to_owned()).write(&mut object, "3"));
        assert_eq!(condition(&object).expect("there")["lastTransitionTime"], "1");
        assert!(Verdict::passed().write(&mut object, "4"));
        let found = condition(&object).expect("there");
        assert_eq!(
            (&found["lastTransitionTime"], &found["reason"]),
            (&json!("4"), &json!("Passed"))
        );
    }
}

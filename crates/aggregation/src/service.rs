//! An API service as it is read from its object.

use admission::outward::Address;
use apiserver::aggregation::Part;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::object::name;
use serde_json::Value;

/// Who serves a group version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiService {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) version: String,
    group_priority: i64,
    version_priority: i64,
    /// None if this server serves it.
    pub(crate) other: Option<Other>,
    pub(crate) is_available: bool,
}

/// The Service behind which another server is, and what proves that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) port: u16,
    /// PEM; else why it cannot be read.
    pub(crate) authorities: Result<Vec<u8>, String>,
    pub(crate) any_server: bool,
}

const HTTPS: u16 = 443;

impl ApiService {
    pub(crate) fn read(object: &Value) -> Self {
        let spec = &object["spec"];
        let number = |field: &str| spec[field].as_i64().unwrap_or_default();
        Self {
            name: name(object).to_owned(),
            group: text(&spec["group"]),
            version: text(&spec["version"]),
            group_priority: number("groupPriorityMinimum"),
            version_priority: number("versionPriority"),
            other: Other::read(spec),
            is_available: condition(object).is_some_and(|found| found["status"] == "True"),
        }
    }

    /// As the front knows it, but for who serves it.
    pub(crate) fn part(&self) -> Part {
        Part {
            group: self.group.clone(),
            version: self.version.clone(),
            group_priority: self.group_priority,
            version_priority: self.version_priority,
            other: None,
        }
    }

    /// The path of its own document.
    pub(crate) fn path(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }
}

impl Other {
    fn read(spec: &Value) -> Option<Self> {
        let service = spec.get("service").filter(|service| service.is_object())?;
        let port = service["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let authorities = spec["caBundle"].as_str().unwrap_or_default();
        Some(Self {
            namespace: text(&service["namespace"]),
            name: text(&service["name"]),
            port: port.unwrap_or(HTTPS),
            authorities: STANDARD.decode(authorities).map_err(|error| error.to_string()),
            any_server: spec["insecureSkipTLSVerify"] == true,
        })
    }

    pub(crate) fn address(&self) -> Address {
        Address::Service {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            port: self.port,
        }
    }
}

/// The condition that says whether it is available.
pub(crate) fn condition(object: &Value) -> Option<&Value> {
    let mut conditions = object["status"]["conditions"].as_array()?.iter();
    conditions.find(|condition| condition["type"] == "Available")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_are_read() {
        let service = ApiService::read(&json!({
            "metadata": {"name": "v1.a.example"},
            "spec": {
                "group": "a.example", "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 200,
                "service": {"namespace": "n", "name": "s"}, "caBundle": "eA==",
            },
            "status": {"conditions": [{"type": "Available", "status": "True"}]},
        }));
        let other = service.other.as_ref().expect("elsewhere");
        assert_eq!((other.port, &other.authorities), (443, &Ok(b"x".to_vec())));
        assert!(service.is_available && !other.any_server);
        assert_eq!(service.path(), "/apis/a.example/v1");
        let local = ApiService::read(&json!({"metadata": {"name": "v1."}, "spec": {"version": "v1"}}));
        assert_eq!((local.path().as_str(), local.other), ("/api/v1", None));
    }
}

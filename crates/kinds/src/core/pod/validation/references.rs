//! Rules for references to a pod's own fields and resources (the downward API).

use meta::name as names;

use crate::toolkit::Field;
use crate::toolkit::quantity;

/// Fields an environment variable may show.
pub const IN_ENVIRONMENT: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields a file may show.
pub const IN_FILES: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// Fields that are known at all.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// A `fieldRef`; `allowed` are the fields that may be shown where it stands.
pub fn field(reference: &Field, allowed: &[&str]) {
    let (version, path) = (reference.child("apiVersion"), reference.child("fieldPath"));
    if version.is_empty() {
        return version.required("");
    }
    if path.is_empty() {
        return path.required("");
    }
    let converted = match known_field(version.text(), path.text()) {
        Ok(converted) => converted,
        Err(why) => return path.invalid(&format!("error converting fieldPath: {why}")),
    };
    match subscripted(converted) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            for complaint in names::qualified_name(&key) {
                reference.invalid_as(key.as_str(), &complaint);
            }
        }
        Some((_, key)) => {
            for complaint in names::qualified_name(key) {
                reference.invalid_as(key, &complaint);
            }
        }
        None if !allowed.contains(&converted) => path.not_supported_as(converted, allowed),
        None => {}
    }
}

fn known_field<'a>(version: &str, path: &'a str) -> Result<&'a str, String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    match subscripted(path) {
        Some(("metadata.annotations" | "metadata.labels", _)) => Ok(path),
        Some(_) => Err(format!("field label does not support subscript: {path}")),
        None if path == "spec.host" => Ok("spec.nodeName"),
        None if KNOWN.contains(&path) => Ok(path),
        None => Err(format!("field label not supported: {path}")),
    }
}

/// `metadata.labels['app']` in its two parts.
fn subscripted(path: &str) -> Option<(&str, &str)> {
    let (field, rest) = path.split_once("['")?;
    let key = rest.strip_suffix("']")?;
    (!field.is_empty()).then_some((field, key))
}

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// A `resourceFieldRef`; in a file it must name the container.
pub fn resource(reference: &Field, in_file: bool) {
    let (container, resource) = (reference.child("containerName"), reference.child("resource"));
    if in_file && container.is_empty() {
        container.required("");
    } else if resource.is_empty() {
        resource.required("");
    } else {
        let name = resource.text();
        let is_huge_pages = name.starts_with("limits.hugepages-") || name.starts_with("requests.hugepages-");
        if !is_huge_pages && !RESOURCES.contains(&name) {
            resource.not_supported(RESOURCES);
        }
    }
    divisor(reference, resource.text());
}

const UNITS: [&str; 13] = [
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

fn divisor(reference: &Field, resource: &str) {
    let divisor = reference.child("divisor");
    let Some(quantity) = quantity::read(divisor.value()) else {
        return;
    };
    if quantity.is_zero() {
        return;
    }
    let (allowed, what): (&[&str], _) = match resource {
        "limits.cpu" | "requests.cpu" => {
            if !["1m", "1"].contains(&quantity.to_string().as_str()) {
                divisor.invalid_as(
                    resource,
                    "only divisor's values 1m and 1 are supported with the cpu resource",
                );
            }
            return;
        }
        "limits.memory" | "requests.memory" => (&UNITS, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (&UNITS, "local ephemeral storage"),
        _ if resource.contains(".hugepages-") => (&UNITS, "hugepages"),
        _ => return,
    };
    if !allowed.contains(&quantity.to_string().as_str()) {
        let detail = format!(
            "only divisor's values {} are supported with the {what} resource",
            allowed.join(", ")
        );
        divisor.invalid_as(resource, &detail);
    }
}

//! Requests and limits of a container, as environment variables and files have them.

use k8s_openapi::api::core::v1::{Container, ResourceFieldSelector};
use meta::Quantity;

use crate::pod::PodToRun;
use crate::pod::resources::{ResourceList, amount};

use super::super::settings::NodeSettings;

/// Reads requests and limits of containers of one pod.
#[derive(Clone, Copy, Debug)]
pub struct ResourceFields<'a> {
    pub pod: &'a PodToRun,
    pub node: &'a NodeSettings,
}

impl ResourceFields<'_> {
    /// The amount a selector names, in its divisor's unit, rounded up. `own`: the container meant if it names none.
    pub fn value(self, selector: &ResourceFieldSelector, own: &str) -> Result<String, String> {
        let name = selector.container_name.as_deref().filter(|name| !name.is_empty());
        let name = name.unwrap_or(own);
        let member = self
            .pod
            .member(name)
            .ok_or_else(|| format!("container {name} not found"))?;
        let (list, resource) = selector.resource.split_once('.').unwrap_or_default();
        let divisor = divisor(selector)?;
        let amount = match list {
            "limits" => self.limit(&member.container, resource),
            "requests" => request(&member.container, resource),
            _ => None,
        };
        let amount =
            amount.ok_or_else(|| format!("unsupported container resource : {}", selector.resource))?;
        Ok(match resource {
            "cpu" => divide_up(amount.milli(), divisor.milli_value()),
            _ => divide_up(amount.units(), divisor.value()),
        }
        .to_string())
    }

    /// A container without a limit may use what the node has.
    fn limit(self, container: &Container, resource: &str) -> Option<Amount> {
        let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
        let all = self.node.allocatable;
        let unlimited = match resource {
            "cpu" => Amount::Milli(all.cpu_milli),
            "memory" => Amount::Units(all.memory_bytes),
            "ephemeral-storage" => Amount::Units(all.ephemeral_storage_bytes),
            _ if resource.starts_with("hugepages-") => Amount::Units(0),
            _ => return None,
        };
        Some(stated(limits, resource).unwrap_or(unlimited))
    }
}

fn request(container: &Container, resource: &str) -> Option<Amount> {
    let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    match resource {
        "cpu" | "memory" | "ephemeral-storage" => {}
        _ if resource.starts_with("hugepages-") => {}
        _ => return None,
    }
    Some(stated(requests, resource).unwrap_or(Amount::Units(0)))
}

#[derive(Clone, Copy)]
enum Amount {
    Stated(Quantity),
    Milli(i64),
    Units(i64),
}

impl Amount {
    fn milli(self) -> i64 {
        match self {
            Self::Stated(quantity) => quantity.milli_value(),
            Self::Milli(milli) => milli,
            Self::Units(units) => units.saturating_mul(1000),
        }
    }

    fn units(self) -> i64 {
        match self {
            Self::Stated(quantity) => quantity.value(),
            Self::Milli(milli) => divide_up(milli, 1000),
            Self::Units(units) => units,
        }
    }
}

fn stated(list: Option<&ResourceList>, resource: &str) -> Option<Amount> {
    amount(list, resource)
        .filter(|amount| !amount.is_zero())
        .map(Amount::Stated)
}

fn divisor(selector: &ResourceFieldSelector) -> Result<Quantity, String> {
    let text = selector
        .divisor
        .as_ref()
        .map_or("1", |divisor| divisor.0.as_str());
    let divisor = Quantity::parse(text).map_err(|error| error.to_string())?;
    match divisor.is_zero() {
        true => Quantity::parse("1").map_err(|error| error.to_string()),
        false => Ok(divisor),
    }
}

fn divide_up(amount: i64, divisor: i64) -> i64 {
    let divisor = divisor.max(1);
    amount / divisor + i64::from(amount % divisor > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::container::settings::NodeResources;

    #[test]
    fn amounts_are_rounded_up_in_the_divisors_unit() {
        let pod = json!({ "metadata": {}, "spec": { "containers": [
            { "name": "c", "resources": { "requests": { "cpu": "1250m", "memory": "32Mi", "hugepages-2Mi": "4Mi" },
                "limits": { "memory": "64Mi" } } },
            { "name": "other" },
        ] } });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(pod).unwrap()));
        let node = NodeSettings {
            allocatable: NodeResources {
                cpu_milli: 2000,
                memory_bytes: 1 << 30,
                ephemeral_storage_bytes: 7,
            },
            ..NodeSettings::default()
        };
        let fields = ResourceFields {
            pod: &pod,
            node: &node,
        };
        let value = |resource: &str, divisor: &str, container: &str| {
            let selector = json!({ "resource": resource, "divisor": divisor, "containerName": container });
            fields.value(&serde_json::from_value(selector).unwrap(), "c")
        };
        for (resource, divisor, container, expected) in [
            ("requests.cpu", "1", "", "2"),
            ("requests.cpu", "1m", "", "1250"),
            ("requests.cpu", "0", "", "2"),
            ("requests.memory", "1Mi", "", "32"),
            ("requests.memory", "0", "", "33554432"),
            ("requests.hugepages-2Mi", "1", "", "4194304"),
            ("requests.ephemeral-storage", "1", "", "0"),
            ("limits.memory", "1Mi", "", "64"),
            ("limits.cpu", "1", "", "2"),
            ("limits.memory", "1Mi", "other", "1024"),
            ("limits.ephemeral-storage", "1", "", "7"),
        ] {
            assert_eq!(
                value(resource, divisor, container).as_deref(),
                Ok(expected),
                "{resource}"
            );
        }
        let error = value("limits.gpu", "1", "").unwrap_err();
        assert_eq!(error, "unsupported container resource : limits.gpu");
        assert!(value("limits.cpu", "1", "none").is_err());
    }
}

//! Names and amounts of resources: which there are, which may be fractions, which may be promised twice.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::checks::NOT_NEGATIVE;
use crate::toolkit::quantity::{self, Quantity};

const HUGE_PAGES: &str = "hugepages-";
/// What upstream says of a fraction where only whole numbers make sense.
pub const NOT_WHOLE: &str = "must be an integer";

/// Amounts by resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// Whether this names huge pages of some size.
pub fn is_huge_pages(resource: &str) -> bool {
    resource.starts_with(HUGE_PAGES)
}

/// Whether this belongs to Kubernetes: no domain, or one of ours.
pub fn is_native(resource: &str) -> bool {
    !resource.contains('/') || resource.contains("kubernetes.io/")
}

/// Whether this is a device or the like, named by a domain.
pub fn is_extended(resource: &str) -> bool {
    !is_native(resource)
        && !resource.starts_with("requests.")
        && meta::name::qualified_name(&format!("requests.{resource}")).is_empty()
}

/// Whether more may be promised than there is.
pub fn may_be_overcommitted(resource: &str) -> bool {
    is_native(resource) && !is_huge_pages(resource)
}

/// Whether only whole numbers make sense.
pub fn is_counted(resource: &str) -> bool {
    const COUNTED: [&str; 9] = [
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    COUNTED.contains(&resource) || is_extended(resource)
}

/// Whether this is known without a domain.
pub fn is_standard(resource: &str) -> bool {
    const STANDARD: [&str; 20] = [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    STANDARD.contains(&resource) || is_huge_pages(resource) || resource.starts_with("requests.hugepages-")
}

/// The rules for any resource's name. The errors stand at the resource's entry.
pub fn name(place: &Field, resource: &str) {
    let complaints = meta::name::qualified_name(resource);
    let good = complaints.is_empty();
    for complaint in complaints {
        place.invalid_as(resource, &complaint);
    }
    if good && !resource.contains('/') && !is_standard(resource) {
        place.invalid_as(resource, "must be a standard resource type or fully qualified");
    }
}

/// The rules for the name of a resource that a container can have.
pub fn container_name(place: &Field, resource: &str) {
    name(place, resource);
    if !resource.contains('/') {
        if !matches!(resource, "cpu" | "memory" | "ephemeral-storage") && !is_huge_pages(resource) {
            place.invalid_as(resource, "must be a standard resource for containers");
        }
    } else if !is_native(resource) && !is_extended(resource) {
        place.invalid_as(resource, "doesn't follow extended resource name standard");
    }
}

/// The rules for an amount.
pub fn amount(place: &Field, resource: &str) {
    let Some(quantity) = quantity::read(place.value()) else {
        return;
    };
    if quantity.sign() < 0 {
        place.invalid_as(quantity.to_string(), NOT_NEGATIVE);
    }
    // Counted in thousandths, of which there may be too many.
    if is_counted(resource) && quantity.milli_value() % 1000 != 0 {
        place.invalid_as(quantity.to_string(), NOT_WHOLE);
    }
}

/// The rule for an amount of huge pages: a whole number of pages.
pub fn whole_pages(place: &Field, resource: &str) {
    let (Some(page), Some(amount)) = (resource.strip_prefix(HUGE_PAGES), quantity::read(place.value()))
    else {
        return;
    };
    let is_whole = Quantity::parse(page).is_ok_and(|page| {
        page.sign() > 0 && quantity::is_whole(page) && amount.value().checked_rem(page.value()) == Some(0)
    });
    if !is_whole {
        let complaint = format!("{amount} is not positive integer multiple of {resource}");
        place.invalid_as(amount.to_string(), &complaint);
    }
}

fn list<'a>(container: &'a Value, kind: &str) -> impl Iterator<Item = (&'a String, Quantity)> {
    let resources = container["resources"][kind].as_object().into_iter().flatten();
    resources.filter_map(|(name, value)| Some((name, quantity::read(Some(value))?)))
}

/// What a pod's containers ask for together.
pub fn total_requests(spec: Option<&Value>) -> Amounts {
    total(spec, "requests")
}

/// What a pod's containers may use together.
pub fn total_limits(spec: Option<&Value>) -> Amounts {
    total(spec, "limits")
}

/// What a pod's containers need together: init containers run before the others, sidecars beside them.
fn total(spec: Option<&Value>, of: &str) -> Amounts {
    let containers = |kind: &str| spec.and_then(|s| s[kind].as_array()).into_iter().flatten();
    let mut running = Amounts::new();
    for container in containers("containers") {
        add(&mut running, list(container, of));
    }
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for container in containers("initContainers") {
        if container["restartPolicy"] == "Always" {
            add(&mut running, list(container, of));
            add(&mut sidecars, list(container, of));
            raise(&mut starting, &sidecars);
        } else {
            let mut step = sidecars.clone();
            add(&mut step, list(container, of));
            raise(&mut starting, &step);
        }
    }
    raise(&mut running, &starting);
    running
}

fn add<'a>(sum: &mut Amounts, more: impl Iterator<Item = (&'a String, Quantity)>) {
    for (name, quantity) in more {
        let total = sum.entry(name.clone()).or_insert(Quantity::ZERO);
        *total = if total.is_zero() {
            quantity
        } else {
            *total + quantity
        };
    }
}

fn raise(most: &mut Amounts, others: &Amounts) {
    for (name, quantity) in others {
        let entry = most.entry(name.clone()).or_insert(*quantity);
        if *quantity > *entry {
            *entry = *quantity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resources_are_told_apart() {
        assert!(is_extended("example.com/gpu") && !is_extended("cpu") && !is_extended("kubernetes.io/x"));
        assert!(may_be_overcommitted("cpu") && !may_be_overcommitted("hugepages-2Mi"));
        assert!(is_counted("pods") && is_counted("a.b/c") && !is_counted("memory"));
    }

    #[test]
    fn containers_add_up_as_they_run() {
        let cpu = |amount: &str| json!({"resources": {"requests": {"cpu": amount}}});
        let mut sidecar = cpu("100m");
        sidecar["restartPolicy"] = "Always".into();
        let spec = json!({
            "containers": [cpu("200m"), cpu("300m")],
            "initContainers": [cpu("400m"), sidecar, cpu("2")],
        });
        let total = total_requests(Some(&spec));
        assert_eq!(total["cpu"].to_string(), "2100m");
        let total = total_requests(Some(
            &json!({"containers": [cpu("200m")], "initContainers": [cpu("100m")]}),
        ));
        assert_eq!(total["cpu"].to_string(), "200m");
    }
}

//! What pods ask for.

use std::collections::BTreeMap;

use meta::{Quantity, Time};
use serde_json::Value;

use super::{Amounts, list, one, text};

/// Resources that quotas know by their plain name, too.
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// A quota of one of these wants every container to say how much it needs.
const SPECIFIED: [&str; 6] = [
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];

/// Adds what a pod counts for beyond being there; nothing if it has ended or should have been gone by now.
pub(super) fn add_usage(pod: &Value, now: i64, usage: &mut Amounts) {
    if has_ended(pod, now) {
        return;
    }
    usage.insert("pods".to_owned(), one());
    named(&total(pod, "requests"), &total(pod, "limits"), |name, amount| {
        usage.insert(name, amount);
    });
}

fn has_ended(pod: &Value, now: i64) -> bool {
    let phase = text(pod, "/status/phase");
    let deleted = Time::parse(text(pod, "/metadata/deletionTimestamp"));
    // The time of a deletion is when the grace period is over.
    matches!(phase, "Succeeded" | "Failed") || deleted.is_ok_and(|time| time.seconds() < now)
}

/// Gives amounts the names that quotas have for them.
fn named(requests: &Amounts, limits: &Amounts, mut add: impl FnMut(String, Quantity)) {
    for (name, amount) in requests {
        if COMPUTE.contains(&name.as_str()) || name.starts_with("hugepages-") {
            add(name.clone(), *amount);
        }
        add(format!("requests.{name}"), *amount);
    }
    for (name, amount) in limits.iter().filter(|(name, _)| COMPUTE.contains(&name.as_str())) {
        add(format!("limits.{name}"), *amount);
    }
}

fn amounts(resources: &Value, which: &str) -> Amounts {
    let amounts = resources.get(which).and_then(Value::as_object);
    let amounts = amounts.into_iter().flatten();
    amounts
        .filter_map(|(name, amount)| Some((name.clone(), amount.as_str()?.parse().ok()?)))
        .collect()
}

/// What the pod needs altogether: its containers at once, its init containers one after the other, those among them that
/// stay beside all that come later; what the pod says for itself instead; and what running it costs.
fn total(pod: &Value, which: &str) -> Amounts {
    let mut total = Amounts::new();
    for container in list(pod, "/spec/containers") {
        add(&mut total, &amounts(&container["resources"], which));
    }
    let (mut staying, mut largest) = (Amounts::new(), Amounts::new());
    for container in list(pod, "/spec/initContainers") {
        let mut needed = amounts(&container["resources"], which);
        if container["restartPolicy"] == "Always" {
            add(&mut staying, &needed);
            needed = staying.clone();
        } else {
            add(&mut needed, &staying);
        }
        raise(&mut largest, &needed);
    }
    add(&mut total, &staying);
    raise(&mut total, &largest);
    total.extend(amounts(&pod["spec"]["resources"], which));
    let overhead = amounts(&pod["spec"], "overhead");
    if which == "requests" {
        add(&mut total, &overhead);
    } else {
        // What is not limited is not by its overhead either.
        let limited = overhead.into_iter().filter(|(name, _)| total.contains_key(name));
        let limited: Amounts = limited.collect();
        add(&mut total, &limited);
    }
    total
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.get(name).map_or(*amount, |total| *total + *amount);
        total.insert(name.clone(), sum);
    }
}

fn raise(total: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let larger = total.get(name).map_or(*amount, |total| (*total).max(*amount));
        total.insert(name.clone(), larger);
    }
}

/// Which of a quota's resources some of the pod's containers say nothing of, in the words of the refusal; none if all do.
pub fn unspecified<'a>(pod: &Value, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted: Vec<&str> = names.filter(|name| SPECIFIED.contains(name)).collect();
    let said = |resources: &Value| {
        let mut said = Vec::new();
        let of = |which| amounts(resources, which);
        named(&of("requests"), &of("limits"), |name, _| said.push(name));
        said
    };
    let by_pod = said(&pod["spec"]["resources"]);
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let containers = list(pod, "/spec/containers").iter();
    for container in containers.chain(list(pod, "/spec/initContainers")) {
        let by_container = said(&container["resources"]);
        for name in &wanted {
            let is_it = |said: &String| said == name;
            if !by_pod.iter().any(is_it) && !by_container.iter().any(is_it) {
                missing.entry(name).or_default().push(text(container, "/name"));
            }
        }
    }
    let missing: Vec<String> = missing
        .iter()
        .map(|(name, containers)| format!("{name} for: {}", containers.join(",")))
        .collect();
    (!missing.is_empty()).then(|| format!("must specify {}", missing.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(resources: Value) -> Value {
        json!({"spec": {"containers": [{"name": "c", "resources": resources}]}})
    }

    fn check(pod: &Value, now: i64, expected: &[(&str, &str)]) {
        let mut usage = Amounts::new();
        add_usage(pod, now, &mut usage);
        let expected: Amounts = expected
            .iter()
            .map(|(name, amount)| ((*name).to_owned(), amount.parse().unwrap()))
            .collect();
        assert_eq!(usage, expected, "{pod}");
    }

    #[test]
    fn pods_count_for_what_they_ask() {
        check(&pod(json!({})), 0, &[("pods", "1")]);
        let resources =
            json!({"requests": {"cpu": "100m", "example.com/x": "2"}, "limits": {"memory": "1Gi"}});
        let expected = [
            ("pods", "1"),
            ("cpu", "100m"),
            ("requests.cpu", "100m"),
            ("requests.example.com/x", "2"),
            ("limits.memory", "1Gi"),
        ];
        check(&pod(resources), 0, &expected);
        let mut with_overhead = pod(json!({"requests": {"cpu": "100m"}}));
        with_overhead["spec"]["overhead"] = json!({"cpu": "50m"});
        let expected = [("pods", "1"), ("cpu", "150m"), ("requests.cpu", "150m")];
        check(&with_overhead, 0, &expected);
    }

    #[test]
    fn pods_that_have_ended_count_for_nothing() {
        let mut ended = pod(json!({}));
        ended["status"] = json!({"phase": "Failed"});
        check(&ended, 0, &[]);
        let mut going = pod(json!({}));
        going["metadata"] = json!({"deletionTimestamp": "1970-01-01T00:00:30Z"});
        check(&going, 10, &[("pods", "1")]);
        check(&going, 40, &[]);
    }

    #[test]
    fn containers_must_say_what_is_counted() {
        let names = || ["limits.memory", "requests.cpu", "pods"].into_iter();
        assert_eq!(
            unspecified(&pod(json!({})), names()).as_deref(),
            Some("must specify limits.memory for: c; requests.cpu for: c")
        );
        let said = json!({"requests": {"cpu": "1"}, "limits": {"memory": "1Mi"}});
        assert_eq!(unspecified(&pod(said.clone()), names()), None);
        let mut for_all = pod(json!({}));
        for_all["spec"]["resources"] = said;
        assert_eq!(unspecified(&for_all, names()), None);
        assert_eq!(unspecified(&pod(json!({})), ["pods"].into_iter()), None);
    }
}

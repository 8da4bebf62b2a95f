//! What containers and pods ask for and may use, as numbers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;
use meta::Quantity;

/// An amount per resource, as the API has it.
pub type ResourceList = BTreeMap<String, WireQuantity>;

/// The amount of a resource in a list; none if it is not there. The API lets no malformed quantity in.
pub fn amount(list: Option<&ResourceList>, resource: &str) -> Option<Quantity> {
    Quantity::parse(&list?.get(resource)?.0).ok()
}

/// Milli-cores and bytes; none for what is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub cpu_milli: Option<i64>,
    pub memory_bytes: Option<i64>,
}

impl Amounts {
    pub fn read(list: Option<&ResourceList>) -> Self {
        Self {
            cpu_milli: amount(list, "cpu").map(Quantity::milli_value),
            memory_bytes: amount(list, "memory").map(Quantity::value),
        }
    }
}

/// Requests and limits of a container or a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub requests: Amounts,
    pub limits: Amounts,
}

impl Claims {
    /// Of a container. A limit without a request is a request too, as the API's defaults have it.
    pub fn of(resources: Option<&ResourceRequirements>) -> Self {
        let Some(resources) = resources else {
            return Self::default();
        };
        let limits = Amounts::read(resources.limits.as_ref());
        let requests = Amounts::read(resources.requests.as_ref());
        Self {
            requests: Amounts {
                cpu_milli: requests.cpu_milli.or(limits.cpu_milli),
                memory_bytes: requests.memory_bytes.or(limits.memory_bytes),
            },
            limits,
        }
    }

    /// Of a whole pod: its containers together, or what is said for the pod itself. A limit is there only if every
    /// container has one.
    pub fn of_pod(spec: &PodSpec) -> Self {
        let mut total = Self::of_containers(spec);
        let own = Self::of(spec.resources.as_ref());
        let overhead = Amounts::read(spec.overhead.as_ref());
        for (sum, own) in [
            (&mut total.requests, own.requests),
            (&mut total.limits, own.limits),
        ] {
            sum.cpu_milli = add(own.cpu_milli.or(sum.cpu_milli), overhead.cpu_milli);
            sum.memory_bytes = add(own.memory_bytes.or(sum.memory_bytes), overhead.memory_bytes);
        }
        total
    }

    /// The main containers and the sidecars run together; before them, each init container runs beside the sidecars that
    /// were started earlier. The pod needs the most of any moment.
    fn of_containers(spec: &PodSpec) -> Self {
        let mut together = Sum::default();
        let mut highest: Vec<Sum> = Vec::new();
        for container in spec.init_containers.iter().flatten() {
            let claims = Self::of(container.resources.as_ref());
            if container.restart_policy.as_deref() == Some("Always") {
                together.add(claims);
            } else {
                let mut moment = together;
                moment.add(claims);
                highest.push(moment);
            }
        }
        for container in &spec.containers {
            together.add(Self::of(container.resources.as_ref()));
        }
        for moment in highest {
            together.raise_to(moment);
        }
        together.claims()
    }
}

fn add(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.map(|a| a.saturating_add(b.unwrap_or(0)))
}

/// Claims of several containers at one moment.
#[derive(Clone, Copy, Default)]
struct Sum {
    requests: [Option<i64>; 2],
    limits: [i64; 2],
    /// A container without a limit makes the sum unlimited.
    unlimited: [bool; 2],
    counted: bool,
}

impl Sum {
    fn add(&mut self, claims: Claims) {
        self.counted = true;
        let requests = [claims.requests.cpu_milli, claims.requests.memory_bytes];
        let limits = [claims.limits.cpu_milli, claims.limits.memory_bytes];
        for i in 0..2 {
            if let Some(request) = requests[i] {
                self.requests[i] = Some(self.requests[i].unwrap_or(0).saturating_add(request));
            }
            match limits[i] {
                Some(limit) => self.limits[i] = self.limits[i].saturating_add(limit),
                None => self.unlimited[i] = true,
            }
        }
    }

    fn raise_to(&mut self, other: Self) {
        self.counted |= other.counted;
        for i in 0..2 {
            self.requests[i] = self.requests[i].max(other.requests[i]);
            self.limits[i] = self.limits[i].max(other.limits[i]);
            self.unlimited[i] |= other.unlimited[i];
        }
    }

    fn claims(self) -> Claims {
        let limit = |i: usize| (self.counted && !self.unlimited[i]).then_some(self.limits[i]);
        Claims {
            requests: Amounts {
                cpu_milli: self.requests[0],
                memory_bytes: self.requests[1],
            },
            limits: Amounts {
                cpu_milli: limit(0),
                memory_bytes: limit(1),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims(spec: Value) -> [Option<i64>; 4] {
        let claims = Claims::of_pod(&serde_json::from_value(spec).unwrap());
        [
            claims.requests.cpu_milli,
            claims.requests.memory_bytes,
            claims.limits.cpu_milli,
            claims.limits.memory_bytes,
        ]
    }

    fn container(cpu: &str, limit: Option<&str>) -> Value {
        match limit {
            Some(limit) => {
                json!({ "name": "c", "resources": { "requests": { "cpu": cpu }, "limits": { "cpu": limit } } })
            }
            None => json!({ "name": "c", "resources": { "requests": { "cpu": cpu } } }),
        }
    }

    #[test]
    fn containers_add_up_and_a_missing_limit_is_none() {
        let limited = json!({ "containers": [container("100m", Some("1")), container("50m", Some("500m"))] });
        assert_eq!(claims(limited), [Some(150), None, Some(1500), None]);
        let one_without = json!({ "containers": [container("100m", Some("1")), container("50m", None)] });
        assert_eq!(claims(one_without), [Some(150), None, None, None]);
        assert_eq!(claims(json!({ "containers": [] })), [None; 4]);
    }

    #[test]
    fn the_highest_moment_counts() {
        let mut sidecar = container("30m", None);
        sidecar["restartPolicy"] = json!("Always");
        let spec = json!({
            "initContainers": [container("10m", None), sidecar, container("500m", None)],
            "containers": [container("100m", None)],
        });
        assert_eq!(claims(spec)[0], Some(530));
    }

    #[test]
    fn what_is_said_for_the_pod_wins() {
        let spec = json!({
            "resources": { "limits": { "cpu": "2", "memory": "1Gi" } },
            "overhead": { "cpu": "10m" },
            "containers": [container("100m", None)],
        });
        assert_eq!(
            claims(spec),
            [Some(2010), Some(1 << 30), Some(2010), Some(1 << 30)]
        );
    }
}

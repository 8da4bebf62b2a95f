//! What a run of a container was made or changed with.

use k8s_openapi::api::core::v1::{ContainerResizePolicy, PodStatus, ResourceRequirements};

use crate::pod::resources::{Amounts, ResourceList};
use crate::pod::{Member, PodToRun};

/// Requests and limits of a container, and of its pod, where a limit of the container is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    own: ResourceRequirements,
    of_pod: Option<ResourceRequirements>,
}

/// How a container comes to have other amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// While it runs. `less`: something of it is taken away.
    InPlace { less: bool },
    /// It is made anew.
    Restart,
}

impl Given {
    /// What a container would be made with now.
    pub fn to(pod: &PodToRun, member: &Member) -> Self {
        Self {
            own: member.container.resources.clone().unwrap_or_default(),
            of_pod: pod.spec().resources.clone(),
        }
    }

    /// What containers had as an earlier kubelet told it, by id. Of the pod itself that is not told: it is what it is granted.
    pub fn told(pod: &PodToRun, status: &PodStatus) -> Vec<(String, Self)> {
        let lists = [&status.init_container_statuses, &status.container_statuses];
        let statuses = lists.into_iter().flatten().flatten();
        let given = statuses.filter_map(|told| {
            let (_, id) = told.container_id.as_deref()?.split_once("://")?;
            let given = Self {
                own: told.resources.clone()?,
                of_pod: pod.spec().resources.clone(),
            };
            Some((id.to_owned(), given))
        });
        given.collect()
    }

    pub fn own(&self) -> &ResourceRequirements {
        &self.own
    }

    pub fn of_pod(&self) -> Option<&ResourceRequirements> {
        self.of_pod.as_ref()
    }

    fn requests(&self) -> Amounts {
        Amounts::read(self.own.requests.as_ref())
    }

    fn limits(&self) -> Amounts {
        let own = Amounts::read(self.own.limits.as_ref());
        let of_pod = self
            .of_pod
            .as_ref()
            .and_then(|resources| resources.limits.as_ref());
        let of_pod = Amounts::read(of_pod);
        Amounts {
            cpu_milli: own.cpu_milli.or(of_pod.cpu_milli),
            memory_bytes: own.memory_bytes.or(of_pod.memory_bytes),
        }
    }

    /// What is to be done so that a container with this has what is wanted; none if it has.
    pub fn change(&self, wanted: &Self, policies: &[ContainerResizePolicy]) -> Option<Change> {
        let restarts = |resource: &str| {
            let mut of_resource = policies.iter().filter(|policy| policy.resource_name == resource);
            of_resource.any(|policy| policy.restart_policy == "RestartContainer")
        };
        let pairs = [
            (self.limits(), wanted.limits()),
            (self.requests(), wanted.requests()),
        ];
        let cpu = pairs.map(|(has, wants)| (has.cpu_milli, wants.cpu_milli));
        let memory = pairs.map(|(has, wants)| (has.memory_bytes, wants.memory_bytes));
        let differ = |amounts: &[(Option<i64>, Option<i64>)]| amounts.iter().any(|(has, wants)| has != wants);
        if !differ(&cpu) && !differ(&memory) {
            return None;
        }
        if (differ(&cpu) && restarts("cpu")) || (differ(&memory) && restarts("memory")) {
            return Some(Change::Restart);
        }
        let less = |(has, wants): &(Option<i64>, Option<i64>)| is_less(*has, *wants);
        Some(Change::InPlace {
            less: cpu.iter().chain(&memory).any(less),
        })
    }

    /// The limit of memory, if it is lower than the one there is.
    pub fn lowers_memory_to(&self, wanted: &Self) -> Option<i64> {
        let (has, wants) = (self.limits().memory_bytes, wanted.limits().memory_bytes);
        wants.filter(|_| is_less(has, wants))
    }

    /// What a status tells of a container that has this, and was granted other amounts: those of cpu and memory that it
    /// has, everything else as it was granted.
    pub fn shown(&self, granted: &ResourceRequirements) -> ResourceRequirements {
        ResourceRequirements {
            requests: shown(self.own.requests.as_ref(), granted.requests.as_ref()),
            limits: shown(self.own.limits.as_ref(), granted.limits.as_ref()),
            claims: granted.claims.clone(),
        }
    }
}

/// Without an amount there is no bound.
fn is_less(has: Option<i64>, wants: Option<i64>) -> bool {
    wants.is_some_and(|wants| has.is_none_or(|has| wants < has))
}

fn shown(has: Option<&ResourceList>, granted: Option<&ResourceList>) -> Option<ResourceList> {
    let mut shown = granted.cloned().unwrap_or_default();
    for resource in ["cpu", "memory"] {
        match has.and_then(|has| has.get(resource)) {
            Some(amount) => shown.insert(resource.to_owned(), amount.clone()),
            None => shown.remove(resource),
        };
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn given(resources: Value) -> Given {
        Given {
            own: serde_json::from_value(resources).unwrap(),
            of_pod: None,
        }
    }

    fn policies(cpu: &str, memory: &str) -> Vec<ContainerResizePolicy> {
        let policies = json!([{ "resourceName": "cpu", "restartPolicy": cpu },
            { "resourceName": "memory", "restartPolicy": memory }]);
        serde_json::from_value(policies).unwrap()
    }

    #[test]
    fn changes() {
        let kept = policies("NotRequired", "NotRequired");
        let memory_anew = policies("NotRequired", "RestartContainer");
        let one = json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "memory": "1Gi" } });
        for (has, wants, policies, expected) in [
            (one.clone(), one.clone(), &kept, None),
            (
                json!({ "limits": { "cpu": "1" } }),
                json!({ "limits": { "cpu": "1000m" } }),
                &kept,
                None,
            ),
            (
                json!({}),
                json!({ "requests": { "cpu": "1" } }),
                &kept,
                Some(Change::InPlace { less: true }),
            ),
            (
                json!({ "requests": { "cpu": "1" } }),
                json!({ "requests": { "cpu": "2" } }),
                &memory_anew,
                Some(Change::InPlace { less: false }),
            ),
            (
                json!({ "limits": { "memory": "2Gi" } }),
                json!({ "limits": { "memory": "1Gi" } }),
                &kept,
                Some(Change::InPlace { less: true }),
            ),
            (
                json!({ "limits": { "memory": "2Gi" } }),
                json!({ "limits": { "memory": "1Gi" } }),
                &memory_anew,
                Some(Change::Restart),
            ),
        ] {
            let found = given(has.clone()).change(&given(wants.clone()), policies);
            assert_eq!(found, expected, "{has} {wants}");
        }
    }

    #[test]
    fn a_lower_limit_of_memory_is_looked_at() {
        let limit = |limit: &str| given(json!({ "limits": { "memory": limit } }));
        assert_eq!(limit("2").lowers_memory_to(&limit("1")), Some(1));
        assert_eq!(limit("1").lowers_memory_to(&limit("2")), None);
        assert_eq!(given(json!({})).lowers_memory_to(&limit("2")), Some(2));
    }

    #[test]
    fn a_status_tells_what_there_is() {
        let has = given(json!({ "requests": { "cpu": "1" }, "limits": { "memory": "1" } }));
        let granted = json!({ "requests": { "cpu": "2", "example.com/gpu": "1" }, "limits": { "memory": "2", "cpu": "3" } });
        let expected =
            json!({ "requests": { "cpu": "1", "example.com/gpu": "1" }, "limits": { "memory": "1" } });
        let shown = has.shown(&serde_json::from_value(granted).unwrap());
        assert_eq!(serde_json::to_value(shown).unwrap(), expected);
    }
}

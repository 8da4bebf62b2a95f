//! Priority: a pod's class becomes a number, and there is one default class at most.

use std::sync::Arc;

use async_trait::async_trait;
use meta::object::name;
use meta::{GroupVersionResource, Status};
use registry::{AdmissionRequest, Object, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::hooks::{Compiled, Memo};
use crate::plugin::Plugin;
use crate::request::resources::{PODS, PRIORITY_CLASSES};
use crate::request::{Request, text};

const PREEMPT: &str = "PreemptLowerPriority";

/// The plugin.
pub(crate) struct Priority {
    cluster: Arc<dyn Cluster>,
    classes: Memo<Class>,
}

/// What a pod gets from its class.
#[derive(Clone)]
struct Class {
    /// None if no class is the default.
    name: Option<String>,
    value: i64,
    preemption_policy: String,
    is_default: bool,
}

impl Compiled for Class {
    const RESOURCE: GroupVersionResource = PRIORITY_CLASSES;

    fn compile(object: &Object, _cluster: &Arc<dyn Cluster>) -> Self {
        Self::of(&object.tree())
    }
}

impl Class {
    fn of(class: &Value) -> Self {
        let policy = text(class, "/preemptionPolicy");
        Self {
            name: Some(name(class).to_owned()),
            value: class["value"].as_i64().unwrap_or(0),
            preemption_policy: if policy.is_empty() { PREEMPT } else { policy }.to_owned(),
            is_default: is_default(class),
        }
    }

    /// What pods get where no class is the default.
    fn none() -> Self {
        Self {
            name: None,
            value: 0,
            preemption_policy: PREEMPT.to_owned(),
            is_default: false,
        }
    }
}

impl Priority {
    pub(crate) fn new(cluster: Arc<dyn Cluster>) -> Self {
        Self {
            cluster,
            classes: Memo::default(),
        }
    }

    async fn class_of(&self, request: &AdmissionRequest<'_>) -> Result<Class, Status> {
        let name = text(request.proposed(), "/spec/priorityClassName");
        if name.is_empty() {
            return self.default_class().await;
        }
        let class = self.cluster.get(&PRIORITY_CLASSES, "", name).await?;
        let class = class
            .ok_or_else(|| request.forbidden(format_args!("no PriorityClass with name {name} was found")))?;
        Ok(Class::of(&class.tree()))
    }

    /// The default class. Of several, the one of the lowest value.
    async fn default_class(&self) -> Result<Class, Status> {
        let classes = self.classes.current(&self.cluster).await?;
        let defaults = classes.iter().filter(|(_, class)| class.is_default);
        let lowest = defaults.min_by_key(|(_, class)| class.value);
        Ok(lowest.map_or_else(Class::none, |(_, class)| Class::clone(class)))
    }

    async fn set_priority(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let class = self.class_of(request).await?;
        let spec = &request.proposed()["spec"];
        if let Some(priority) = spec["priority"]
            .as_i64()
            .filter(|priority| *priority != class.value)
        {
            return Err(request.forbidden(format_args!(
                "the integer value of priority ({priority}) must not be provided in pod spec; priority admission controller \
                 computed {} from the given PriorityClass name",
                class.value
            )));
        }
        if let Some(policy) = spec["preemptionPolicy"]
            .as_str()
            .filter(|policy| *policy != class.preemption_policy)
        {
            return Err(request.forbidden(format_args!(
                "the string value of PreemptionPolicy ({policy}) must not be provided in pod spec; priority admission \
                 controller computed {} from the given PriorityClass name",
                class.preemption_policy
            )));
        }
        let Some(pod) = &mut request.object else {
            return Ok(());
        };
        let spec = &mut pod["spec"];
        spec["priority"] = class.value.into();
        spec["preemptionPolicy"] = class.preemption_policy.into();
        if let Some(name) = class.name {
            spec["priorityClassName"] = name.into();
        }
        Ok(())
    }

    async fn check_default(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let own = request.proposed();
        if !is_default(own) {
            return Ok(());
        }
        let classes = self.cluster.list(&PRIORITY_CLASSES, None).await?;
        let classes = classes.iter().map(|class| class.tree());
        let mut others = classes.filter(|class| is_default(class) && name(class) != name(own));
        match others.next() {
            Some(other) => Err(request.forbidden(format_args!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                name(&other)
            ))),
            None => Ok(()),
        }
    }
}

fn is_default(class: &Value) -> bool {
    class["globalDefault"].as_bool() == Some(true)
}

/// A client that knows nothing of priorities and puts a pod back as it understood it must not lose them.
fn keep_priority(request: &mut AdmissionRequest<'_>) {
    for field in ["priority", "preemptionPolicy"] {
        let kept = request.existing()["spec"][field].clone();
        if let Some(pod) = &mut request.object
            && pod["spec"][field].is_null()
            && !kept.is_null()
        {
            pod["spec"][field] = kept;
        }
    }
}

#[async_trait]
impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        match request.operation {
            Operation::Create if request.is_for(&PODS, "") => self.set_priority(request).await,
            Operation::Update if request.is_for(&PODS, "") => {
                keep_priority(request);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let writes = matches!(request.operation, Operation::Create | Operation::Update);
        if writes && request.is_for(&PRIORITY_CLASSES, "") {
            return self.check_default(request).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    fn cluster() -> FakeCluster {
        FakeCluster::default().with(
            &PRIORITY_CLASSES,
            json!({"metadata": {"name": "hi"}, "value": 77, "preemptionPolicy": "Never"}),
        )
    }

    #[tokio::test]
    async fn pods_get_the_number_of_their_class() {
        let plugin = Priority::new(cluster().shared());
        let computed = |what: &str, given: &str, computed: &str| {
            format!(
                "pods \"p\" is forbidden: the {what} ({given}) must not be provided in pod spec; priority admission \
                 controller computed {computed} from the given PriorityClass name"
            )
        };
        let number = "integer value of priority";
        let policy = "string value of PreemptionPolicy";
        let cases = [
            (json!({}), Ok((0, PREEMPT))),
            (json!({"priorityClassName": "hi"}), Ok((77, "Never"))),
            (
                json!({"priorityClassName": "hi", "priority": 77}),
                Ok((77, "Never")),
            ),
            (
                json!({"priorityClassName": "hi", "priority": 78}),
                Err(computed(number, "78", "77")),
            ),
            (json!({"priority": 5}), Err(computed(number, "5", "0"))),
            (
                json!({"priorityClassName": "hi", "preemptionPolicy": PREEMPT}),
                Err(computed(policy, PREEMPT, "Never")),
            ),
            (
                json!({"priorityClassName": "no"}),
                Err(String::from(
                    "pods \"p\" is forbidden: no PriorityClass with name no was found",
                )),
            ),
        ];
        for (spec, expected) in cases {
            let pod = json!({"metadata": {"name": "p"}, "spec": spec});
            let pod = Write::create(&PODS, pod).through(&plugin).await;
            let got = pod.as_ref().map(|pod| {
                let spec = &pod["spec"];
                (
                    spec["priority"].as_i64().unwrap(),
                    spec["preemptionPolicy"].as_str().unwrap(),
                )
            });
            assert_eq!(got.map_err(Clone::clone), expected);
        }
    }

    #[tokio::test]
    async fn there_is_one_default_class() {
        let default = |name: &str| json!({"metadata": {"name": name}, "value": 5, "globalDefault": true});
        let plugin = Priority::new(cluster().with(&PRIORITY_CLASSES, default("usual")).shared());
        let pod = json!({"metadata": {"name": "p"}, "spec": {}});
        let pod = Write::create(&PODS, pod).through(&plugin).await.unwrap();
        assert_eq!(
            (&pod["spec"]["priority"], &pod["spec"]["priorityClassName"]),
            (&json!(5), &json!("usual"))
        );
        let again = Write::update(&PRIORITY_CLASSES, default("usual"), default("usual"));
        assert!(again.through(&plugin).await.is_ok());
        let other = Write::create(&PRIORITY_CLASSES, default("other"))
            .through(&plugin)
            .await;
        let expected = "priorityclasses.scheduling.k8s.io \"other\" is forbidden: PriorityClass usual is already marked as \
                        default. Only one default can exist";
        assert_eq!(other, Err(expected.to_owned()));
    }
}

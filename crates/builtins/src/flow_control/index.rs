//! Which flow a request belongs to, as the FlowSchemas and PriorityLevelConfigurations there are say.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use apiserver::{Classified, FlowSchemas};
use auth::{Attributes, Follower, Target};
use http::HeaderValue;
use meta::GroupResource;
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

use super::counts::Counts;
use super::level::{Flow, Level};
use super::limits::LevelSpec;
use super::schema::{Distinguisher, Spec};

const GROUP: &str = "flowcontrol.apiserver.k8s.io";
const SCHEMAS: GroupResource = GroupResource::new(GROUP, "flowschemas");
const LEVELS: GroupResource = GroupResource::new(GROUP, "prioritylevelconfigurations");

/// Keeps up with flow schemas and priority levels.
#[derive(Debug)]
pub struct FlowIndex {
    /// Seats of all levels.
    total: u32,
    hasher: RandomState,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they are tried: by precedence, then by name.
    schemas: BTreeMap<(i64, String), FlowSchema>,
    levels: BTreeMap<String, Configured>,
    /// What was counted of each schema and level, whatever became of them.
    counts: BTreeMap<(String, String), Arc<Counts>>,
}

#[derive(Debug)]
struct FlowSchema {
    uid: HeaderValue,
    spec: Spec,
    /// None if its level does not exist.
    flow: Option<Arc<Flow>>,
}

#[derive(Debug)]
struct Configured {
    uid: HeaderValue,
    spec: LevelSpec,
    level: Option<Arc<Level>>,
}

impl FlowIndex {
    /// Of a server that works on `total` requests at a time.
    pub fn new(total: usize) -> Self {
        Self {
            total: u32::try_from(total).unwrap_or(u32::MAX),
            hasher: RandomState::new(),
            state: RwLock::default(),
        }
    }

    /// Appends what is known of levels and flows in the text format of metrics.
    pub fn write_metrics(&self, out: &mut String) {
        let state = self.state.read();
        let levels = state
            .levels
            .iter()
            .filter_map(|(name, of)| Some((name.as_str(), of.level.as_deref()?)));
        super::metrics::write(
            out,
            levels,
            state.counts.iter().map(|(names, counts)| (names, &**counts)),
        );
    }

    /// What sets flows of a schema apart from each other, as a number.
    fn key(&self, name: &str, by: Option<Distinguisher>, request: &Attributes<'_>) -> u64 {
        let what = match (by, &request.target) {
            (Some(Distinguisher::User), _) => request.user.name.as_str(),
            (Some(Distinguisher::Namespace), Target::Resource(target)) => target.namespace,
            (Some(Distinguisher::Namespace), Target::Path(_)) | (None, _) => "",
        };
        self.hasher.hash_one((name, what))
    }
}

impl FlowSchemas for FlowIndex {
    fn classify(&self, request: &Attributes<'_>) -> Option<Classified> {
        let state = self.state.read();
        let mut fitting = state
            .schemas
            .iter()
            .filter(|(_, schema)| schema.spec.fits(request));
        fitting.find_map(|((_, name), schema)| {
            let flow: Arc<dyn apiserver::Flow> = schema.flow.clone()?;
            Some(Classified {
                key: self.key(name, schema.spec.distinguisher(), request),
                flow,
            })
        })
    }
}

impl State {
    /// New seats for all levels. Who has one of the old ones keeps it, and who waits for one of them gets it.
    fn divide(&mut self, total: u32) {
        let specs: Vec<&LevelSpec> = self.levels.values().map(|configured| &configured.spec).collect();
        let levels = Level::all(total, &specs);
        for (configured, level) in self.levels.values_mut().zip(levels) {
            configured.level = Some(level);
        }
        self.join();
    }

    /// Tells schemas the levels that they lead to.
    fn join(&mut self) {
        let Self {
            schemas,
            levels,
            counts,
        } = self;
        for ((_, name), schema) in schemas.iter_mut() {
            let level = levels.get(schema.spec.level());
            schema.flow = level.and_then(|configured| {
                let names = (schema.spec.level().to_owned(), name.clone());
                let counts = Arc::clone(counts.entry(names).or_default());
                Some(Arc::new(Flow {
                    schema: schema.uid.clone(),
                    priority_level: configured.uid.clone(),
                    level: configured.level.clone()?,
                    counts,
                }))
            });
        }
        // What nothing leads to any more and nobody uses is told no longer.
        counts.retain(|_, counts| Arc::strong_count(counts) > 1);
    }
}

impl Follower for FlowIndex {
    fn resources(&self) -> Vec<GroupResource> {
        vec![SCHEMAS, LEVELS]
    }

    fn set(&self, resource: &GroupResource, object: &Value) {
        let name = meta::object::name(object).to_owned();
        let Ok(uid) = HeaderValue::try_from(meta::object::uid(object)) else {
            return;
        };
        let mut state = self.state.write();
        if *resource == LEVELS {
            let spec = LevelSpec::deserialize(&object["spec"]).unwrap_or_default();
            let known = state.levels.get(&name);
            if known.is_some_and(|known| known.spec == spec && known.uid == uid) {
                return;
            }
            let level = None;
            state.levels.insert(name, Configured { uid, spec, level });
            return state.divide(self.total);
        }
        state.schemas.retain(|(_, known), _| *known != name);
        if let Ok(spec) = Spec::deserialize(&object["spec"]) {
            let key = (spec.matching_precedence, name);
            let flow = None;
            state.schemas.insert(key, FlowSchema { uid, spec, flow });
        }
        state.join();
    }

    fn remove(&self, resource: &GroupResource, _namespace: &str, name: &str) {
        let mut state = self.state.write();
        if *resource == LEVELS {
            state.levels.remove(name);
            state.divide(self.total);
        } else {
            state.schemas.retain(|(_, known), _| known != name);
            state.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use auth::ResourceTarget;
    use meta::User;
    use serde_json::json;

    use super::*;

    fn schema(name: &str, precedence: i64, level: &str, rule: Value) -> Value {
        json!({"metadata": {"name": name, "uid": format!("{name}-uid")}, "spec": {
            "matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": level}, "rules": [rule],
        }})
    }

    fn level(name: &str) -> Value {
        json!({"metadata": {"name": name, "uid": format!("{name}-level")}, "spec": {"type": "Limited"}})
    }

    fn index() -> FlowIndex {
        let index = FlowIndex::new(20);
        for level in ["exempt", "leases", "rest"] {
            index.set(&LEVELS, &self::level(level));
        }
        let group = |name: &str| json!({"kind": "Group", "group": {"name": name}});
        let everything = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]});
        let any_path = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
        let all = |subject: Value| json!({"subjects": [subject], "resourceRules": [everything], "nonResourceRules": [any_path]});
        let leases = json!({
            "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "a", "name": "*"}}],
            "resourceRules": [{"verbs": ["get"], "apiGroups": ["c"], "resources": ["leases"], "namespaces": ["*"]}],
        });
        let probes = json!({"subjects": [group("*")], "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/livez", "/x/*"]}]});
        index.set(&SCHEMAS, &schema("rest", 9000, "rest", all(group("users"))));
        index.set(&SCHEMAS, &schema("leases", 100, "leases", leases));
        index.set(&SCHEMAS, &schema("probes", 2, "exempt", probes));
        index.set(&SCHEMAS, &schema("lost", 1, "no-such-level", all(group("users"))));
        index
    }

    fn check(user: &User, verb: &str, target: Target<'_>, wanted: Option<&'static str>) {
        let request = Attributes { user, verb, target };
        let found = index()
            .classify(&request)
            .map(|found| found.flow.schema_uid().clone());
        assert_eq!(found, wanted.map(HeaderValue::from_static), "{request}");
    }

    #[test]
    fn the_first_schema_that_fits_counts() {
        let account = User::new("system:serviceaccount:a:x", &["users"]);
        let stranger = User::new("z", &["others"]);
        let lease = |namespace| {
            Target::Resource(ResourceTarget {
                group: "c",
                resource: "leases",
                namespace,
                ..ResourceTarget::default()
            })
        };
        check(&account, "get", lease("n"), Some("leases-uid"));
        check(&account, "get", lease(""), Some("rest-uid"));
        check(&account, "delete", lease("n"), Some("rest-uid"));
        check(&stranger, "get", lease("n"), None);
        check(&stranger, "get", Target::Path("/livez"), Some("probes-uid"));
        check(&stranger, "get", Target::Path("/livez/etcd"), None);
        check(&account, "get", Target::Path("/x/y"), Some("probes-uid"));
        check(&account, "post", Target::Path("/livez"), Some("rest-uid"));
    }

    #[test]
    fn what_is_gone_counts_no_more() {
        let index = index();
        let user = User::new("u", &["users"]);
        let request = Attributes::path(&user, "get", "/version");
        let flow = index.classify(&request).expect("a flow").flow;
        assert_eq!(
            (flow.schema_uid(), flow.level_uid()),
            (&"rest-uid".parse().unwrap(), &"rest-level".parse().unwrap())
        );
        index.remove(&LEVELS, "", "rest");
        assert!(index.classify(&request).is_none());
        index.set(&LEVELS, &level("rest"));
        assert!(index.classify(&request).is_some());
        index.remove(&SCHEMAS, "", "rest");
        assert!(index.classify(&request).is_none());
    }

    #[test]
    fn flows_are_told_apart_as_their_schema_says() {
        let index = FlowIndex::new(20);
        index.set(&LEVELS, &level("l"));
        let all = json!({
            "subjects": [{"kind": "Group", "group": {"name": "*"}}],
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]}],
        });
        let (ann, ben) = (User::new("ann", &[]), User::new("ben", &[]));
        let key = |user: &User, namespace| {
            let target = Target::Resource(ResourceTarget {
                namespace,
                ..ResourceTarget::default()
            });
            let request = Attributes {
                user,
                verb: "get",
                target,
            };
            index.classify(&request).expect("a flow").key
        };
        for (method, same_user, same_namespace) in [
            (Value::Null, true, true),
            (json!({"type": "ByUser"}), true, false),
            (json!({"type": "ByNamespace"}), false, true),
        ] {
            let mut object = schema("s", 1, "l", all.clone());
            object["spec"]["distinguisherMethod"] = method;
            index.set(&SCHEMAS, &object);
            let first = key(&ann, "a");
            assert_eq!(
                (first == key(&ann, "b"), first == key(&ben, "a")),
                (same_user, same_namespace)
            );
        }
    }

    #[test]
    fn seats_and_requests_are_told_in_metrics() {
        let index = index();
        let user = User::new("u", &["users"]);
        let flow = index
            .classify(&Attributes::path(&user, "get", "/version"))
            .expect("a flow")
            .flow;
        assert!(flow.take());
        let mut text = String::new();
        index.write_metrics(&mut text);
        for line in [
            "apiserver_flowcontrol_nominal_limit_seats{priority_level=\"rest\"} 7",
            "apiserver_flowcontrol_current_executing_requests{flow_schema=\"rest\",priority_level=\"rest\"} 1",
            "apiserver_flowcontrol_dispatched_requests_total{flow_schema=\"probes\",priority_level=\"exempt\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}

//! Flow schemas say whether the priority level that they lead to is there.

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use client::{Client, Error, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Who the API knows as the writer.
const MANAGER: &str = "api-priority-and-fairness-config-consumer-v1";
const CONDITION: &str = "Dangling";

/// Keeps the condition true until the token fires. Every server may do it: they all write the same.
pub async fn run(client: Client, shutdown: CancellationToken) {
    let schemas = Informer::<FlowSchema>::start(client.clone(), "", Default::default(), shutdown.clone());
    let levels = Informer::<PriorityLevelConfiguration>::start(
        client.clone(),
        "",
        Default::default(),
        shutdown.clone(),
    );
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    schemas.on_change(move |change| {
        if let Some(name) = change
            .new
            .as_ref()
            .and_then(|schema| schema.metadata.name.clone())
        {
            to.add(name);
        }
    });
    let (to, known) = (queue.clone(), schemas.clone());
    levels.on_change(move |change| {
        // What a level says does not matter, only whether it is there.
        let name = match (&change.old, &change.new) {
            (None, Some(level)) | (Some(level), None) => level.metadata.name.as_deref(),
            _ => None,
        };
        let Some(name) = name else { return };
        for schema in known.store().list() {
            if level_of(&schema) == name {
                to.add(schema.metadata.name.clone().unwrap_or_default());
            }
        }
    });
    schemas.synced().await;
    levels.synced().await;
    run_workers("flow-schemas", queue, 1, shutdown, move |name| {
        let (client, schemas, levels) = (client.clone(), schemas.clone(), levels.clone());
        async move {
            let Some(schema) = schemas.store().get("", &name) else {
                return Ok(Outcome::Done);
            };
            let is_there = levels.store().get("", level_of(&schema)).is_some();
            match plan(&schema, is_there, Timestamp::now()) {
                Some(condition) => write(&client, &name, &condition).await,
                None => Ok(Outcome::Done),
            }
        }
    })
    .await;
}

async fn write(client: &Client, name: &str, condition: &Value) -> Result<Outcome, Error> {
    let applied = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": { "name": name },
        "status": { "conditions": [condition] },
    });
    let options = PatchOptions {
        subresource: "status".into(),
        field_manager: MANAGER.to_owned(),
        force: true,
    };
    let result = client
        .patch::<FlowSchema>(Scope::Cluster, name, Patch::Apply(&applied), &options)
        .await;
    optional(result)?;
    Ok(Outcome::Done)
}

fn level_of(schema: &FlowSchema) -> &str {
    let spec = schema.spec.as_ref();
    spec.map_or("", |spec| spec.priority_level_configuration.name.as_str())
}

/// The condition a schema should have; none if it says so already.
fn plan(schema: &FlowSchema, is_there: bool, now: Timestamp) -> Option<Value> {
    let level = meta::quote(level_of(schema));
    let (status, reason, found) = if is_there {
        ("False", "Found", "and it exists")
    } else {
        ("True", "NotFound", "but there is no such object")
    };
    let message =
        format!("This FlowSchema references the PriorityLevelConfiguration object named {level} {found}");
    let conditions = schema
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let old = conditions
        .clone()
        .find(|condition| condition.type_.as_deref() == Some(CONDITION));
    let is_same = |text: &Option<String>, wanted: &str| text.as_deref() == Some(wanted);
    let since = old
        .filter(|old| is_same(&old.status, status))
        .and_then(|old| old.last_transition_time.as_ref());
    if let Some(old) = old
        && since.is_some()
        && is_same(&old.reason, reason)
        && is_same(&old.message, &message)
    {
        return None;
    }
    let since = since.map_or_else(
        || now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
        |since| json!(since),
    );
    Some(json!({
        "type": CONDITION, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(status: Value) -> FlowSchema {
        let object = json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": "s"},
            "spec": {"matchingPrecedence": 9, "priorityLevelConfiguration": {"name": "l"}},
            "status": status,
        });
        serde_json::from_value(object).expect("a schema")
    }

    #[test]
    fn a_schema_says_what_is_so() {
        let now = Timestamp::UNIX_EPOCH;
        let missing = json!({
            "type": "Dangling", "status": "True", "reason": "NotFound", "lastTransitionTime": "1970-01-01T00:00:00Z",
            "message": "This FlowSchema references the PriorityLevelConfiguration object named \"l\" but there is no such object",
        });
        let there = json!({
            "type": "Dangling", "status": "False", "reason": "Found", "lastTransitionTime": "1970-01-01T00:00:00Z",
            "message": "This FlowSchema references the PriorityLevelConfiguration object named \"l\" and it exists",
        });
        let of = |condition: &Value| schema(json!({"conditions": [condition]}));
        assert_eq!(plan(&schema(json!({})), false, now), Some(missing.clone()));
        assert_eq!(plan(&of(&missing), false, now), None);
        assert_eq!(plan(&of(&missing), true, now), Some(there.clone()));
        assert_eq!(plan(&of(&there), true, now), None);
        let mut old = there.clone();
        old["message"] = "about another".into();
        old["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
        let mut kept = there;
        kept["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
        assert_eq!(plan(&of(&old), true, now), Some(kept));
    }
}

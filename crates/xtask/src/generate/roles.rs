//! Renders the default roles and bindings from recorded objects: a line each, without what all of them have.

use serde_json::{Map, Value};

use crate::Error;

/// Every default object has these.
const LABEL: &str = "kubernetes.io/bootstrapping";
const ANNOTATION: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// A JSON object of the four kinds, each a list with an object on a line.
pub fn render(recorded: &str) -> Result<String, Error> {
    let recorded: Map<String, Value> = serde_json::from_str(recorded)?;
    let mut kinds = Vec::new();
    for (kind, objects) in &recorded {
        let objects = objects.as_array().ok_or_else(|| format!("{kind}: not a list"))?;
        let lines: Vec<String> = objects
            .iter()
            .map(|object| Ok(format!("    {}", serde_json::to_string(&compact(object)?)?)))
            .collect::<Result<_, Error>>()?;
        kinds.push(format!("  {kind:?}: [\n{}\n  ]", lines.join(",\n")));
    }
    Ok(format!("{{\n{}\n}}\n", kinds.join(",\n")))
}

fn compact(object: &Value) -> Result<Value, Error> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    if metadata["annotations"][ANNOTATION] != "true" || metadata["labels"][LABEL] != "rbac-defaults" {
        return Err(format!("{name}: not a default object").into());
    }
    let mut labels = metadata["labels"].as_object().cloned().unwrap_or_default();
    labels.remove(LABEL);
    let mut fields = Map::from_iter([("name".to_owned(), name.into())]);
    let mut keep = |field: &str, value: &Value| {
        let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            fields.insert(field.to_owned(), value.clone());
        }
    };
    keep("namespace", &metadata["namespace"]);
    keep("labels", &Value::Object(labels));
    keep("aggregationRule", &object["aggregationRule"]);
    // The rules of an aggregated role are the controller's to fill in.
    if object["aggregationRule"].is_null() {
        keep("rules", &object["rules"]);
    }
    keep("roleRef", &object["roleRef"]);
    keep("subjects", &object["subjects"]);
    Ok(Value::Object(fields))
}

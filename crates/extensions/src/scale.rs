//! How many replicas a custom resource has and shall have, seen as a `Scale`.

use meta::Status;
use meta::object::metadata;
use resource::{Column, Projection, Row};
use serde_json::{Map, Value, json};

use crate::columns::Columns;
use crate::definition::{PrinterColumn, ScalePlaces};
use crate::json_path::JsonPath;

/// Stands in a scale for replicas of which the object says nothing.
const UNSAID: i32 = i32::MIN;

/// Where the object has what.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    places: ScalePlaces,
    spec: Vec<String>,
    status: Vec<String>,
    selector: Option<Vec<String>>,
}

impl Scale {
    pub(crate) fn new(places: ScalePlaces) -> Self {
        Self {
            spec: fields(&places.spec_replicas_path),
            status: fields(&places.status_replicas_path),
            selector: places.label_selector_path.as_deref().map(fields),
            places,
        }
    }

    fn seen(&self, object: &Value, replicas: i64) -> Value {
        let mut of_scale = Map::new();
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = metadata(object).and_then(|m| m.get(field)) {
                of_scale.insert(field.to_owned(), value.clone());
            }
        }
        let mut spec = Map::new();
        if replicas != 0 {
            spec.insert("replicas".to_owned(), replicas.into());
        }
        let current = at(object, &self.status).and_then(Value::as_i64).unwrap_or(0);
        let mut status = Map::new();
        status.insert("replicas".to_owned(), current.into());
        let selector = self.selector.as_ref().and_then(|path| at(object, path)?.as_str());
        if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
            status.insert("selector".to_owned(), selector.into());
        }
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": of_scale, "spec": spec, "status": status,
        })
    }

    fn said(&self, object: &Value) -> Option<i64> {
        at(object, &self.spec)?.as_i64()
    }
}

impl Projection for Scale {
    fn read(&self, object: &Value) -> Result<Value, Status> {
        let place = &self.places.spec_replicas_path;
        let replicas = self.said(object).ok_or_else(|| {
            Status::internal(format_args!(
                "the spec replicas field {} does not exist",
                meta::quote(place)
            ))
        })?;
        Ok(self.seen(object, replicas))
    }

    fn read_to_change(&self, object: &Value) -> Result<Value, Status> {
        Ok(self.seen(object, self.said(object).unwrap_or(UNSAID.into())))
    }

    fn columns(&self) -> Vec<Column> {
        columns().heads()
    }

    fn row(&self, read: &Value, now: i64) -> Row {
        columns().row(read, now)
    }

    fn place_of_replicas(&self) -> Vec<&str> {
        self.spec.iter().map(String::as_str).collect()
    }

    fn write(&self, object: &mut Value, wishes: &Value) -> Result<(), Status> {
        let replicas = wishes["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas == i64::from(UNSAID) {
            let place = meta::quote(&self.places.spec_replicas_path);
            return Err(Status::bad_request(format!(
                "the spec replicas field {place} cannot be empty"
            )));
        }
        set(object, &self.spec, replicas.into());
        Ok(())
    }
}

/// Upstream shows scales as if a definition had these columns.
fn columns() -> Columns {
    let column = |name: &str, kind: &str, json_path: &str, description: &str| PrinterColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        json_path: json_path.to_owned(),
        description: description.to_owned(),
        ..PrinterColumn::default()
    };
    let created = resource::table::creation_column();
    Columns::new(&[
        column(
            "Desired",
            "integer",
            ".spec.replicas",
            "Number of desired replicas",
        ),
        column(
            "Available",
            "integer",
            ".status.replicas",
            "Number of actual replicas",
        ),
        column("Age", "date", ".metadata.creationTimestamp", created.text()),
    ])
}

fn fields(path: &str) -> Vec<String> {
    let path = JsonPath::parse(path);
    let fields = path.as_ref().and_then(JsonPath::fields).unwrap_or_default();
    fields.into_iter().map(str::to_owned).collect()
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, field| value.get(field))
}

/// Puts a value at a path, with whatever objects lie on the way there.
fn set(object: &mut Value, path: &[String], value: Value) {
    let mut place = object;
    for field in path {
        if !place.is_object() {
            *place = json!({});
        }
        let Some(fields) = place.as_object_mut() else {
            return;
        };
        place = fields.entry(field.clone()).or_insert(Value::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_read_and_written_where_they_stand() {
        let scale = Scale::new(ScalePlaces {
            spec_replicas_path: String::from(".spec.size"),
            status_replicas_path: String::from(".status.size"),
            label_selector_path: Some(String::from(".status.selector")),
        });
        let mut object = json!({"metadata": {"name": "a"}, "status": {"selector": "a=b"}});
        let missing = scale.read(&object).map_err(|status| status.message);
        let message = "Internal error occurred: the spec replicas field \".spec.size\" does not exist";
        assert_eq!(missing, Err(message.to_owned()));
        let unsaid = scale.read_to_change(&object).unwrap_or_default();
        assert!(scale.write(&mut object, &unsaid).is_err());
        assert!(
            scale
                .write(&mut object, &json!({"spec": {"replicas": 3}}))
                .is_ok()
        );
        assert_eq!(object["spec"], json!({"size": 3}));
        let seen = scale.read(&object).unwrap_or_default();
        let heads: Vec<_> = scale.columns().into_iter().map(|column| column.name).collect();
        assert_eq!(heads, ["Name", "Desired", "Available", "Age"]);
        assert_eq!(scale.row(&seen, 0).cells[..3], [json!("a"), json!(3), json!(0)]);
        assert_eq!(
            (&seen["spec"], &seen["status"]),
            (
                &json!({"replicas": 3}),
                &json!({"replicas": 0, "selector": "a=b"})
            )
        );
    }
}

//! How the components of the master are, in the words of times before `/readyz`.

use resource::{Column, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{NAME, name};

room! {
    /// How a component of the master is. Not stored: it is looked at when somebody asks.
    ComponentStatus
}

impl Strategy for ComponentStatus {
    fn deprecation(&self) -> Option<&'static str> {
        Some("v1 ComponentStatus is deprecated in v1.19+")
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Status", "Status of the component conditions"),
            Column::string("Message", "Message of the component conditions"),
            Column::string("Error", "Error of the component conditions"),
        ]
    }

    fn row(&self, object: &Value, _now: i64) -> Row {
        let [status, message, error] = told(object);
        Row {
            cells: vec![name(object), status.into(), message.into(), error.into()],
            ..Row::default()
        }
    }
}

/// Status, message and error of the condition `Healthy`; without it, nothing is known.
fn told(object: &Value) -> [&str; 3] {
    let conditions = object["conditions"].as_array().into_iter().flatten();
    let mut healthy = conditions.filter(|condition| condition["type"] == "Healthy");
    let Some(condition) = healthy.next_back() else {
        return ["Unknown", "", ""];
    };
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    let status = match text("status") {
        "True" => "Healthy",
        _ => "Unhealthy",
    };
    [status, text("message"), text("error")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::told;

    #[test]
    fn rows_tell_the_condition() {
        for (status, expected) in [("True", "Healthy"), ("False", "Unhealthy")] {
            let condition = json!({"type": "Healthy", "status": status, "message": "m"});
            assert_eq!(told(&json!({"conditions": [condition]})), [expected, "m", ""]);
        }
        assert_eq!(told(&json!({})), ["Unknown", "", ""]);
    }
}

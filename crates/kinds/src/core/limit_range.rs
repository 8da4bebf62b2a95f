//! Limit ranges.

use std::collections::BTreeSet;

use meta::ErrorList;
use resource::{MetadataChecks, Strategy};
use serde_json::{Map, Value};

use super::resources;
use crate::room::room;
use crate::toolkit::defaults::{Object, object_at, object_or_new, objects, text};
use crate::toolkit::quantity::{self, Quantity};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// How much one object of a namespace may ask for.
    LimitRange
}

const CONTAINER: &str = "Container";
const POD: &str = "Pod";
const CLAIM: &str = "PersistentVolumeClaim";

impl Strategy for LimitRange {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn names_the_nameless(&self) -> bool {
        true
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        for item in objects(spec, "limits") {
            if text(item, "type") == CONTAINER {
                inherit(item, "default", "max");
                inherit(item, "defaultRequest", "default");
                inherit(item, "defaultRequest", "min");
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |range| {
            let spec = range.child("spec");
            let mut kinds = Seen::new();
            for item in spec.child("limits").items() {
                kind(&item.child("type"));
                if kinds.again(item.text_of("type")) {
                    item.child("type").duplicate();
                }
                self::item(&item);
            }
        })
    }
}

/// What one list of amounts lacks comes from another.
fn inherit(item: &mut Object, to: &str, from: &str) {
    let amounts: Map<String, Value> = match item.get(from).and_then(Value::as_object) {
        Some(amounts) if !amounts.is_empty() => amounts.clone(),
        _ => return,
    };
    if let Some(target) = object_or_new(item, to) {
        for (name, amount) in amounts {
            target.entry(name).or_insert(amount);
        }
    }
}

fn kind(kind: &Field) {
    let complaints = meta::name::qualified_name(kind.text());
    let is_good = complaints.is_empty();
    kind.complain(complaints);
    if is_good && !kind.text().contains('/') && !matches!(kind.text(), CONTAINER | POD | CLAIM) {
        kind.invalid("must be a standard limit type or fully qualified");
    }
}

fn item(item: &Field) {
    let kind = item.text_of("type");
    let name: fn(&Field, &str) = match kind {
        CONTAINER | POD => resources::container_name,
        _ => resources::name,
    };
    let mut lists = vec!["max", "min"];
    if kind == POD {
        for list in ["default", "defaultRequest"] {
            let list = item.child(list);
            if !list.is_empty() {
                list.forbidden("may not be specified when `type` is 'Pod'");
            }
        }
    } else {
        lists.extend(["default", "defaultRequest"]);
    }
    lists.push("maxLimitRequestRatio");
    let mut names = BTreeSet::new();
    for list in &lists {
        for (resource, place) in item.child(list).entries() {
            name(&place, resource);
            names.insert(resource);
        }
    }
    if kind == CLAIM
        && !item.child("min").key("storage").is_set()
        && !item.child("max").key("storage").is_set()
    {
        item.child("limits")
            .required("either minimum or maximum storage value is required, but neither was provided");
    }
    for resource in names {
        amounts(item, resource);
    }
}

/// The amounts of one resource must be in order: min, default request, default, max.
fn amounts(item: &Field, resource: &str) {
    let amount = |list| quantity::read(item.child(list).key(resource).value());
    let (min, max) = (amount("min"), amount("max"));
    let (default, request) = (amount("default"), amount("defaultRequest"));
    let say = |list, value: Quantity, what: String| {
        item.child(list)
            .key(resource)
            .invalid_as(value.to_string(), &what);
    };
    let over = |a: Option<Quantity>, b: Option<Quantity>| a.zip(b).filter(|(a, b)| a > b);
    if let Some((min, max)) = over(min, max) {
        say(
            "min",
            min,
            format!("min value {min} is greater than max value {max}"),
        );
    }
    if let Some((min, request)) = over(min, request) {
        let what = format!("min value {min} is greater than default request value {request}");
        say("defaultRequest", request, what);
    }
    if let Some((request, max)) = over(request, max) {
        let what = format!("default request value {request} is greater than max value {max}");
        say("defaultRequest", request, what);
    }
    if let Some((request, default)) = over(request, default) {
        let what = format!("default request value {request} is greater than default limit value {default}");
        say("defaultRequest", request, what);
    }
    if let Some((min, default)) = over(min, default) {
        say(
            "default",
            min,
            format!("min value {min} is greater than default value {default}"),
        );
    }
    if let Some((default, max)) = over(default, max) {
        say(
            "default",
            max,
            format!("default value {default} is greater than max value {max}"),
        );
    }
    if let Some(ratio) = amount("maxLimitRequestRatio") {
        if ratio < Quantity::new(1, Default::default()) {
            say(
                "maxLimitRequestRatio",
                ratio,
                format!("ratio {ratio} is less than 1"),
            );
        }
        if let (Some(min), Some(max)) = (min, max) {
            let (ratio_value, most) = ratios(ratio, min, max);
            if ratio_value > most {
                let what = format!("ratio {ratio} is greater than max/min = {most:.6}");
                say("maxLimitRequestRatio", ratio, what);
            }
        }
    }
    if !resources::may_be_overcommitted(resource)
        && let Some((default, request)) = default.zip(request).filter(|(a, b)| a != b)
    {
        let what =
            format!("default value {default} must equal to defaultRequest value {request} in {resource}");
        say("defaultRequest", request, what);
    }
}

/// A ratio, and the most it may be: counted in thousandths unless that would be too much.
fn ratios(ratio: Quantity, min: Quantity, max: Quantity) -> (f64, f64) {
    const MOST: i64 = i64::MAX / 1000;
    let whole = [ratio, max, min].map(Quantity::value);
    let [ratio, max, min] = if whole.iter().all(|value| *value < MOST) {
        [
            ratio.milli_value() as f64 / 1000.0,
            max.milli_value() as f64,
            min.milli_value() as f64,
        ]
    } else {
        whole.map(|value| value as f64)
    };
    (ratio, max / min)
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted};
    use serde_json::{Value, json};

    fn range(item: Value) -> Value {
        json!({"spec": {"limits": [item]}})
    }

    #[test]
    fn amounts_follow_from_each_other() {
        let range = defaulted(
            "",
            "limitranges",
            range(json!({"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1"}})),
        );
        let item = &range["spec"]["limits"][0];
        assert_eq!(item["default"], json!({"cpu": "2"}));
        assert_eq!(item["defaultRequest"], json!({"cpu": "2", "memory": "1"}));
    }

    #[test]
    fn amounts_are_in_order() {
        let errors = |item: Value| create_errors("", "limitranges", range(item));
        assert_eq!(
            errors(json!({"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}})),
            [r#"spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1"#,]
        );
        assert_eq!(
            errors(json!({"type": "Pod", "default": {"cpu": "2"}})),
            ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",]
        );
        assert_eq!(
            errors(json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}})),
            [r#"spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1"#,]
        );
        assert_eq!(
            errors(json!({"type": "PersistentVolumeClaim"})),
            [
                "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
            ]
        );
    }
}

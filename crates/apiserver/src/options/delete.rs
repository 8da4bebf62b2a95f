//! Options of deletes: a body, or else the query.

use meta::field::Path;
use meta::{ErrorList, FieldError, Status};
use registry::{DeleteOptions, Preconditions, Propagation};
use serde_json::{Map, Value, json};

use crate::options::number::integer;
use crate::options::refuse;
use crate::options::write::dry_run;
use crate::query::{Query, is_true};

/// What a delete asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRequest {
    /// For the registry.
    pub options: DeleteOptions,
    /// Go through everything, write nothing.
    pub dry_run: bool,
}

impl DeleteRequest {
    /// The options as an object, as far as they are there.
    pub fn to_object(&self) -> Value {
        let options = &self.options;
        let mut object = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        set(
            "gracePeriodSeconds",
            options.grace_period_seconds.map(Value::from),
        );
        let conditions = [
            ("uid", &options.preconditions.uid),
            ("resourceVersion", &options.preconditions.resource_version),
        ];
        let conditions: Map<_, _> = conditions
            .into_iter()
            .filter_map(|(name, wanted)| Some((name.to_owned(), wanted.clone()?.into())))
            .collect();
        set(
            "preconditions",
            (!conditions.is_empty()).then_some(Value::Object(conditions)),
        );
        set("orphanDependents", options.orphan_dependents.map(Value::from));
        set(
            "propagationPolicy",
            options.propagation.map(|policy| policy.as_str().into()),
        );
        set("dryRun", self.dry_run.then(|| json!(["All"])));
        Value::Object(object)
    }
}

/// As it came, not yet checked.
#[derive(Debug, Default)]
struct Raw<'a> {
    grace_period_seconds: Option<i64>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<&'a str>,
    preconditions: Preconditions,
    dry_run: Vec<&'a str>,
}

/// The options in a body (a decoded `DeleteOptions`), or without one those in the query.
pub fn delete_options(body: Option<&Value>, query: &Query) -> Result<DeleteRequest, Status> {
    check(match body {
        Some(body) => of_body(body),
        None => of_query(query)?,
    })
}

fn of_body(body: &Value) -> Raw<'_> {
    let precondition = |name| Some(body.get("preconditions")?.get(name)?.as_str()?.to_owned());
    let dry_run = body.get("dryRun").and_then(Value::as_array);
    Raw {
        grace_period_seconds: body.get("gracePeriodSeconds").and_then(Value::as_i64),
        orphan_dependents: body.get("orphanDependents").and_then(Value::as_bool),
        propagation_policy: body.get("propagationPolicy").and_then(Value::as_str),
        preconditions: Preconditions {
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        },
        dry_run: dry_run.into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

fn of_query(query: &Query) -> Result<Raw<'_>, Status> {
    Ok(Raw {
        grace_period_seconds: integer(query.first("gracePeriodSeconds"))?,
        orphan_dependents: query.first("orphanDependents").map(is_true),
        propagation_policy: query.first("propagationPolicy"),
        preconditions: Preconditions {
            uid: query.first("uid").map(str::to_owned),
            resource_version: query.first("resourceVersion").map(str::to_owned),
        },
        dry_run: query.all("dryRun").collect(),
    })
}

fn check(raw: Raw<'_>) -> Result<DeleteRequest, Status> {
    let mut errors = ErrorList::new();
    let path = Path::new("propagationPolicy");
    let propagation = match raw.propagation_policy {
        None | Some("") => None,
        Some("Orphan") => Some(Propagation::Orphan),
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some(other) => {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            errors.push(FieldError::not_supported(&path, other, &supported));
            None
        }
    };
    if let (Some(policy), Some(_)) = (raw.propagation_policy, raw.orphan_dependents) {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(FieldError::invalid(&path, policy, why));
    }
    let dry_run = dry_run(raw.dry_run, &mut errors);
    refuse("DeleteOptions", &errors)?;
    let options = DeleteOptions {
        grace_period_seconds: raw.grace_period_seconds,
        preconditions: raw.preconditions,
        propagation,
        orphan_dependents: raw.orphan_dependents,
    };
    Ok(DeleteRequest { options, dry_run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_before_the_query() {
        let query = Query::parse(Some(
            "gracePeriodSeconds=7&propagationPolicy=Foreground&dryRun=All",
        ));
        let found = delete_options(None, &query).expect("options");
        assert_eq!(found.options.grace_period_seconds, Some(7));
        assert_eq!(found.options.propagation, Some(Propagation::Foreground));
        assert!(found.dry_run);
        let query_of_conditions = Query::parse(Some("uid=u&resourceVersion=5"));
        let conditions = delete_options(None, &query_of_conditions).expect("options");
        let conditions = conditions.options.preconditions;
        assert_eq!(
            (conditions.uid.as_deref(), conditions.resource_version.as_deref()),
            (Some("u"), Some("5"))
        );
        let body = json!({"preconditions": {"uid": "u"}, "orphanDependents": true});
        let found = delete_options(Some(&body), &query).expect("options");
        assert_eq!(found.options.preconditions.uid.as_deref(), Some("u"));
        assert_eq!(
            (
                found.options.grace_period_seconds,
                found.options.orphan_dependents
            ),
            (None, Some(true))
        );
        assert!(!found.dry_run);
    }

    #[test]
    fn options_are_shown_as_an_object() {
        let query = Query::parse(Some(
            "gracePeriodSeconds=7&propagationPolicy=Foreground&dryRun=All",
        ));
        let found = delete_options(None, &query).expect("options").to_object();
        let expected = json!({"gracePeriodSeconds": 7, "propagationPolicy": "Foreground", "dryRun": ["All"]});
        assert_eq!(found, expected);
        let body = json!({"preconditions": {"uid": "u"}});
        let found = delete_options(Some(&body), &Query::default()).expect("options");
        assert_eq!(found.to_object(), body);
    }

    #[test]
    fn contradictions_are_refused() {
        for (query, expected) in [
            (
                "dryRun=No",
                r#"dryRun: Unsupported value: ["No"]: supported values: "All""#,
            ),
            (
                "propagationPolicy=Some",
                r#"propagationPolicy: Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil""#,
            ),
            (
                "propagationPolicy=Orphan&orphanDependents=true",
                r#"propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set"#,
            ),
        ] {
            let found = delete_options(None, &Query::parse(Some(query)))
                .expect_err("a refusal")
                .message;
            assert_eq!(
                found,
                format!("DeleteOptions.meta.k8s.io \"\" is invalid: {expected}")
            );
        }
    }
}

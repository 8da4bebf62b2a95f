//! What one mutation of a policy makes of an object.

use cel::Value;
use meta::GroupVersionKind;
use patch::{JsonPatchError, Patch, PatchError, PatchType};
use serde_json::Value as Json;

use super::definition::Mutation;
use crate::cluster::Cluster;
use crate::hooks::{Expression, Matched, Problem, Scene, Spending, Stage};

/// The object after a mutation; none if it stays as it is.
///
/// # Errors
/// Why it cannot be done, for who made the request.
pub(super) fn mutate<'v>(
    mutation: &'v Mutation,
    variables: &'v [(String, Expression)],
    scene: &'v Scene<'v>,
    target: &Target<'_>,
) -> Result<Option<Json>, String> {
    let stage = Stage::new(scene, variables);
    let mut spending = Spending::of(cel::OBJECT_BUDGET);
    let mut give = |expression| {
        let value = stage.evaluate(expression, &mut spending);
        value.map_err(|problem| match problem {
            Problem::Failed(why) | Problem::OutOfBudget(why) => why,
        })
    };
    let changed = match mutation {
        Mutation::Apply(expression) => Some(merged(&give(expression)?, scene.object, target)?),
        Mutation::Patch(expression) => patched(&give(expression)?, scene.object)?,
    };
    Ok(changed.filter(|changed| changed != scene.object))
}

/// What is changed.
pub(super) struct Target<'a> {
    pub(super) matched: &'a Matched,
    pub(super) subresource: &'a str,
    pub(super) cluster: &'a dyn Cluster,
}

fn merged(value: &Value<'_>, object: &Json, target: &Target<'_>) -> Result<Json, String> {
    let mut part = value.to_json().map_err(|why| why.to_string())?;
    let Matched { resource, kind } = target.matched;
    identify(&mut part, kind);
    target
        .cluster
        .with_part(resource, target.subresource, object, &part)
        .map_err(|why| format!("error applying patch: invalid ApplyConfiguration: {why}"))
}

/// A part is one of an object of that kind.
fn identify(part: &mut Json, kind: &GroupVersionKind) {
    part["apiVersion"] = kind.api_version().into();
    part["kind"] = kind.kind.as_ref().into();
}

/// A patch whose test fails changes nothing.
fn patched(value: &Value<'_>, object: &Json) -> Result<Option<Json>, String> {
    let operations = value.to_json().map_err(|why| why.to_string())?;
    let patch = Patch::parse(PatchType::Json, operations.to_string().as_bytes());
    let patch = patch.map_err(|why| format!("JSON Patch: {why}"))?;
    match patch.apply(object, None) {
        Ok(patched) => Ok(Some(patched)),
        Err(PatchError::Json(JsonPatchError::TestFailed { .. })) => Ok(None),
        Err(why) => Err(format!("JSON Patch: {why}")),
    }
}

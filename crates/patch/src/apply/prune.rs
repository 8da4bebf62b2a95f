//! Removing what a manager wanted before and no longer wants.

use schema::SchemaRef;
use serde_json::Value;

use crate::fields::FieldSet;
use crate::managed::{Owner, Owners, Versions};

/// The merged object without what `before` owned, except what somebody (the manager itself included) owns now.
pub(super) fn prune(versions: &Versions<'_>, merged: Value, owners: &Owners, before: &Owner) -> Value {
    let Some((in_version, schema)) = versions.see(&merged, &before.api_version) else {
        return merged;
    };
    let in_version = in_version.into_owned();
    let last = before.fields.clone().with_declared_fields(Some(schema));
    let mut pruned = last.remove_from(in_version.clone(), schema);
    for (api_version, fields) in owned_by_version(owners, &before.api_version) {
        if api_version == before.api_version {
            pruned = add_back(&in_version, &pruned, &fields, schema);
        } else {
            pruned = add_back_in(versions, &in_version, pruned, before, &api_version, &fields);
        }
    }
    // Only what the manager itself owned may go.
    let lost = set_of(&in_version, schema)
        .difference(&set_of(&pruned, schema))
        .intersection(&last);
    let kept = lost.remove_from(in_version, schema);
    versions.back(kept, &before.api_version).unwrap_or(merged)
}

/// All owned fields, by version; that version first.
fn owned_by_version(owners: &Owners, first: &str) -> Vec<(String, FieldSet)> {
    let mut by_version = vec![(first.to_owned(), FieldSet::new())];
    for owner in &owners.0 {
        match by_version
            .iter_mut()
            .find(|(version, _)| *version == owner.api_version)
        {
            Some((_, fields)) => *fields = std::mem::take(fields).union(owner.fields.clone()),
            None => by_version.push((owner.api_version.clone(), owner.fields.clone())),
        }
    }
    by_version
}

/// The merged object without what pruning took and nobody owns.
fn add_back(merged: &Value, pruned: &Value, owned: &FieldSet, schema: SchemaRef<'_>) -> Value {
    let kept = set_of(pruned, schema).union(owned.clone().with_declared_fields(Some(schema)));
    let gone = set_of(merged, schema).difference(&kept);
    gone.remove_from(merged.clone(), schema)
}

/// The same for what is owned in another version: it is added back there.
fn add_back_in(
    versions: &Versions<'_>,
    merged: &Value,
    pruned: Value,
    before: &Owner,
    api_version: &str,
    owned: &FieldSet,
) -> Value {
    let see = |object: &Value| {
        let object = versions.back(object.clone(), &before.api_version)?;
        let (object, schema) = versions.see(&object, api_version)?;
        Some((object.into_owned(), schema))
    };
    let added = see(merged)
        .zip(see(&pruned))
        .and_then(|((merged, schema), (pruned, _))| {
            let object = add_back(&merged, &pruned, owned, schema);
            let object = versions.back(object, api_version)?;
            let (object, _) = versions.see(&object, &before.api_version)?;
            Some(object.into_owned())
        });
    added.unwrap_or(pruned)
}

fn set_of(value: &Value, schema: SchemaRef<'_>) -> FieldSet {
    FieldSet::of(value, schema).with_declared_fields(Some(schema))
}

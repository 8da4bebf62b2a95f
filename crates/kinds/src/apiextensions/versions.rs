//! The versions of a definition, each by itself and all together.

use schema::StructuralSchema;
use serde_json::Value;

use super::schema_rules::{self, Leniency};
use super::shared::{Shared, schema_of};
use super::{columns, printed};
use crate::toolkit::{Field, Seen};

/// What each version says, and what versions may not share.
pub fn each<'v>(spec: &Field<'_, 'v>, shared: &Shared<'v>, leniency: &Leniency) {
    let versions = spec.child("versions");
    let has_common_schema = shared
        .common("schema")
        .is_some_and(|schema| schema_of_holder(schema).is_some());
    for version in versions.items().filter(|_| !has_common_schema) {
        let holder = version.child("schema");
        let schema = holder.child("openAPIV3Schema");
        if leniency.requires_schema && !schema.is_set() {
            schema.required("");
        } else if !schema.is_set() && !shared.keeps_unknown() && version.child("served").is_true() {
            schema.required("because otherwise all fields are pruned");
        }
    }
    if shared.keeps_unknown() && shared.schemas().any(schema_rules::has_defaults) {
        spec.child("preserveUnknownFields")
            .invalid_as(true, "must be false in order to use defaults in the schema");
    }
    for version in versions.items() {
        let name = version.child("name");
        let problems = meta::name::dns1035_label(name.text());
        if !problems.is_empty() {
            name.invalid_as(name.text(), &problems.join(","));
        }
        own(&version, shared, leniency);
    }
    uniqueness(&versions, shared);
    first(spec, shared);
}

/// What a version does not share with all others.
fn own<'v>(version: &Field<'_, 'v>, shared: &Shared<'v>, leniency: &Leniency) {
    deprecation(version);
    let has_status = version.child("subresources").child("status").is_set();
    if !shared.has_in_common("schema") {
        schema_rules::holder(&version.child("schema"), has_status, leniency);
    }
    if !shared.has_in_common("subresources") {
        columns::subresources(&version.child("subresources"));
    }
    if !shared.has_in_common("additionalPrinterColumns") {
        columns::columns(&version.child("additionalPrinterColumns"));
    }
    let fields = version.child("selectableFields");
    if !shared.has_in_common("selectableFields") && !fields.is_empty() {
        // Upstream does not look for a schema that all versions share here.
        let own = version
            .value()
            .filter(|_| !shared.has_in_common("schema"))
            .and_then(schema_of);
        match own {
            Some(schema) => {
                let root = StructuralSchema::read(schema).ok();
                let may_be_many = leniency.may_have_many_selectable(version.text_of("name"));
                columns::selectable(&fields, root.as_ref().map(StructuralSchema::root), may_be_many);
            }
            None => fields.invalid_as(
                "",
                "may only be set when `version.schema.openAPIV3Schema` is not included",
            ),
        }
    }
}

fn deprecation(version: &Field) {
    let warning = version.child("deprecationWarning");
    let Some(Value::String(text)) = warning.value() else {
        return;
    };
    if !version.child("deprecated").is_true() {
        return warning.invalid("can only be set for deprecated versions");
    }
    if text.len() > 256 {
        warning.invalid("must be <= 256 characters long");
    }
    if text.is_empty() {
        warning.invalid("must not be an empty string");
    }
    let odd = text.char_indices().find(|(_, c)| !meta::quote::is_printable(*c));
    if let Some((index, _)) = odd {
        warning.invalid(&format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {index}"
        ));
    }
}

fn uniqueness<'v>(versions: &Field<'_, 'v>, shared: &Shared<'v>) {
    let mut seen = Seen::new();
    let names = shared
        .versions()
        .iter()
        .map(|version| version["name"].as_str().unwrap_or(""));
    let has_duplicates = names.filter(|name| seen.again(*name)).count() > 0;
    if has_duplicates {
        versions.invalid_printed(&printed::versions(shared), "must contain unique version names");
    }
    let stored = shared
        .versions()
        .iter()
        .filter(|version| version["storage"] == Value::Bool(true))
        .count();
    if stored != 1 {
        let problem = "must have exactly one version marked as storage version";
        let printed = match versions.value() {
            Some(_) => printed::versions(shared),
            None => "null".to_owned(),
        };
        versions.invalid_printed(&printed, problem);
    }
}

/// Upstream still holds the name of the first version by itself, too.
fn first<'v>(spec: &Field<'_, 'v>, shared: &Shared<'v>) {
    let first = shared.versions().first().map(|version| &version["name"]);
    let name = spec.standing_for("version", first);
    let problems = meta::name::dns1035_label(name.text());
    if !name.is_empty() && !problems.is_empty() {
        name.invalid(&problems.join(","));
    }
}

fn schema_of_holder(holder: &Value) -> Option<&Value> {
    holder.get("openAPIV3Schema").filter(|schema| !schema.is_null())
}

/// What all versions say.
pub fn together<'v>(spec: &Field<'_, 'v>, shared: &Shared<'v>, leniency: &Leniency) {
    let has_status = |version: &Value| !version["subresources"]["status"].is_null();
    let any_has_status = shared.versions().iter().any(has_status);
    let holder = shared.place(spec, "schema");
    schema_rules::holder(&holder, any_has_status, leniency);
    columns::subresources(&shared.place(spec, "subresources"));
    columns::columns(&shared.place(spec, "additionalPrinterColumns"));
    let fields = shared.place(spec, "selectableFields");
    if !fields.is_empty() {
        match holder.value() {
            Some(holder) => {
                let root = schema_of_holder(holder).and_then(|schema| StructuralSchema::read(schema).ok());
                let root = root.as_ref().map(StructuralSchema::root);
                columns::selectable(&fields, root, leniency.may_have_many_selectable(""));
            }
            None => fields.invalid_as("", "may only be set when validations.schema is included"),
        }
    }
}

/// The versions in which objects may lie in the store.
pub fn stored(definition: &Field) {
    let (spec, status) = (definition.child("spec"), definition.child("status"));
    let (stored, versions) = (status.child("storedVersions"), spec.child("versions"));
    if stored.is_empty() {
        return stored.invalid_printed("null", "must have at least one stored version");
    }
    for version in versions
        .items()
        .filter(|version| version.child("storage").is_true())
    {
        let name = version.text_of("name");
        if !stored.texts().any(|stored| stored == name) {
            stored.invalid(&format!("must have the storage version {name}"));
        }
    }
    for version in stored.items() {
        let name = version.text();
        if !versions.items().any(|each| each.text_of("name") == name) {
            version.invalid(&format!("missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"));
        }
    }
}

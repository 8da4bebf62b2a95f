//! Renders a field: number, name, kind, and what is chained on.

use super::super::names::constant;
use super::super::published::{Field, Markers, Packages, Struct, find};
use super::kind;
use crate::Error;

/// A field as it stands in JSON, whichever struct declares it.
pub struct FlatField<'a> {
    /// The protobuf number, if the field belongs to the struct's own message; else 0.
    pub number: u16,
    pub declared: &'a Field,
}

impl FlatField<'_> {
    pub fn json(&self) -> &str {
        self.declared.json.as_deref().unwrap_or_default()
    }
}

/// A struct's fields with those of embedded structs.
pub struct Flat<'a> {
    pub fields: Vec<FlatField<'a>>,
    /// Embedded structs that are messages of their own: number and qualified name, sorted.
    pub embedded: Vec<(u16, &'a str)>,
}

/// Brings the fields of embedded structs up.
pub fn flatten<'a>(packages: &'a Packages, of: &'a Struct) -> Result<Flat<'a>, Error> {
    let mut flat = Flat {
        fields: Vec::new(),
        embedded: Vec::new(),
    };
    for field in &of.fields {
        if !field.inline {
            if !matches!(field.json.as_deref(), None | Some("" | "-")) {
                flat.fields.push(FlatField {
                    number: field.proto.unwrap_or(0),
                    declared: field,
                });
            }
            continue;
        }
        let name = field.of.as_deref().ok_or("an embedded field without a type")?;
        let found = find(packages, name)?.ok_or_else(|| format!("{name} is embedded"))?;
        let embedded = found
            .package
            .types
            .get(found.name)
            .ok_or_else(|| format!("{name} is no struct"))?;
        if let Some(number) = field.proto {
            flat.embedded.push((number, name));
        }
        let inner = flatten(packages, embedded)?;
        flat.fields.extend(
            inner
                .fields
                .into_iter()
                .map(|inner| FlatField { number: 0, ..inner }),
        );
    }
    flat.embedded.sort_unstable();
    Ok(flat)
}

/// `field(1, "name", Kind::String).omitempty()`
pub fn render(packages: &Packages, field: &FlatField<'_>) -> Result<String, Error> {
    let declared = field.declared;
    let kind = kind::expression(packages, declared.shape.as_deref(), declared.of.as_deref())?;
    let mut text = format!("field({}, {:?}, {kind})", field.number, field.json());
    let required = !declared.markers.optional && (!declared.omitempty || declared.markers.required);
    for (set, method) in [
        (declared.omitempty, ".omitempty()"),
        (declared.omitzero, ".omitzero()"),
        (declared.pointer, ".pointer()"),
        (required, ".required()"),
    ] {
        if set {
            text.push_str(method);
        }
    }
    let facts = facts(packages, declared)?;
    if !facts.is_empty() {
        text.push_str(&format!(".facts(&Facts {{ {}, ..NO_FACTS }})", facts.join(", ")));
    }
    Ok(text)
}

/// What few fields have, as members of `Facts`.
fn facts(packages: &Packages, field: &Field) -> Result<Vec<String>, Error> {
    let mut facts = Vec::new();
    let (shape, of) = (field.shape.as_deref(), field.of.as_deref());
    let go_type = kind::go_name(packages, shape, field.key.as_deref(), of)?;
    if go_type != kind::derived_go_name(packages, shape, of)? {
        facts.push(format!("go_type: Some({go_type:?})"));
    }
    let Markers {
        list_type,
        list_map_key,
        map_type,
        struct_type,
        ..
    } = &field.markers;
    if let Some(list_type) = list_type {
        facts.push(format!("list_type: Some(ListType::{})", capitalised(list_type)));
    }
    if !list_map_key.is_empty() {
        facts.push(format!("list_map_keys: &{list_map_key:?}"));
    }
    if let Some(declared) = map_type.as_ref().or(struct_type.as_ref()) {
        facts.push(format!("atomic: Some({})", declared == "atomic"));
    }
    if let Some(strategy) = &field.patch_strategy {
        let has = |word| strategy.split(',').any(|given| given == word);
        facts.push(format!(
            "patch_strategy: PatchStrategy {{ merge: {}, retain_keys: {}, replace: {} }}",
            has("merge"),
            has("retainKeys"),
            has("replace")
        ));
    }
    if let Some(key) = &field.patch_merge_key {
        facts.push(format!("patch_merge_key: Some({key:?})"));
    }
    if let Some(default) = default(packages, field)? {
        facts.push(format!("default: Some({default:?})"));
    }
    let enumeration = match of {
        Some(of) => kind::named(packages, of)?.filter(|named| named.markers.is_enum),
        None => None,
    };
    if let Some(enumeration) = enumeration {
        let values: Vec<String> = enumeration.values.iter().map(ToString::to_string).collect();
        facts.push(format!("enum_values: &[{}]", values.join(", ")));
    }
    Ok(facts)
}

/// The declared default as JSON; `ref(NAME)` is looked up among the constants of the field's type's package.
fn default(packages: &Packages, field: &Field) -> Result<Option<String>, Error> {
    let Some(text) = &field.markers.default else {
        return Ok(None);
    };
    let Some(name) = text.strip_prefix("ref(").and_then(|rest| rest.strip_suffix(')')) else {
        return Ok(Some(text.clone()));
    };
    let of = field.of.as_deref().unwrap_or_default();
    let found = find(packages, of)?.ok_or_else(|| format!("default {text} of {of}"))?;
    let value = found
        .package
        .consts
        .get(name)
        .ok_or_else(|| format!("no constant {name}"))?;
    Ok(Some(value.value.to_string()))
}

/// `map` as `Map`.
fn capitalised(word: &str) -> String {
    let upper = constant(word);
    upper.chars().take(1).chain(word.chars().skip(1)).collect()
}

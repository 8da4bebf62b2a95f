//! What a claim to storage may ask for.

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::quantity;

/// How storage may be used.
pub const ACCESS_MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];
/// How storage appears.
pub const VOLUME_MODES: &[&str] = &["Block", "Filesystem"];

/// A claim within a pod's volume. Of metadata only labels and annotations make sense.
pub fn template(template: &Field) {
    template.child("metadata").template_metadata();
    spec(&template.child("spec"));
}

/// What is asked for.
pub fn spec(spec: &Field) {
    rules(spec, true);
}

/// The same in a change. Where there was a group of a source before, upstream takes any.
pub fn changed_spec(spec: &Field, old: &Value) {
    let had_group = ["dataSource", "dataSourceRef"]
        .iter()
        .any(|source| !old[source]["apiGroup"].is_null());
    rules(spec, !had_group);
}

fn rules(spec: &Field, group_counts: bool) {
    let modes = spec.child("accessModes");
    if modes.is_empty() {
        modes.required("at least 1 access mode is required");
    }
    spec.child("selector").label_selector();
    access_modes(&modes);
    let resources = spec.child("resources");
    let requests = resources.child("requests");
    let storage = requests.key("storage");
    if storage.is_set() {
        positive(&resources.standing_key("storage", storage.value()));
    } else {
        resources.key("storage").required("");
    }
    let class = spec.child("storageClassName");
    if !class.is_empty() {
        class.dns_subdomain();
    }
    spec.child("volumeMode").any_of_if_set(VOLUME_MODES);
    sources(spec, group_counts);
    let attributes = spec.child("volumeAttributesClassName");
    if !attributes.is_empty() {
        attributes.dns_subdomain();
    }
}

/// What is odd in what is asked for at `path`, although it is taken.
pub fn warnings(path: &str, spec: &Value) -> Vec<String> {
    let odd = |list: &str| {
        let bytes = quantity::of(&spec["resources"][list], "storage")
            .filter(|bytes| bytes.milli_value() % 1000 != 0)?;
        Some(format!(
            "{path}.resources.{list}[storage]: fractional byte value \"{bytes}\" is invalid, must be an integer"
        ))
    };
    ["requests", "limits"].into_iter().filter_map(odd).collect()
}

/// The list of modes.
pub fn access_modes(modes: &Field) {
    let mut is_exclusive = false;
    let mut is_shared = false;
    for mode in modes.texts() {
        if !ACCESS_MODES.contains(&mode) {
            modes.not_supported_as(mode, ACCESS_MODES);
        } else if mode == "ReadWriteOncePod" {
            is_exclusive = true;
        } else {
            is_shared = true;
        }
    }
    if is_exclusive && is_shared {
        modes.forbidden("may not use ReadWriteOncePod with other access modes");
    }
}

/// An amount that must not be less than nothing.
pub fn not_negative(amount: &Field) {
    if let Some(quantity) = quantity::read(amount.value())
        && quantity.value() < 0
    {
        amount.invalid_as(quantity.value(), "must be a valid resource quantity");
    }
}

/// An amount that must be more than nothing.
pub fn positive(amount: &Field) {
    if let Some(quantity) = quantity::read(amount.value())
        && quantity.sign() <= 0
    {
        amount.invalid_as(quantity.to_string(), "must be greater than zero");
    }
}

fn sources(spec: &Field, group_counts: bool) {
    let (source, reference) = (spec.child("dataSource"), spec.child("dataSourceRef"));
    for one in [&source, &reference] {
        if one.is_set() {
            self::source(one, group_counts);
        }
    }
    let namespace = reference.child("namespace");
    if !namespace.is_empty() {
        namespace.dns_label();
        if source.is_set() {
            spec.invalid_printed(
                "{}",
                "may not be specified when dataSourceRef.namespace is specified",
            );
        }
    } else if source.is_set()
        && reference.is_set()
        && ["apiGroup", "kind", "name"]
            .iter()
            .any(|field| source.text_of(field) != reference.text_of(field))
    {
        spec.invalid_printed("{}", "must match dataSourceRef");
    }
}

fn source(source: &Field, group_counts: bool) {
    source.child("name").needed();
    source.child("kind").needed();
    let group = source.child("apiGroup");
    if !group.is_empty() {
        if group_counts {
            group.dns_subdomain();
        }
    } else if source.text_of("kind") != "PersistentVolumeClaim" {
        source.invalid_as(
            source.text_of("kind"),
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        );
    }
}

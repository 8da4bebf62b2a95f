//! Volumes whose files come from the API: secrets, config maps, the downward API and projections of them.

use crate::core::pod::validation::references;
use crate::toolkit::{Field, Seen};

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const ONE_TYPE: &str = "may not specify more than 1 volume type per source";

/// Files from a secret.
pub fn secret(volume: &Field) {
    volume.child("secretName").needed();
    mode(&volume.child("defaultMode"));
    items(&volume.child("items"));
}

/// Files from a config map.
pub fn config_map(volume: &Field) {
    volume.child("name").needed();
    mode(&volume.child("defaultMode"));
    items(&volume.child("items"));
}

/// Files from the pod's own fields.
pub fn downward_api(volume: &Field) {
    mode(&volume.child("defaultMode"));
    for item in volume.child("items").items() {
        downward_file(volume, &item);
    }
}

fn mode(mode: &Field) {
    if mode.int().is_some_and(|bits| !(0..=0o777).contains(&bits)) {
        mode.invalid(MODE);
    }
}

fn items(items: &Field) {
    for item in items.items() {
        item.child("key").needed();
        let path = item.child("path");
        path.needed();
        path.local_path();
        mode(&item.child("mode"));
    }
}

/// Upstream names the volume here, not its item.
fn downward_file<'v>(place: &Field<'_, 'v>, item: &Field<'_, 'v>) {
    let path = item.text_of("path");
    let named = place.child("path");
    if path.is_empty() {
        named.required("");
    }
    named.local(path);
    let (field, resource) = (item.child("fieldRef"), item.child("resourceFieldRef"));
    match (field.value(), resource.value()) {
        (Some(_), Some(_)) => {
            place.invalid_as(
                "resource",
                "fieldRef and resourceFieldRef can not be specified simultaneously",
            );
        }
        (Some(_), None) => references::field(
            &place.standing_for("fieldRef", field.value()),
            references::IN_FILES,
        ),
        (None, Some(_)) => {
            references::resource(&place.standing_for("resourceFieldRef", resource.value()), true)
        }
        (None, None) => place.required("one of fieldRef and resourceFieldRef is required"),
    }
    let bits = item.child("mode");
    mode(&place.standing_for("mode", bits.value()));
}

/// Several sources in one folder.
pub fn projected(volume: &Field) {
    mode(&volume.child("defaultMode"));
    let mut paths = Seen::new();
    for source in volume.child("sources").items() {
        let mut kinds = 0;
        for (name, rules) in PROJECTIONS {
            let projection = source.child(name);
            if projection.is_set() {
                kinds += 1;
                rules(&projection);
            }
        }
        for (name, is_named) in [("secret", true), ("configMap", true), ("downwardAPI", false)] {
            let projection = source.child(name);
            for path in projection.child("items").items().map(|item| item.text_of("path")) {
                if !path.is_empty() && paths.again(path) {
                    let told = if is_named {
                        projection.text_of("name")
                    } else {
                        path
                    };
                    volume.invalid_as(told, "conflicting duplicate paths");
                }
            }
        }
        let token = source.child("serviceAccountToken");
        if token.is_set() {
            token_path(&volume.standing_for("path", token.child("path").value()));
        }
        if kinds > 1 {
            source.forbidden(ONE_TYPE);
        }
    }
}

const PROJECTIONS: [(&str, super::Rules); 4] = [
    ("secret", projected_object),
    ("configMap", projected_object),
    ("downwardAPI", projected_downward_api),
    ("serviceAccountToken", token),
];

fn projected_object(projection: &Field) {
    projection.child("name").needed();
    items(&projection.child("items"));
}

fn projected_downward_api(projection: &Field) {
    for item in projection.child("items").items() {
        downward_file(projection, &item);
    }
}

const TEN_MINUTES: i64 = 600;

fn token(projection: &Field) {
    let expiration = projection.child("expirationSeconds");
    if let Some(seconds) = expiration.int() {
        if seconds < TEN_MINUTES {
            expiration.invalid("may not specify a duration less than 10 minutes");
        }
        if seconds > 1 << 32 {
            expiration.invalid("may not specify a duration larger than 2^32 seconds");
        }
    }
}

/// Upstream names the volume here, not its source.
fn token_path(path: &Field) {
    if path.is_empty() {
        path.required("");
    } else {
        path.local_path();
    }
}

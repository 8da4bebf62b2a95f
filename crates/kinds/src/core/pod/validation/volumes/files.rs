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
        self::item(&item);
    }
}

fn item(item: &Field) {
    item.child("key").needed();
    let path = item.child("path");
    path.needed();
    path.local_path();
    mode(&item.child("mode"));
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
    if field.is_set() {
        let named = place.standing_for("fieldRef", field.value());
        references::field(&named, references::IN_FILES);
        if resource.is_set() {
            place.invalid_as(
                "resource",
                "fieldRef and resourceFieldRef can not be specified simultaneously",
            );
        }
    } else if resource.is_set() {
        references::resource(&place.standing_for("resourceFieldRef", resource.value()), true);
    } else {
        place.required("one of fieldRef and resourceFieldRef is required");
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
        for name in ["secret", "configMap"] {
            let projection = source.child(name);
            if projection.is_set() {
                kinds += 1;
                projected_object(volume, &projection, &mut paths);
            }
        }
        let downward = source.child("downwardAPI");
        if downward.is_set() {
            kinds += 1;
            for item in downward.child("items").items() {
                downward_file(&downward, &item);
                let path = item.text_of("path");
                taken_once(volume, path, path, &mut paths);
            }
        }
        let token = source.child("serviceAccountToken");
        if token.is_set() {
            kinds += 1;
            self::token(&token);
            token_path(&volume.standing_for("path", token.child("path").value()));
        }
        if kinds > 1 {
            source.forbidden(ONE_TYPE);
        }
    }
}

fn projected_object<'v>(volume: &Field, projection: &Field<'_, 'v>, paths: &mut Seen<&'v str>) {
    let name = projection.child("name");
    name.needed();
    for item in projection.child("items").items() {
        self::item(&item);
        taken_once(volume, item.text_of("path"), name.text(), paths);
    }
}

/// Two sources cannot make the same file; upstream names the volume here.
fn taken_once<'v>(volume: &Field, path: &'v str, told: &str, paths: &mut Seen<&'v str>) {
    if !path.is_empty() && paths.again(path) {
        volume.invalid_as(told, "conflicting duplicate paths");
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

//! Rules for volume mounts and block devices of a container.

use std::collections::BTreeMap;

use crate::core::pod::context::PodContext;
use crate::toolkit::{Field, Seen};

/// Volumes as folders.
pub fn mounts(container: &Field, pod: &PodContext) {
    let mounts = container.child("volumeMounts");
    let devices = paths_by_name(&container.child("volumeDevices"), "devicePath");
    let mut paths = Seen::new();
    for mount in mounts.items() {
        let (name, path) = (mount.child("name"), mount.child("mountPath"));
        name.needed();
        if pod.volume(name.text()).is_none() {
            name.not_found_as(name.text());
        }
        path.needed();
        if paths.again(path.text()) {
            path.invalid_as(path.text(), "must be unique");
        }
        if devices.contains_key(name.text()) {
            name.invalid_as(name.text(), "must not already exist in volumeDevices");
        }
        if devices.values().any(|device| *device == path.text()) {
            path.invalid_as(path.text(), "must not already exist as a path in volumeDevices");
        }
        sub_path(&mounts, &mount);
        propagation(&mounts, &mount, container);
        read_only(&mounts, &mount);
    }
}

/// Where each volume of the list is to be seen; the last place, if there are several.
fn paths_by_name<'v>(list: &Field<'_, 'v>, path: &str) -> BTreeMap<&'v str, &'v str> {
    list.items()
        .map(|each| (each.text_of("name"), each.text_of(path)))
        .collect()
}

/// Upstream names the list here, not its item.
fn sub_path<'v>(mounts: &Field<'_, 'v>, mount: &Field<'_, 'v>) {
    let (path, expression) = (mount.text_of("subPath"), mount.text_of("subPathExpr"));
    if !path.is_empty() {
        mounts.child("subPath").descending(path);
    }
    if !expression.is_empty() {
        if !path.is_empty() {
            mount
                .child("subPathExpr")
                .invalid("subPathExpr and subPath are mutually exclusive");
        }
        mounts.child("subPathExpr").descending(expression);
    }
}

fn propagation<'v>(mounts: &Field<'_, 'v>, mount: &Field<'_, 'v>, container: &Field<'_, 'v>) {
    let Some(mode) = mount.child("mountPropagation").value() else {
        return;
    };
    let place = mounts.child("mountPropagation");
    let supported = ["Bidirectional", "HostToContainer", "None"];
    match mode.as_str().unwrap_or("") {
        "Bidirectional" if !container.child("securityContext").child("privileged").is_true() => {
            place.forbidden("Bidirectional mount propagation is available only to privileged containers");
        }
        mode if !supported.contains(&mode) => place.not_supported_as(mode, &supported),
        _ => {}
    }
}

fn read_only<'v>(mounts: &Field<'_, 'v>, mount: &Field<'_, 'v>) {
    let Some(mode) = mount.child("recursiveReadOnly").value() else {
        return;
    };
    let place = mounts.child("recursiveReadOnly");
    match mode.as_str().unwrap_or("") {
        "Disabled" => {}
        "IfPossible" | "Enabled" => {
            if !mount.child("readOnly").is_true() {
                place.forbidden("may only be specified when readOnly is true");
            }
            if !matches!(mount.text_of("mountPropagation"), "" | "None") {
                place.forbidden("may only be specified when mountPropagation is None or not specified");
            }
        }
        other => place.not_supported_as(other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// Volumes as block devices.
pub fn devices(container: &Field, pod: &PodContext) {
    let mounts = paths_by_name(&container.child("volumeMounts"), "mountPath");
    let mut paths = Seen::new();
    let mut names = Seen::new();
    for device in container.child("volumeDevices").items() {
        let (name, path) = (device.child("name"), device.child("devicePath"));
        name.needed();
        if !name.is_empty() && names.again(name.text()) {
            name.invalid("must be unique");
        }
        match pod.volume(name.text()) {
            None => name.not_found_as(name.text()),
            Some(volume)
                if volume.get("persistentVolumeClaim").is_none() && volume.get("ephemeral").is_none() =>
            {
                name.invalid(
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                );
            }
            Some(_) => {}
        }
        path.needed();
        if paths.contains(path.text()) {
            path.invalid_as(path.text(), "must be unique");
        }
        if crate::toolkit::paths::has_backsteps(path.text()) {
            path.invalid("can not contain backsteps ('..')");
        } else {
            paths.again(path.text());
        }
        if mounts.contains_key(name.text()) {
            name.invalid_as(name.text(), "must not already exist in volumeMounts");
        }
        if mounts.values().any(|mount| *mount == path.text()) {
            path.invalid_as(path.text(), "must not already exist as a path in volumeMounts");
        }
    }
}

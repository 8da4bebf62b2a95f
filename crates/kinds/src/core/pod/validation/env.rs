//! Rules for environment variables and where their values come from.

use super::references;
use crate::core::pod::context::PodContext;
use crate::toolkit::Field;

/// Single variables.
pub fn variables(variables: &Field, pod: &PodContext) {
    for variable in variables.items() {
        let name = variable.child("name");
        if name.is_empty() {
            name.required("");
        } else {
            name.complain(meta::name::relaxed_environment_variable(name.text()));
        }
        let source = variable.child("valueFrom");
        if source.is_set() {
            value_from(&source, &variable, pod);
        }
    }
}

fn value_from(source: &Field, variable: &Field, pod: &PodContext) {
    let mut sources = 0;
    let mut each = |name, rules: &dyn Fn(&Field)| {
        let one = source.child(name);
        if one.is_set() {
            sources += 1;
            rules(&one);
        }
    };
    each("fieldRef", &|field| {
        references::field(field, references::IN_ENVIRONMENT)
    });
    each("resourceFieldRef", &|field| references::resource(field, false));
    each("configMapKeyRef", &key_of_object);
    each("secretKeyRef", &key_of_object);
    each("fileKeyRef", &|file| key_of_file(file, pod));
    if sources == 0 {
        source.invalid_as(
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        );
    } else if !variable.child("value").is_empty() {
        source.invalid_as("", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        source.invalid_as("", "may not have more than one field specified at a time");
    }
}

fn key_of_object(selector: &Field) {
    selector.child("name").dns_subdomain();
    let key = selector.child("key");
    if key.is_empty() {
        key.required("");
    } else {
        key.complain(meta::name::config_key(key.text()));
    }
}

fn key_of_file(selector: &Field, pod: &PodContext) {
    let volume = selector.child("volumeName");
    if volume.is_empty() {
        volume.required("");
    } else {
        match pod.volume(volume.text()) {
            None => volume.not_found_as(volume.text()),
            Some(found) if found.get("emptyDir").is_none() => {
                volume.invalid("referenced volume must be of type emptyDir");
            }
            Some(_) => {}
        }
    }
    let path = selector.child("path");
    if path.is_empty() {
        path.required("");
    } else {
        path.local_descending_path();
    }
    let key = selector.child("key");
    if key.is_empty() {
        key.required("");
    } else {
        key.complain(meta::name::relaxed_environment_variable(key.text()));
    }
}

/// Whole objects as variables.
pub fn sources(sources: &Field) {
    for source in sources.items() {
        let prefix = source.child("prefix");
        if !prefix.is_empty() {
            prefix.complain(meta::name::relaxed_environment_variable(prefix.text()));
        }
        let mut kinds = 0;
        for kind in ["configMapRef", "secretRef"] {
            let reference = source.child(kind);
            if reference.is_set() {
                kinds += 1;
                let name = reference.child("name");
                if name.is_empty() {
                    name.required("");
                } else {
                    name.complain(meta::name::dns1123_subdomain_prefix(name.text()));
                }
            }
        }
        // Upstream names the list here, not its item.
        if kinds == 0 {
            sources.invalid_as("", "must specify one of: `configMapRef` or `secretRef`");
        } else if kinds > 1 {
            sources.invalid_as("", "may not have more than one field specified at a time");
        }
    }
}

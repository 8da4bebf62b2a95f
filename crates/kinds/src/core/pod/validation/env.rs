//! Rules for environment variables and where their values come from.

use super::{each_container, references};
use crate::toolkit::Field;

/// Single variables.
pub fn variables(variables: &Field) {
    for variable in variables.items() {
        let name = variable.child("name");
        if name.is_empty() {
            name.required("");
        } else {
            name.complain(meta::name::relaxed_environment_variable(name.text()));
        }
        let source = variable.child("valueFrom");
        if source.is_set() {
            value_from(&source, &variable);
        }
    }
}

fn value_from(source: &Field, variable: &Field) {
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
    each("fileKeyRef", &key_of_file);
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

fn key_of_file(selector: &Field) {
    let key = selector.child("key");
    if key.is_empty() {
        key.required("");
    } else {
        key.complain(meta::name::relaxed_environment_variable(key.text()));
    }
    let volume = selector.child("volumeName");
    if volume.is_empty() {
        volume.required("");
    } else {
        volume.dns_label();
    }
    let path = selector.child("path");
    if path.is_empty() {
        path.required("");
    } else {
        path.no_backsteps();
    }
}

/// Files with variables lie in empty directories of the pod.
pub fn file_volumes(spec: &Field) {
    let volumes = spec.child("volumes");
    each_container(spec, |container| {
        for variable in container.child("env").items() {
            let source = variable.child("valueFrom");
            let file = source.child("fileKeyRef");
            if !file.is_set() {
                continue;
            }
            let name = file.child("volumeName");
            match volumes
                .items()
                .filter(|volume| volume.text_of("name") == name.text())
                .last()
            {
                None => name.not_found_as(name.text()),
                Some(volume) if !volume.child("emptyDir").is_set() => {
                    name.invalid_as(name.text(), "referenced volume must be of type emptyDir");
                }
                Some(_) => {}
            }
        }
    });
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

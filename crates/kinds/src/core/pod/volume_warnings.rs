//! What is odd in the volumes of a pod that is taken: sources that are no more, and files that lie in each other's way.

use crate::core::claim;
use crate::toolkit::Field;

/// Sources that are no more, with how they are called here.
const DEPRECATED: [(&str, &str, &str); 7] = [
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    (
        "gitRepo",
        "gitRepo",
        "deprecated in v1.11, and disabled by default in v1.33+",
    ),
    (
        "scaleIO",
        "scaleIO",
        "deprecated in v1.16, non-functional in v1.22+",
    ),
    (
        "flocker",
        "flocker",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "storageos",
        "storageOS",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "quobyte",
        "quobyte",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "glusterfs",
        "glusterfs",
        "deprecated in v1.25, non-functional in v1.26+",
    ),
];
/// The same, told after what is odd in claims.
const DEPRECATED_LATER: [(&str, &str, &str); 2] = [
    (
        "cephfs",
        "cephfs",
        "deprecated in v1.28, non-functional in v1.31+",
    ),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// All warnings about volumes.
pub fn of(volumes: &Field) -> Vec<String> {
    let mut warnings = Vec::new();
    for volume in volumes.items() {
        let path = volume.path();
        let deprecated = |sources: &[(&str, &str, &str)], warnings: &mut Vec<String>| {
            for (source, named, what) in sources {
                if volume.value().is_some_and(|volume| !volume[*source].is_null()) {
                    warnings.push(format!("{path}.{named}: {what}"));
                }
            }
        };
        deprecated(&DEPRECATED, &mut warnings);
        let ephemeral = volume.child("ephemeral");
        let template = ephemeral.child("volumeClaimTemplate");
        if let Some(spec) = template.child("spec").value() {
            warnings.extend(claim::warnings(&format!("{}.spec", template.path()), spec));
        }
        deprecated(&DEPRECATED_LATER, &mut warnings);
    }
    for volume in volumes.items() {
        overlaps(&volume, &mut warnings);
    }
    warnings
}

/// A file in a volume, and where it comes from.
struct File<'v> {
    path: &'v str,
    source: String,
}

impl File<'_> {
    fn shown(&self) -> String {
        let path = meta::quote(self.path);
        match self.source.as_str() {
            "" => path,
            source => format!("{path} ({source})"),
        }
    }

    /// Whether one is the other, or lies below it.
    fn is_in_the_way_of(&self, other: &File) -> bool {
        let below = |path: &str, folder: &str| {
            let rest = path.strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !self.path.is_empty()
            && !other.path.is_empty()
            && (below(self.path, other.path) || below(other.path, self.path))
    }
}

fn overlaps(volume: &Field, warnings: &mut Vec<String>) {
    let name = meta::quote(volume.text_of("name"));
    let quoted = |source: &Field, name: &str| meta::quote(source.text_of(name));
    let mut say = |what: &str, pairs: Vec<String>| {
        warnings.extend(
            pairs
                .into_iter()
                .map(|pair| format!("volume {name} ({what}): overlapping paths: {pair}")),
        );
    };
    let map = volume.child("configMap");
    say(
        &format!("ConfigMap {}", quoted(&map, "name")),
        pairs(files(&map, "")),
    );
    let secret = volume.child("secret");
    say(
        &format!("Secret {}", quoted(&secret, "secretName")),
        pairs(files(&secret, "")),
    );
    say("DownwardAPI", pairs(files(&volume.child("downwardAPI"), "")));
    let projected = volume.child("projected");
    let mut all = Vec::new();
    let mut empty = 0;
    for source in projected.child("sources").items() {
        match projection(&source) {
            Some(files) => all.extend(files),
            None => empty += 1,
        }
    }
    say("Projected", pairs(all));
    for _ in 0..empty {
        warnings.push(format!("volume {name} (Projected) has no sources provided"));
    }
}

/// The files of one source of a projected volume; none if there is no source at all.
fn projection<'v>(source: &Field<'_, 'v>) -> Option<Vec<File<'v>>> {
    let kinds = ["configMap", "secret", "downwardAPI", "serviceAccountToken"];
    if kinds.iter().all(|kind| !source.child(kind).is_set()) {
        return None;
    }
    let (map, secret) = (source.child("configMap"), source.child("secret"));
    let downward = source.child("downwardAPI");
    let token = source.child("serviceAccountToken");
    Some(if !map.child("items").is_empty() {
        files(&map, &format!("ConfigMap {}", meta::quote(map.text_of("name"))))
    } else if !secret.child("items").is_empty() {
        files(
            &secret,
            &format!("Secret {}", meta::quote(secret.text_of("name"))),
        )
    } else if !downward.child("items").is_empty() {
        files(&downward, "DownwardAPI")
    } else if token.is_set() {
        vec![File {
            path: token.text_of("path").trim_end_matches('/'),
            source: "ServiceAccountToken".to_owned(),
        }]
    } else {
        Vec::new()
    })
}

fn files<'v>(source: &Field<'_, 'v>, named: &str) -> Vec<File<'v>> {
    let items = source.child("items");
    items
        .items()
        .map(|item| File {
            path: item.text_of("path").trim_end_matches('/'),
            source: named.to_owned(),
        })
        .collect()
}

/// Each file with those before it that it is in the way of.
fn pairs(files: Vec<File>) -> Vec<String> {
    let mut pairs = Vec::new();
    for (index, file) in files.iter().enumerate() {
        for other in files[..index].iter().filter(|other| file.is_in_the_way_of(other)) {
            pairs.push(format!("{} with {}", file.shown(), other.shown()));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::{Value, json};

    fn check(volume: Value, expected: &[&str]) {
        let object = json!({"volumes": [volume]});
        let report = Report::default();
        let root = Field::root(&report, &object);
        assert_eq!(of(&root.child("volumes")), expected);
    }

    #[test]
    fn files_in_each_others_way_are_told() {
        let items = |paths: &[&str]| -> Value {
            paths
                .iter()
                .map(|path| json!({"key": "k", "path": path}))
                .collect()
        };
        check(
            json!({"name": "v", "configMap": {"name": "m", "items": items(&["a", "b", "a/c", "ab"])}}),
            &[r#"volume "v" (ConfigMap "m"): overlapping paths: "a/c" with "a""#],
        );
        check(
            json!({"name": "v", "projected": {"sources": [
                {"secret": {"name": "s", "items": items(&["t"])}}, {"serviceAccountToken": {"path": "t/"}}, {},
            ]}}),
            &[
                r#"volume "v" (Projected): overlapping paths: "t" (ServiceAccountToken) with "t" (Secret "s")"#,
                r#"volume "v" (Projected) has no sources provided"#,
            ],
        );
    }

    #[test]
    fn sources_that_go_and_claims_are_told() {
        check(
            json!({"name": "v", "storageos": {}}),
            &["volumes[0].storageOS: deprecated in v1.22, non-functional in v1.25+"],
        );
        check(
            json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1500m"}}}}}}),
            &[
                "volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value \"1500m\" is invalid, must \
                 be an integer",
            ],
        );
    }
}

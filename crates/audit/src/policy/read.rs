//! Reading a policy, and what is wrong with one, in upstream's words.

use std::path::{Path as FilePath, PathBuf};

use meta::field::{ErrorList, FieldError, Path};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Level, Policy, Resources, Rule, Stage, Treatment};

const GROUP_VERSION: &str = "audit.k8s.io/v1";

/// A field that nobody knows: it is ignored, but told.
pub type Unknown = String;

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("failed to read file path {path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no policy.
    #[error("failed decoding: {0}")]
    Decode(String),
    /// It is a policy of a version that is not known.
    #[error("unknown group version field {0} in policy")]
    Version(String),
    /// Fields do not say what they may.
    #[error("{}", meta::aggregate(.0).unwrap_or_default())]
    Invalid(ErrorList),
    /// It has no rules.
    #[error("loaded illegal policy with 0 rules")]
    Empty,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RawPolicy {
    api_version: String,
    kind: String,
    #[serde(rename = "metadata")]
    _metadata: Value,
    rules: Option<Vec<RawRule>>,
    omit_stages: Option<Vec<String>>,
    omit_managed_fields: Option<bool>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRule {
    level: Option<String>,
    users: Option<Vec<String>>,
    user_groups: Option<Vec<String>>,
    verbs: Option<Vec<String>>,
    resources: Option<Vec<RawResources>>,
    namespaces: Option<Vec<String>>,
    #[serde(rename = "nonResourceURLs")]
    paths: Option<Vec<String>>,
    omit_stages: Option<Vec<String>>,
    omit_managed_fields: Option<bool>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawResources {
    group: Option<String>,
    resources: Option<Vec<String>>,
    resource_names: Option<Vec<String>>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Policy {
    /// Reads a policy file.
    pub fn load(path: &FilePath) -> Result<(Self, Vec<Unknown>), PolicyError> {
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::read(&text)
    }

    /// Reads a policy in YAML or JSON, and tells of fields in it that nobody knows.
    pub fn read(text: &str) -> Result<(Self, Vec<Unknown>), PolicyError> {
        let decode = |error: &dyn std::fmt::Display| PolicyError::Decode(error.to_string());
        let tree: Value = serde_saphyr::from_str(text).map_err(|error| decode(&error))?;
        let raw: RawPolicy = match tree {
            Value::Null => RawPolicy::default(),
            tree => serde_json::from_value(tree).map_err(|error| decode(&error))?,
        };
        check_kind(&raw)?;
        let unknown = raw.unknown_fields();
        let mut errors = ErrorList::new();
        let policy = raw.settle(&mut errors);
        if !errors.is_empty() {
            return Err(PolicyError::Invalid(errors));
        }
        if policy.rules.is_empty() {
            return Err(PolicyError::Empty);
        }
        Ok((policy, unknown))
    }
}

fn check_kind(raw: &RawPolicy) -> Result<(), PolicyError> {
    let (version, kind) = (raw.api_version.as_str(), raw.kind.as_str());
    match (version, kind) {
        (GROUP_VERSION, "Policy") => Ok(()),
        ("", _) | (_, "") => Err(PolicyError::Version(format!("{version}, Kind={kind}"))),
        _ => Err(PolicyError::Decode(format!(
            "no kind {} is registered for version {}",
            meta::quote(kind),
            meta::quote(version)
        ))),
    }
}

impl RawPolicy {
    fn settle(self, errors: &mut ErrorList) -> Policy {
        let everywhere = stages(
            &self.omit_stages.unwrap_or_default(),
            &Path::new("omitStages"),
            errors,
        );
        let omit_managed_fields = self.omit_managed_fields.unwrap_or_default();
        let otherwise = Treatment {
            level: Level::None,
            omit_stages: everywhere,
            omit_managed_fields,
        };
        let at = Path::new("rules");
        let rules = self.rules.unwrap_or_default().into_iter().enumerate();
        let rules = rules.map(|(index, rule)| rule.settle(&at.index(index), &otherwise, errors));
        Policy {
            rules: rules.collect(),
            otherwise,
        }
    }

    fn unknown_fields(&self) -> Vec<Unknown> {
        let mut found: Vec<Unknown> = self.unknown.keys().cloned().collect();
        for (index, rule) in self.rules.iter().flatten().enumerate() {
            found.extend(rule.unknown.keys().map(|name| format!("rules[{index}].{name}")));
            for (place, resources) in rule.resources.iter().flatten().enumerate() {
                let names = resources.unknown.keys();
                found.extend(names.map(|name| format!("rules[{index}].resources[{place}].{name}")));
            }
        }
        found
    }
}

impl RawRule {
    fn settle(self, at: &Path, policy: &Treatment, errors: &mut ErrorList) -> Rule {
        let level = level(&self.level.unwrap_or_default(), &at.child("level"), errors);
        let paths = self.paths.unwrap_or_default();
        let at_paths = at.child("nonResourceURLs");
        check_paths(&paths, &at_paths, errors);
        let resources: Vec<Resources> = self
            .resources
            .unwrap_or_default()
            .into_iter()
            .map(Resources::from)
            .collect();
        check_resources(&resources, &at.child("resources"), errors);
        let mut omit_stages = stages(
            &self.omit_stages.unwrap_or_default(),
            &at.child("omitStages"),
            errors,
        );
        let namespaces = self.namespaces.unwrap_or_default();
        let of_resources = !resources.is_empty() || !namespaces.is_empty();
        if of_resources && !paths.is_empty() {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(FieldError::invalid(&at_paths, paths.clone(), why));
        }
        omit_stages.extend(&policy.omit_stages);
        Rule {
            treatment: Treatment {
                level,
                omit_stages,
                omit_managed_fields: self.omit_managed_fields.unwrap_or(policy.omit_managed_fields),
            },
            users: self.users.unwrap_or_default(),
            groups: self.user_groups.unwrap_or_default(),
            verbs: self.verbs.unwrap_or_default(),
            resources,
            namespaces,
            paths,
        }
    }
}

impl From<RawResources> for Resources {
    fn from(raw: RawResources) -> Self {
        Self {
            group: raw.group.unwrap_or_default(),
            resources: raw.resources.unwrap_or_default(),
            names: raw.resource_names.unwrap_or_default(),
        }
    }
}

fn level(text: &str, at: &Path, errors: &mut ErrorList) -> Level {
    if let Some(level) = Level::ALL.into_iter().find(|level| level.as_str() == text) {
        return level;
    }
    errors.push(match text {
        "" => FieldError::required(at, ""),
        _ => FieldError::not_supported(at, text, &Level::ALL.map(Level::as_str)),
    });
    Level::None
}

fn stages(texts: &[String], at: &Path, errors: &mut ErrorList) -> Vec<Stage> {
    let allowed = || Stage::ALL.map(Stage::as_str).join(",");
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Stage::ALL.into_iter().find(|stage| stage.as_str() == text) {
            Some(stage) => found.push(stage),
            None => {
                let why = format!("allowed stages are {}", allowed());
                errors.push(FieldError::invalid(&at.index(index), text.as_str(), &why));
            }
        }
    }
    found
}

fn check_paths(paths: &[String], at: &Path, errors: &mut ErrorList) {
    for (index, path) in paths.iter().enumerate().filter(|(_, path)| *path != "*") {
        if !path.starts_with('/') {
            let why = "non-resource URL rules must begin with a '/' character";
            errors.push(FieldError::invalid(&at.index(index), path.as_str(), why));
        }
        let mut before_last = path.chars();
        before_last.next_back();
        if before_last.as_str().contains('*') {
            let why = "non-resource URL wildcards '*' must be the final character of the rule";
            errors.push(FieldError::invalid(&at.index(index), path.as_str(), why));
        }
    }
}

fn check_resources(all: &[Resources], at: &Path, errors: &mut ErrorList) {
    for Resources {
        group,
        resources,
        names,
    } in all
    {
        if !matches!(group.as_str(), "" | "*") {
            let problems = meta::name::dns1123_subdomain(group);
            if !problems.is_empty() {
                errors.push(FieldError::invalid(
                    &at.child("group"),
                    group.as_str(),
                    &problems.join(","),
                ));
            }
        }
        if !names.is_empty() && resources.is_empty() {
            let why = "using resourceNames requires at least one resource";
            errors.push(FieldError::invalid(
                &at.child("resourceNames"),
                names.clone(),
                why,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &str, expected: &str) {
        let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{fields}\n");
        let error = Policy::read(&text).expect_err("a bad policy");
        assert_eq!(error.to_string(), expected, "{fields}");
    }

    #[test]
    fn what_is_wrong_is_told_in_upstreams_words() {
        check("", "loaded illegal policy with 0 rules");
        check("rules: null", "loaded illegal policy with 0 rules");
        check("rules: [{}]", "rules[0].level: Required value");
        check(
            "rules: [{level: Foo}]",
            r#"rules[0].level: Unsupported value: "Foo": supported values: "None", "Metadata", "Request", "RequestResponse""#,
        );
        check(
            "rules: [{level: None, nonResourceURLs: [x, '/a*b', '*', '/x*']}]",
            r#"[rules[0].nonResourceURLs[0]: Invalid value: "x": non-resource URL rules must begin with a '/' character, rules[0].nonResourceURLs[1]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule]"#,
        );
        check(
            "omitStages: [Foo, Panic]\nrules: [{level: None}]",
            r#"omitStages[0]: Invalid value: "Foo": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"#,
        );
        check(
            "rules: [{level: None, resources: [{resourceNames: [a]}, {group: '*'}], nonResourceURLs: ['/a']}]",
            r#"[rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource, rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs]"#,
        );
    }

    #[test]
    fn what_is_no_policy_of_this_version_is_refused() {
        for (text, expected) in [
            ("", "unknown group version field , Kind= in policy"),
            (
                "rules: [{level: None}]",
                "unknown group version field , Kind= in policy",
            ),
            (
                "{apiVersion: audit.k8s.io/v1beta1, kind: Policy, rules: [{level: None}]}",
                r#"failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v1beta1""#,
            ),
        ] {
            let error = Policy::read(text).expect_err("no policy");
            assert_eq!(error.to_string(), expected);
        }
        for text in ["[", "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: {}}"] {
            let error = Policy::read(text).expect_err("no policy").to_string();
            assert!(error.starts_with("failed decoding: "), "{error}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_told() {
        let text = "{apiVersion: audit.k8s.io/v1, kind: Policy, a: 1, rules: [{level: None, b: 1, resources: [{c: 1}]}]}";
        let (_, unknown) = Policy::read(text).expect("a policy");
        assert_eq!(unknown, ["a", "rules[0].b", "rules[0].resources[0].c"]);
    }
}

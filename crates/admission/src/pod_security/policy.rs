//! Levels, versions, and the labels by which a namespace chooses them.

use std::fmt;

use meta::label_selector::Labels;
use meta::{ErrorList, FieldError, Path};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much a pod may ask for, least restrictive first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Anything.
    #[default]
    Privileged,
    /// What is known to escalate privileges is out.
    Baseline,
    /// What is good practice.
    Restricted,
}

/// A version of the standards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// Whatever this server knows last.
    #[default]
    Latest,
    /// `v1.N`.
    Minor(u32),
}

/// A level in a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) level: Level,
    pub(crate) version: Version,
}

/// What a namespace wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    /// Pods that violate it are refused.
    pub(crate) enforce: Policy,
    /// Who makes pods that violate it is warned.
    pub(crate) warn: Policy,
    /// It is written of who makes pods that violate it.
    pub(crate) audit: Policy,
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Self::Latest);
        }
        let minor = text.strip_prefix("v1.")?;
        let is_plain = minor.bytes().all(|b| b.is_ascii_digit()) && (minor == "0" || !minor.starts_with('0'));
        minor.parse().ok().filter(|_| is_plain).map(Self::Minor)
    }

    /// Whether the rules of that minor version apply.
    pub(crate) fn is_at_least(self, minor: u32) -> bool {
        match self {
            Self::Latest => true,
            Self::Minor(own) => own >= minor,
        }
    }
}

impl Policies {
    /// Reads the labels of a namespace. What cannot be read is an error, and privileged meanwhile.
    pub(crate) fn of(namespace: &impl Labels) -> (Self, ErrorList) {
        let mut errors = ErrorList::new();
        let mut read = |mode: &str| {
            let mut policy = Policy::default();
            let mut is_set = false;
            let key = format!("{PREFIX}{mode}");
            if let Some(text) = namespace.label(&key) {
                is_set = true;
                match Level::parse(text) {
                    Some(level) => policy.level = level,
                    None => errors.push(invalid(
                        &key,
                        text,
                        "must be one of privileged, baseline, restricted",
                    )),
                }
            }
            let key = format!("{PREFIX}{mode}-version");
            if let Some(text) = namespace.label(&key) {
                match Version::parse(text) {
                    Some(version) => policy.version = version,
                    None => errors.push(invalid(&key, text, "must be \"latest\" or \"v1.x\"")),
                }
            }
            (policy, is_set)
        };
        let (audit, _) = read("audit");
        let (enforce, _) = read("enforce");
        let (warn, warns) = read("warn");
        let warn = if warns { warn } else { enforce };
        (Self { enforce, warn, audit }, errors)
    }
}

fn invalid(key: &str, text: &str, problem: &str) -> FieldError {
    FieldError::invalid(&Path::new("metadata.labels").key(key), text, problem)
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// `baseline:latest`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn labels_choose_policies() {
        let read = |labels: &[(&str, &str)]| {
            let labels = labels
                .iter()
                .map(|(key, value)| (format!("{PREFIX}{key}"), (*value).to_owned()));
            let (policies, errors) = Policies::of(&labels.collect::<BTreeMap<_, _>>());
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            (policies.enforce.to_string(), policies.warn.to_string(), errors)
        };
        let fine = |enforce: &str, warn: &str| (enforce.to_owned(), warn.to_owned(), Vec::new());
        assert_eq!(read(&[]), fine("privileged:latest", "privileged:latest"));
        assert_eq!(
            read(&[("enforce", "baseline")]),
            fine("baseline:latest", "baseline:latest")
        );
        let both = [
            ("enforce", "baseline"),
            ("enforce-version", "v1.20"),
            ("warn", "restricted"),
        ];
        assert_eq!(read(&both), fine("baseline:v1.20", "restricted:latest"));
        let (_, _, errors) = read(&[("enforce", "strict"), ("warn-version", "v1.02")]);
        let expected = [
            "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, \
             baseline, restricted",
            "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"v1.02\": must be \"latest\" or \"v1.x\"",
        ];
        assert_eq!(errors, expected);
    }
}

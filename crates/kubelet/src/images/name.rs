//! Names of images: `registry/repository:tag@digest`.

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// `docker.io` if the name does not say.
    pub registry: String,
    /// `library/nginx`.
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

const DEFAULT_REGISTRY: &str = "docker.io";
const INVALID: &str = "invalid reference format";

impl ImageName {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            // A colon before a slash is that of a port.
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        let (registry, repository) = split_registry(path);
        check_repository(&repository)?;
        let is_valid = is_registry(registry) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
        if !is_valid {
            return Err(INVALID.to_owned());
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The name as it was given, with the tag `latest` if it names neither tag nor digest.
    pub fn with_tag(&self, given: &str) -> String {
        match (&self.tag, &self.digest) {
            (None, None) => format!("{given}:latest"),
            _ => given.to_owned(),
        }
    }

    /// Registry and repository.
    pub fn path(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

/// The first part is a registry if it looks like a host.
fn split_registry(path: &str) -> (&str, String) {
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_REGISTRY, path),
    };
    let registry = match registry {
        "index.docker.io" => DEFAULT_REGISTRY,
        other => other,
    };
    let repository = match registry == DEFAULT_REGISTRY && !repository.contains('/') {
        true => format!("library/{repository}"),
        false => repository.to_owned(),
    };
    (registry, repository)
}

fn check_repository(repository: &str) -> Result<(), String> {
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "{INVALID}: repository name ({repository}) must be lowercase"
        ));
    }
    match repository.split('/').all(is_component) {
        true => Ok(()),
        false => Err(INVALID.to_owned()),
    }
}

/// Letters and digits, parted by one dot, one or two underscores, or dashes.
fn is_component(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends_plain = part.starts_with(is_plain) && part.ends_with(is_plain);
    let separators = part.split(is_plain).filter(|between| !between.is_empty());
    ends_plain
        && separators
            .into_iter()
            .all(|between| matches!(between, "." | "_" | "__") || between.chars().all(|c| c == '-'))
}

fn is_registry(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    port.is_none_or(is_port) && (is_address || name.split('.').all(is_label))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=128).contains(&tag.len())
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let with_digest = format!("a.b/c@{digest}");
        for (text, path, tagged) in [
            ("nginx", "docker.io/library/nginx", "nginx:latest"),
            ("nginx:1.2", "docker.io/library/nginx", "nginx:1.2"),
            ("a/b", "docker.io/a/b", "a/b:latest"),
            ("localhost/a", "localhost/a", "localhost/a:latest"),
            ("localhost:5000/a", "localhost:5000/a", "localhost:5000/a:latest"),
            (
                "registry.k8s.io/x/y:v1",
                "registry.k8s.io/x/y",
                "registry.k8s.io/x/y:v1",
            ),
            (&with_digest, "a.b/c", &with_digest),
            ("a__b/c-d.e", "docker.io/a__b/c-d.e", "a__b/c-d.e:latest"),
        ] {
            let name = ImageName::parse(text).unwrap();
            assert_eq!(
                (name.path().as_str(), name.with_tag(text).as_str()),
                (path, tagged)
            );
        }
    }

    #[test]
    fn what_is_no_name() {
        for text in [
            "", ":tag", "a//b", "a..b", "-a", "a:", "a:/b", "a@b", "INVALID!", "a b",
        ] {
            assert!(ImageName::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            ImageName::parse("Foo").unwrap_err(),
            "invalid reference format: repository name (library/Foo) must be lowercase"
        );
    }
}

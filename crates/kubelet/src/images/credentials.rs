//! Credentials for registries, from pull secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

use crate::cri::message::AuthConfig;

use super::name::ImageName;

/// The file of newer Docker clients.
const CONFIG_JSON: &str = ".dockerconfigjson";
/// The file of older ones.
const CONFIG: &str = ".dockercfg";
/// What Docker's own registry is called in these files.
const DOCKER_REGISTRY: &str = "index.docker.io";

/// Credentials by where they are good for: a host, maybe with a path; parts of the host may be patterns.
#[derive(Debug, Default)]
pub struct Keyring {
    entries: Vec<(String, AuthConfig)>,
}

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct Entry {
    username: String,
    password: String,
    /// `user:password` in base64.
    auth: String,
    identitytoken: String,
    registrytoken: String,
}

impl Keyring {
    /// Reads these secrets; one that cannot be read is as good as none.
    pub fn new(secrets: &[Arc<Secret>]) -> Self {
        let mut entries: Vec<(String, AuthConfig)> = secrets.iter().flat_map(|secret| read(secret)).collect();
        // The most particular place first.
        entries.sort_by(|a, b| b.0.cmp(&a.0));
        Self { entries }
    }

    /// The credentials that may do for an image, the likeliest first.
    pub fn lookup(&self, image: &ImageName) -> Vec<AuthConfig> {
        let path = image.path();
        let is_docker = image.registry == "docker.io";
        let fits = |place: &str| matches(place, &path) || (is_docker && host(place) == DOCKER_REGISTRY);
        self.entries
            .iter()
            .filter(|(place, _)| fits(place))
            .map(|(_, auth)| auth.clone())
            .collect()
    }
}

fn read(secret: &Secret) -> Vec<(String, AuthConfig)> {
    let data = secret.data.as_ref();
    let file = |name: &str| {
        data.and_then(|data| data.get(name))
            .map(|bytes| bytes.0.as_slice())
    };
    let auths = match (file(CONFIG_JSON), file(CONFIG)) {
        (Some(bytes), _) => serde_json::from_slice::<ConfigJson>(bytes).map(|config| config.auths),
        (None, Some(bytes)) => serde_json::from_slice(bytes),
        (None, None) => return Vec::new(),
    };
    match auths {
        Ok(auths) => auths
            .into_iter()
            .map(|(place, entry)| (normalized(&place), credential(&place, entry)))
            .collect(),
        Err(error) => {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            // The text of the error would show what is secret.
            tracing::warn!(secret = name, line = error.line(), "pull secret is not readable");
            Vec::new()
        }
    }
}

fn credential(place: &str, entry: Entry) -> AuthConfig {
    let decoded = STANDARD.decode(entry.auth.trim()).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    let (username, password) = match decoded.split_once(':') {
        Some((username, password)) => (username.to_owned(), password.trim_end_matches('\0').to_owned()),
        None => (entry.username, entry.password),
    };
    AuthConfig {
        username,
        password,
        server_address: place.to_owned(),
        identity_token: entry.identitytoken,
        registry_token: entry.registrytoken,
        ..AuthConfig::default()
    }
}

/// Without scheme, and without the version Docker's registry has in its path.
fn normalized(place: &str) -> String {
    let place = place
        .strip_prefix("https://")
        .or_else(|| place.strip_prefix("http://"))
        .unwrap_or(place)
        .trim_end_matches('/');
    let place = place
        .strip_suffix("/v1")
        .or_else(|| place.strip_suffix("/v2"))
        .unwrap_or(place);
    place.to_owned()
}

fn host(place: &str) -> &str {
    place.split('/').next().unwrap_or_default()
}

/// Whether an image lies at a place: its host fits, and its path begins with the place's.
fn matches(place: &str, image: &str) -> bool {
    let (place_host, place_path) = place.split_once('/').unwrap_or((place, ""));
    let (image_host, image_path) = image.split_once('/').unwrap_or((image, ""));
    host_matches(place_host, image_host) && image_path.starts_with(place_path)
}

fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, pattern_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let (patterns, labels): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    pattern_port == port
        && patterns.len() == labels.len()
        && patterns
            .iter()
            .zip(&labels)
            .all(|(pattern, label)| label_matches(pattern, label))
}

/// A star stands for any text within a label.
fn label_matches(pattern: &str, label: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == label;
    };
    let Some(rest) = label.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len())
        .filter(|at| rest.is_char_boundary(*at))
        .any(|at| label_matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::*;

    fn secret(file: &str, content: &Value) -> Arc<Secret> {
        let data = BTreeMap::from([(file.to_owned(), ByteString(content.to_string().into_bytes()))]);
        Arc::new(Secret {
            data: Some(data),
            ..Secret::default()
        })
    }

    fn users(keyring: &Keyring, image: &str) -> Vec<String> {
        let found = keyring.lookup(&ImageName::parse(image).unwrap());
        found
            .into_iter()
            .map(|auth| format!("{}:{}", auth.username, auth.password))
            .collect()
    }

    #[test]
    fn both_files_are_read() {
        let auth = STANDARD.encode("a:pa:ss");
        let new = json!({ "auths": { "https://r.example/v2/": { "auth": auth } } });
        let old = json!({ "other.example": { "username": "b", "password": "x" } });
        let keyring = Keyring::new(&[
            secret(CONFIG_JSON, &new),
            secret(CONFIG, &old),
            secret(CONFIG, &json!("no")),
        ]);
        assert_eq!(users(&keyring, "r.example/i"), ["a:pa:ss"]);
        assert_eq!(users(&keyring, "other.example/i"), ["b:x"]);
        assert!(users(&keyring, "third.example/i").is_empty());
    }

    #[test]
    fn places_fit_by_pattern_and_path() {
        for (place, image, fits) in [
            ("r.example", "r.example/a/b", true),
            ("*.example", "r.example/a", true),
            ("*.example", "x.r.example/a", false),
            ("r*.example", "reg.example/a", true),
            ("r.example/a", "r.example/a/b", true),
            ("r.example/b", "r.example/a/b", false),
            ("r.example:5000", "r.example:5000/a", true),
            ("r.example", "r.example:5000/a", false),
            ("https://index.docker.io/v1/", "nginx", true),
            ("docker.io", "nginx", true),
            ("https://index.docker.io/v1/", "r.example/a", false),
        ] {
            let content = json!({ "auths": { place: { "username": "u", "password": "p" } } });
            let keyring = Keyring::new(&[secret(CONFIG_JSON, &content)]);
            assert_eq!(!users(&keyring, image).is_empty(), fits, "{place} {image}");
        }
    }

    #[test]
    fn the_most_particular_place_comes_first() {
        let entry = |name: &str| json!({ "username": name, "password": "" });
        let content = json!({ "auths": { "r.example": entry("a"), "r.example/team": entry("b") } });
        let keyring = Keyring::new(&[secret(CONFIG_JSON, &content)]);
        assert_eq!(users(&keyring, "r.example/team/x"), ["b:", "a:"]);
    }
}

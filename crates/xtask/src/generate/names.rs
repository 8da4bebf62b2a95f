//! How Go's names become Rust's.

/// The module of a package: `k8s.io/api/core/v1` is `core_v1`.
pub fn module(package: &str) -> String {
    let mut words = package.rsplit('/');
    let version = words.next().unwrap_or_default();
    let group = words.next().unwrap_or_default();
    format!("{group}_{version}")
}

/// The static of a type: `CSIDriverSpec` is `CSI_DRIVER_SPEC`.
pub fn constant(go_name: &str) -> String {
    let letters: Vec<char> = go_name.chars().collect();
    let mut name = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let after_small = index > 0 && !letters[index - 1].is_uppercase();
        let before_small = index > 0 && letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The last word of a package's path.
pub fn go_package(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_statics() {
        for (go, rust) in [
            ("Pod", "POD"),
            ("PodSpec", "POD_SPEC"),
            ("CSIDriverSpec", "CSI_DRIVER_SPEC"),
            ("IPAddress", "IP_ADDRESS"),
            ("FieldsV1", "FIELDS_V1"),
            (
                "AWSElasticBlockStoreVolumeSource",
                "AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE",
            ),
        ] {
            assert_eq!(constant(go), rust);
        }
    }

    #[test]
    fn packages_become_modules() {
        assert_eq!(module("k8s.io/api/core/v1"), "core_v1");
        assert_eq!(module("k8s.io/apimachinery/pkg/apis/meta/v1"), "meta_v1");
    }
}

//! Hashes that name what is made of a template and label its pods.

use client::k8s_openapi::api::core::v1::PodTemplateSpec;

/// Letters and digits that make no words, and are not mistaken for each other; names are made of them.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a template. `collisions` makes another one when the name that came of it was taken.
pub(crate) fn template_hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    // Field order of the typed form is fixed and its maps are sorted, so equal templates give equal text.
    let bytes = serde_json::to_vec(template).unwrap_or_default();
    safe_hash(bytes, collisions)
}

/// The hash of some bytes.
pub(crate) fn safe_hash(mut bytes: Vec<u8>, collisions: Option<i32>) -> String {
    if let Some(collisions) = collisions {
        bytes.extend_from_slice(&collisions.to_le_bytes());
    }
    let digits = fnv32a(&bytes).to_string();
    digits
        .bytes()
        .map(|digit| SAFE[usize::from(digit) % SAFE.len()] as char)
        .collect()
}

fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_collision_and_stay_safe() {
        let template = PodTemplateSpec::default();
        let first = template_hash(&template, None);
        assert_ne!(first, template_hash(&template, Some(1)));
        assert_eq!(first, template_hash(&template, None));
        assert!(first.bytes().all(|byte| SAFE.contains(&byte)));
    }

    #[test]
    fn the_hash_function_is_fnv() {
        assert_eq!(fnv32a(b""), 0x811c_9dc5);
        assert_eq!(fnv32a(b"a"), 0xe40c_292c);
    }
}

//! What the server makes up for new objects: UIDs, and names for those that ask for one.

use uuid::Uuid;

/// Letters that make no words and digits that look like none.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;
/// The longest beginning of a generated name, so that the whole fits a label.
const MAX_PREFIX_LENGTH: usize = 63 - SUFFIX_LENGTH;

/// A UID that no object had before.
pub(crate) fn uid() -> String {
    Uuid::new_v4().to_string()
}

/// A name that begins with `prefix`, which is cut if it is too long.
pub(crate) fn generate_name(prefix: &str) -> String {
    let prefix = &prefix[..prefix.floor_char_boundary(MAX_PREFIX_LENGTH)];
    let random = Uuid::new_v4();
    let letters = random.as_bytes().iter().take(SUFFIX_LENGTH);
    let suffix = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    prefix.chars().chain(suffix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_fit_a_label() {
        for (prefix, length) in [("a-", 7), ("", 5), (&"b".repeat(250), 63)] {
            let name = generate_name(prefix);
            assert_eq!(name.len(), length);
            let suffix = &name[name.len() - SUFFIX_LENGTH..];
            assert!(suffix.bytes().all(|byte| ALPHABET.contains(&byte)), "{name}");
        }
        assert_ne!(generate_name("a-"), generate_name("a-"));
    }
}

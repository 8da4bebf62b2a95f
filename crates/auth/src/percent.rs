//! Percent encoding in header names: facts about users have keys that are no header names.

/// Decodes `%2f`; the text as it is, if that is not what it is.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return text.to_owned();
        };
        let digits = [char::from(*high).to_digit(16), char::from(*low).to_digit(16)];
        let [Some(high), Some(low)] = digits else {
            return text.to_owned();
        };
        bytes.push((high * 16 + low) as u8);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_not_encoded_stays() {
        let cases = [
            ("scopes", "scopes"),
            ("example.com%2fscopes", "example.com/scopes"),
            ("a%2F%41", "a/A"),
            ("a%zz", "a%zz"),
            ("a%2", "a%2"),
            ("a%ff", "a%ff"),
        ];
        for (text, decoded) in cases {
            assert_eq!(super::decode(text), decoded, "{text}");
        }
    }
}

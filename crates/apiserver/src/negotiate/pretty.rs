//! JSON laid out for people, from JSON that is already there: nothing is parsed into a tree.

/// Two spaces a level, a space after colons, empty objects and lists closed at once, a line end after it all.
pub fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    for (at, &byte) in json.iter().enumerate() {
        if in_text {
            out.push(byte);
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'{' | b'[' => {
                out.push(byte);
                if !closes_next(json, at) {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    new_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out.push(b'\n');
    out
}

/// Whether the bracket at `at` is closed without content.
fn closes_next(json: &[u8], at: usize) -> bool {
    json[at + 1..]
        .iter()
        .find(|b| !b.is_ascii_whitespace())
        .is_some_and(|b| matches!(b, b'}' | b']'))
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_that_of_a_pretty_printed_tree() {
        let value = serde_json::json!({"a": [1, {"b": "x: {\"y\", [}\\"}], "c": {}, "d": [], "e": null});
        let mut expected = serde_json::to_string_pretty(&value).expect("JSON");
        expected.push('\n');
        assert_eq!(
            String::from_utf8(indent(value.to_string().as_bytes())).expect("text"),
            expected
        );
    }
}

//! The bytes of gnostic's messages.

use serde_json::json;

use super::*;

/// A message of these fields. All are shorter than 128 bytes here, and have low numbers.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, content) in fields {
        let length = u8::try_from(content.len()).expect("a short field");
        assert!(length < 128 && *number < 16);
        out.extend([number << 3 | 2, length]);
        out.extend_from_slice(content);
    }
    out
}

#[test]
fn a_definition_is_a_named_schema() {
    let document = json!({"swagger": "2.0", "definitions": {"io.A": {
        "type": "object",
        "required": ["b"],
        "x-kind": [{"kind": "A"}],
    }}});
    let schema = [
        // Numbers past 15 take two bytes: required, type, extension.
        [&[19 << 3 & 0x7f | 2 | 0x80, 1][..], &[1], b"b"].concat(),
        [
            &[22 << 3 & 0x7f | 2 | 0x80, 1][..],
            &[8],
            &message(&[(1, b"object")]),
        ]
        .concat(),
        {
            let any = message(&[(2, b"[{\"kind\":\"A\"}]\n")]);
            let pair = message(&[(1, b"x-kind"), (2, &any)]);
            let length = u8::try_from(pair.len()).expect("a short field");
            [&[31 << 3 & 0x7f | 2 | 0x80, 1][..], &[length], &pair].concat()
        },
    ]
    .concat();
    let named = message(&[(1, b"io.A"), (2, &schema)]);
    let expected = message(&[(1, b"2.0"), (9, &message(&[(1, &named)]))]);
    assert_eq!(v2_document(&document), expected);
}

#[test]
fn parameters_are_told_apart_by_place() {
    let operation = |parameter: Value| {
        let document = json!({"paths": {"/a": {"get": {"parameters": [parameter]}}}});
        let bytes = v2_document(&document);
        // Document, paths, pair; then the value of the pair, and in it the operation.
        let prefix_of = |inner: &[u8]| {
            let item = message(&[(2, &message(&[(8, inner)]))]);
            message(&[(8, &message(&[(2, &message(&[(1, b"/a"), (2, &item)]))]))])
        };
        (bytes, prefix_of)
    };
    let check = |parameter: Value, expected: Vec<u8>| {
        let (bytes, wrapped) = operation(parameter.clone());
        assert_eq!(bytes, wrapped(&expected), "{parameter}");
    };
    check(json!({"$ref": "#/x"}), message(&[(2, &message(&[(1, b"#/x")]))]));
    check(
        json!({"name": "body", "in": "body"}),
        message(&[(1, &message(&[(1, &message(&[(2, b"body"), (3, b"body")]))]))]),
    );
    let query = message(&[(2, b"query"), (4, b"q")]);
    check(
        json!({"name": "q", "in": "query"}),
        message(&[(1, &message(&[(2, &message(&[(3, &query)]))]))]),
    );
}

#[test]
fn zero_values_are_left_out_unless_they_are_chosen() {
    let schema = |schema: Value| v3_document(&json!({"components": {"schemas": {"A": schema}}}));
    let named = |schema: &[u8]| {
        let pair = message(&[(1, b"A"), (2, &message(&[(1, schema)]))]);
        message(&[(5, &message(&[(1, &message(&[(1, &pair)]))]))])
    };
    assert_eq!(schema(json!({"nullable": false, "maxItems": 0})), named(&[]));
    assert_eq!(schema(json!({"nullable": true})), named(&[8, 1]));
    let default = |inner: &[u8]| {
        let length = u8::try_from(inner.len()).expect("a short field");
        [&[33 << 3 & 0x7f | 2 | 0x80, 2, length][..], inner].concat()
    };
    assert_eq!(schema(json!({"default": ""})), named(&default(&[3 << 3 | 2, 0])));
    assert_eq!(schema(json!({"default": false})), named(&default(&[2 << 3, 0])));
    assert_eq!(schema(json!({"default": {}})), named(&[]));
}

#[test]
fn references_are_messages_of_their_own() {
    let document = json!({"components": {"schemas": {"A": {"$ref": "#/B"}}}});
    let pair = message(&[(1, b"A"), (2, &message(&[(2, &message(&[(1, b"#/B")]))]))]);
    let expected = message(&[(5, &message(&[(1, &message(&[(1, &pair)]))]))]);
    assert_eq!(v3_document(&document), expected);
}

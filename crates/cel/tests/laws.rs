//! What holds of any expression, well-formed or not.

use cel::{Activation, Environment, Type, from_json};
use proptest::prelude::*;
use serde_json::json;

/// Pieces that expressions are put together from, so that many of them mean something.
const PIECES: [&str; 64] = [
    "x",
    "texts",
    "number",
    ".a",
    ".b",
    "[0]",
    "[?9]",
    ".?a",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    " in ",
    "1",
    "2u",
    "3.5",
    "0x1F",
    "'a'",
    "\"é\"",
    "b'z'",
    "true",
    "null",
    "has(x.a)",
    ".all(t, ",
    ".exists(t, ",
    ".map(t, ",
    ".filter(t, ",
    ".all(i, t, ",
    ".transformMap(k, v, ",
    "t",
    "k",
    "v",
    ".size()",
    ".orValue(1)",
    ".join(',')",
    "quantity('1Gi')",
    "ip('::1')",
    "duration('1h')",
    "timestamp('2020-01-01T00:00:00Z')",
    "'%s'.format([",
    "])",
    ".sort()",
    ".sum()",
    "optional.of(",
    "type(",
    "string(",
    "// c\n",
];

fn environment() -> Environment {
    Environment::kubernetes()
        .with_bind()
        .variable_of("x", Type::Dyn)
        .variable_of("texts", Type::list(Type::String))
        .variable_of("number", Type::Int)
}

/// Compiles and evaluates; what is well-formed gives the same twice.
fn run(environment: &Environment, text: &str) {
    let program = match environment.compile(text) {
        Ok(program) => program,
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            return;
        }
    };
    let estimated = program.estimated_cost();
    assert!(estimated.min <= estimated.max, "{text}: {estimated:?}");
    let object = json!({"a": {"b": [1, "two", null, 3.5]}, "t": true});
    let (texts, number) = (json!(["a", "bb", "é"]), json!(7));
    let activation = Activation::new()
        .with("x", from_json(&object, None))
        .with("texts", from_json(&texts, None))
        .with("number", from_json(&number, None));
    let once = program.evaluate_within(&activation, 20_000);
    let again = program.evaluate_within(&activation, 20_000);
    assert_eq!(format!("{once:?}"), format!("{again:?}"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn pieces_in_any_order_do_no_harm(pieces in prop::collection::vec(0..PIECES.len(), 0..14)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        run(&environment(), &text);
    }

    #[test]
    fn any_text_does_no_harm(text in "\\PC{0,40}") {
        run(&environment(), &text);
    }

    #[test]
    fn any_text_in_quotes_is_a_text_or_refused(text in "[ -~é]{0,20}") {
        run(&environment(), &format!("'{text}'"));
        run(&environment(), &format!("b\"{text}\" == b'''{text}'''"));
    }
}

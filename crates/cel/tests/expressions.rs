//! What expressions give, and what is said of those that give nothing.

use cel::{Activation, Environment, EvaluationError, Value};

fn outcome(text: &str) -> String {
    let program = match Environment::kubernetes().compile(text) {
        Ok(program) => program,
        Err(errors) => return first_line(&errors.to_string()),
    };
    let (value, _) = program.evaluate_within(&Activation::new(), 1_000_000);
    match value {
        Ok(value) => shown(&value),
        Err(error) => format!("error: {error}"),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn shown(value: &Value<'_>) -> String {
    match value.to_json() {
        Ok(json) => json.to_string(),
        Err(_) => format!("{value:?}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        assert_eq!(outcome(text), *wanted, "{text}");
    }
}

#[test]
fn operators() {
    check(&[
        ("1 + 2", "3"),
        ("-(-1)", "1"),
        ("--1", "1"),
        ("!!true", "true"),
        ("1 / 0", "error: division by zero"),
        ("1 % 0", "error: modulus by zero"),
        ("9223372036854775807 + 1", "error: integer overflow"),
        ("1u - 2u", "error: unsigned integer overflow"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("'a' + 'b'", "\"ab\""),
        ("[1] + [2]", "[1,2]"),
        ("dyn(1) == 1.0", "true"),
        ("1 < 2.5", "true"),
        (
            "1 == 1u",
            "ERROR: <input>:1:3: found no matching overload for '_==_' applied to '(int, uint)'",
        ),
        (
            "1 + 'a'",
            "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'",
        ),
        (
            "true && 1",
            "ERROR: <input>:1:9: expected type 'bool' but found 'int'",
        ),
        ("1 / 0 == 1 && false", "false"),
        ("1 / 0 == 1 || true", "true"),
        ("1 / 0 == 1 || false", "error: division by zero"),
        ("dyn(1) + dyn('a')", "error: no such overload"),
        ("dyn(1) == dyn('a')", "false"),
        (
            "true ? 1 : 'a'",
            "ERROR: <input>:1:6: found no matching overload for '_?_:_' applied to '(bool, int, string)'",
        ),
    ]);
}

#[test]
fn names() {
    check(&[
        (
            "x",
            "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')",
        ),
        (
            "foo(1)",
            "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')",
        ),
        (
            "'a'.foo()",
            "ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')",
        ),
        (
            "math.greatest(1, 2)",
            "ERROR: <input>:1:1: undeclared reference to 'math' (in container '')",
        ),
        ("{'a': 1}.a", "1"),
        ("{'a': 1}.b", "error: no such key: b"),
        ("[1, 2][5]", "error: index out of bounds: 5"),
        ("has({'a': 1}.b)", "false"),
        ("type(1) == int", "true"),
        (
            "1.x",
            "ERROR: <input>:1:2: type 'int' does not support field selection",
        ),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("[1, 2, 3].all(x, x > 0)", "true"),
        ("[1, 0].exists(x, 1 / x == 1)", "true"),
        ("[0, 1].exists(x, 1 / x == 1)", "true"),
        ("[1, 2, 3].exists_one(x, x > 2)", "true"),
        ("[1, 2, 3].map(x, x > 1, x * 2)", "[4,6]"),
        ("[1, 2, 3].filter(x, x > 1)", "[2,3]"),
        ("{'a': 1, 'b': 2}.map(k, k)", "[\"a\",\"b\"]"),
        ("[1, 2, 3].all(i, v, i < v)", "true"),
        ("[1, 2, 3].transformList(i, v, i + v)", "[1,3,5]"),
        ("{'a': 1}.transformMap(k, v, v + 1)", "{\"a\":2}"),
        ("{'a': 1}.transformMapEntry(k, v, {k + 'x': v})", "{\"ax\":1}"),
        ("[[1, 2], [3]].map(x, x.map(y, y + 1))", "[[2,3],[4]]"),
        (
            "[1].all(1, true)",
            "ERROR: <input>:1:9: argument must be a simple name",
        ),
        (
            "[1].map(a.b, true)",
            "ERROR: <input>:1:10: argument is not an identifier",
        ),
        (
            "1.all(x, true)",
            "ERROR: <input>:1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
        ("optional.of(2).optMap(x, x + 1).value()", "3"),
        ("optional.none().value()", "error: optional.none() dereference"),
        ("{'a': 1}.?b.orValue(2)", "2"),
        ("[?optional.of(1), 2]", "[1,2]"),
    ]);
}

#[test]
fn syntax_errors_name_the_token_and_what_is_expected() {
    let operand = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
    check(&[
        (
            "1 +",
            &format!("ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {operand}"),
        ),
        (
            "device.",
            "ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'",
        ),
        (
            "self.true == 1",
            "ERROR: <input>:1:6: Syntax error: mismatched input 'true' expecting IDENTIFIER",
        ),
        (
            "1 2",
            "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>",
        ),
        (
            "1 2 3",
            "ERROR: <input>:1:3: Syntax error: mismatched input '2' expecting <EOF>",
        ),
        ("f(1", "ERROR: <input>:1:4: Syntax error: missing ')' at '<EOF>'"),
        (
            "[1, 2",
            "ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting {']', ','}",
        ),
        (
            "{a}",
            "ERROR: <input>:1:3: Syntax error: mismatched input '}' expecting ':'",
        ),
        (
            "a ? b",
            "ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ':'",
        ),
        (
            "a = b",
            "ERROR: <input>:1:3: Syntax error: token recognition error at: '= '",
        ),
        (
            "'abc",
            "ERROR: <input>:1:1: Syntax error: token recognition error at: ''abc'",
        ),
        (
            "--",
            "ERROR: <input>:1:3: Syntax error: no viable alternative at input '-'",
        ),
        (
            "1 + + 2",
            &format!("ERROR: <input>:1:5: Syntax error: extraneous input '+' expecting {operand}"),
        ),
        (
            "1 -= 2",
            "ERROR: <input>:1:4: Syntax error: token recognition error at: '= '",
        ),
        (
            "!--x",
            "ERROR: <input>:1:3: Syntax error: no viable alternative at input '--'",
        ),
        (
            ".true",
            "ERROR: <input>:1:2: Syntax error: mismatched input 'true' expecting IDENTIFIER",
        ),
        (
            ".b()",
            "ERROR: <input>:1:3: undeclared reference to '.b' (in container '')",
        ),
        ("as", "ERROR: <input>:1:1: reserved identifier: as"),
        ("has(a)", "ERROR: <input>:1:5: invalid argument to has() macro"),
        ("99999999999999999999", "ERROR: <input>:1:1: invalid int literal"),
    ]);
}

#[test]
fn errors_show_the_line_with_a_mark() {
    let errors = Environment::kubernetes()
        .compile("true &&\n 'é' + 1")
        .expect_err("a text and a number have no sum");
    let wanted = "ERROR: <input>:2:6: found no matching overload for '_+_' applied to '(string, int)'\n |  'é' + 1\n | ..．..^";
    assert_eq!(errors.to_string(), wanted);
}

#[test]
fn an_evaluation_costs_no_more_than_it_may() {
    let text =
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, a + b + c > 0)))";
    let program = Environment::kubernetes()
        .compile(text)
        .expect("it is well-formed");
    let (value, cost) = program.evaluate_within(&Activation::new(), 1_000);
    assert_eq!(value.expect_err("it costs more"), EvaluationError::CostLimit);
    assert!(cost > 1_000);
}

#[test]
fn what_is_too_deep_is_refused_and_what_is_not_fits_on_a_small_stack() {
    for (text, fits) in [
        (format!("{}1{}", "(".repeat(200), ")".repeat(200)), true),
        (format!("{}1{}", "(".repeat(300), ")".repeat(300)), false),
        (format!("1{}", " + 1".repeat(300)), true),
        (format!("1{}", " + 1".repeat(5_000)), false),
        (format!("true{}", " && true".repeat(5_000)), true),
        (format!("{}1{}", "[".repeat(200), "]".repeat(200)), true),
        (format!("{}1", "-".repeat(5_000)), true),
    ] {
        let compiled = Environment::kubernetes().compile(&text);
        assert_eq!(compiled.is_ok(), fits, "{}", &text[..20]);
        if let Ok(program) = compiled {
            let (value, _) = program.evaluate_within(&Activation::new(), 1_000_000);
            assert!(value.is_ok());
        }
    }
}

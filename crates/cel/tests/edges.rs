//! Forms, keys, times and literals at their edges: what is given, and what is said. All of it is what upstream's server says.

use cel::{Activation, Environment, Value};

fn outcome(text: &str) -> String {
    let program = match Environment::kubernetes().compile(text) {
        Ok(program) => program,
        Err(errors) => {
            let told = errors.told();
            let lines = told.lines().filter(|line| !line.starts_with(" | "));
            return lines.collect::<Vec<_>>().join("; ");
        }
    };
    let (value, _) = program.evaluate_within(&Activation::new(), 1_000_000);
    match value {
        Ok(Value::String(text)) => text.to_string(),
        Ok(value) => value
            .to_json()
            .map_or_else(|_| format!("{value:?}"), |json| json.to_string()),
        Err(error) => format!("error: {error}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        assert_eq!(outcome(text), *wanted, "{text}");
    }
}

#[test]
fn values_within_lists_are_written_as_what_makes_them() {
    check(&[
        (
            "'%s %s'.format([2.5, [2.5, 1e21]])",
            "2.5 [2.500000, 1000000000000000000000.000000]",
        ),
        ("'%s'.format([[1.0 / 0.0, 0.0 / 0.0]])", "[\"+Inf\", \"NaN\"]"),
        (
            "'%s'.format([['a\"\\n\\\\', b'x', 1u, null]])",
            "[\"a\\\"\\n\\\\\", b\"x\", 1, null]",
        ),
        (
            "'%s'.format([{true: duration('1h'), false: timestamp('2024-01-01T00:00:00+01:00')}])",
            "{false:timestamp(\"2024-01-01T00:00:00+01:00\"), true:duration(\"3600s\")}",
        ),
        (
            "'%s'.format([b'\\xff'])",
            "error: error during formatting: could not convert argument \"invalid UTF-8 in bytes, cannot convert to string\" \
             to string",
        ),
        (
            "'%s'.format([{1.5: 'a'}])",
            "error: error during formatting: no formatting function for map key of type double",
        ),
    ]);
}

#[test]
fn forms_take_what_they_name() {
    let kinds = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps";
    let unfit = |at: u32, what: &str| {
        format!(
            "compilation failed: ERROR: <input>:1:{at}: error during formatting: string clause can only be used on {kinds}, \
             was given {what}"
        )
    };
    check(&[
        (
            "'%f'.format([1])",
            "compilation failed: ERROR: <input>:1:14: error during formatting: fixed-point clause can only be used on doubles, \
             was given int",
        ),
        (
            "'%d'.format([1.5])",
            "compilation failed: ERROR: <input>:1:14: error during formatting: decimal clause can only be used on integers, \
             was given double",
        ),
        (
            "'%%'.format([1])",
            "compilation failed: ERROR: <input>:1:12: too many arguments supplied to string.format (expected 0, got 1)",
        ),
        (
            "'%.f'.format([1.5])",
            "compilation failed: ERROR: <input>:1:13: could not parse formatting clause: error while parsing precision: error \
             while converting precision to integer: strconv.Atoi: parsing \"\": invalid syntax",
        ),
        (
            "('%.9999999999999999999' + 'f').format([1.5])",
            "error: could not parse formatting clause: error while parsing precision: error while converting precision to \
             integer: strconv.Atoi: parsing \"9999999999999999999\": value out of range",
        ),
        ("'%s'.format([[ip('::1')]])", &unfit(17, "net.IP")),
        ("'%s'.format([{'a': ip('::1')}])", &unfit(22, "net.IP")),
    ]);
}

#[test]
fn keys_of_maps_are_found_as_upstream_finds_them() {
    check(&[
        ("{1.5: 2}[1.5]", "2"),
        ("{dyn(1.5): 2}[1]", "error: no such key: 1"),
        ("{2.0: 2}[dyn(2)]", "error: no such key: 2"),
        ("{1: 2}[dyn(1.0)]", "2"),
        ("{1: 'a'}[dyn(1.5)]", "error: no such key: 1.5"),
        ("{dyn(1): 2, dyn(1u): 3}.size()", "2"),
        (
            "dyn(1.0) in {1: 'a'} && dyn(1) in {1u: 'a'} && !(dyn(1) in {1.0: 'a'})",
            "true",
        ),
        ("dyn({1.0: 'a'}) == dyn({1: 'a'})", "true"),
        ("dyn({1: 'a'}) == dyn({1.0: 'a'})", "false"),
        ("null in {null: 1}", "true"),
        ("{1u: 'a'}.map(k, type(k) == uint)", "[true]"),
        (
            "[1, 2].transformMapEntry(i, v, {1.5: 2})",
            "error: insert failed: key 1.5 already exists",
        ),
    ]);
}

#[test]
fn literals_that_fit_no_use() {
    check(&[
        ("string(timestamp(253402300799))", "9999-12-31T23:59:59Z"),
        (
            "timestamp(253402300800)",
            "compilation failed: ERROR: <input>:1:11: invalid timestamp argument",
        ),
        (
            "duration(1)",
            "compilation failed: ERROR: <input>:1:10: invalid duration argument",
        ),
        (
            "duration([1][0])",
            "error: type conversion error from 'int' to 'google.protobuf.Duration'",
        ),
        (
            "{[[]]: 1, dyn(1): 2, 'a': 3}.size()",
            "compilation failed: ERROR: <input>:1:14: expected type 'list(list(dyn))' but found 'dyn'; ERROR: <input>:1:22: \
             expected type 'list(list(dyn))' but found 'string'",
        ),
        (
            "[?(1 + 's')]",
            "compilation failed: ERROR: <input>:1:6: found no matching overload for '_+_' applied to '(int, string)'; ERROR: \
             <input>:1:6: expected type 'optional_type(!error!)' but found '!error!'",
        ),
        (
            "kubernetes.URL",
            "compilation failed: ERROR: <input>:1:1: undeclared reference to 'kubernetes' (in container '')",
        ),
        (
            "[int, type]",
            "compilation failed: ERROR: <input>:1:7: expected type 'type(int)' but found 'type(type)'",
        ),
        (
            "url('a').b",
            "compilation failed: ERROR: <input>:1:9: unexpected failed resolution of 'kubernetes.URL'",
        ),
        (
            "ip('::1').b",
            "compilation failed: ERROR: <input>:1:10: type 'net.IP' does not support field selection",
        ),
        ("{'a': optional.of(1)}.?a.value().value()", "1"),
    ]);
}

#[test]
fn failures_name_what_was_given() {
    check(&[
        (
            "int(dyn([]))",
            "program instantiation failed: no such overload: int(list)",
        ),
        (
            "duration([dyn(1.5)][0])",
            "error: no such overload: duration(double)",
        ),
        ("[dyn('a')][0] * 2", "error: no such overload"),
        ("!([dyn([])][0])", "error: no such overload"),
        ("-([dyn(null)][0])", "error: no such overload: -_"),
        (
            "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
            "error: integer overflow",
        ),
        (
            "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
            "error: timestamp overflow",
        ),
        (
            "cidr('10.0.0.0/8').containsCIDR('zz')",
            "error: network address parse error during conversion from string: network address parse error during \
             conversion from string: netip.ParsePrefix(\"zz\"): no '/'",
        ),
        (
            "lists.range(1000001)[5]",
            "error: operation cancelled: actual cost limit exceeded",
        ),
        ("lists.range(-1)", "[]"),
        (
            "[[1]][dyn(5)].sort()",
            "error: internal error: interface conversion: *types.Err is not traits.Lister: missing method Add",
        ),
        ("[[1]][dyn(5)].reverse()", "error: index out of bounds: 5"),
        ("url('mailto:a%zz').getEscapedPath()", ""),
        ("url('a:/b/c').getEscapedPath()", "/b/c"),
    ]);
}

#[test]
fn what_is_below_nothing_is_estimated_as_nothing() {
    let estimate = |text: &str| {
        let program = Environment::kubernetes().compile(text).expect("an expression");
        program.estimated_cost().max
    };
    assert_eq!(estimate("lists.range(-1)"), estimate("lists.range(0)"));
    assert_eq!(estimate("[1].slice(0, -1)"), estimate("[1].slice(0, 0)"));
    assert_eq!(estimate("[[1]].flatten(-1)"), estimate("[[1]].flatten(0)"));
    assert!(estimate("lists.range(1000)") > 1000);
    assert!(estimate("'a'.split(',', -1).map(x, x)") > estimate("'a'.split(',', 2).map(x, x)"));
}

#[test]
fn literals_are_tried_after_types_are_known() {
    let program = Environment::kubernetes().check("uint('x')").expect("well-formed");
    assert_eq!(*program.output_type(), cel::Type::Uint);
    let told = program.instantiated().expect_err("no number").told();
    assert_eq!(
        told,
        "program instantiation failed: type conversion error from 'string' to 'uint'"
    );
}

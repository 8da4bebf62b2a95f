//! Expressions in CEL: parsed, checked, estimated, evaluated.

use cel::{Activation, Environment, Type, from_json};
use serde_json::json;

use super::Target;

/// Whatever can be compiled can be evaluated within its bounds, and gives the same twice.
pub const EXPRESSIONS: Target = Target {
    name: "expressions",
    run: |data| {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        let environment = Environment::kubernetes()
            .with_bind()
            .variable_of("x", Type::Dyn)
            .variable_of("texts", Type::list(Type::String))
            .variable_of("number", Type::Int);
        let Ok(program) = environment.compile(text) else {
            return;
        };
        let estimated = program.estimated_cost();
        assert!(estimated.min <= estimated.max, "{text:?} costs {estimated:?}");
        let object = json!({"a": {"b": [1, "two", null, 3.5]}, "t": true});
        let texts = json!(["a", "bb", "é"]);
        let number = json!(7);
        let activation = Activation::new()
            .with("x", from_json(&object, None))
            .with("texts", from_json(&texts, None))
            .with("number", from_json(&number, None));
        let once = program.evaluate_within(&activation, 20_000);
        let again = program.evaluate_within(&activation, 20_000);
        assert_eq!(format!("{once:?}"), format!("{again:?}"), "{text:?}");
    },
    seeds: || {
        let texts = [
            "x.a.b[0] == 1 && has(x.t)",
            "texts.all(t, t.size() > 0) || texts.exists(t, t.matches('^a+$'))",
            "texts.map(t, t + '!').filter(t, t != '').join(',')",
            "number in [1, 2, 3] ? 'y' : string(number * 2)",
            "{'a': 1}.transformMap(k, v, v + 1)['a'] > 0u",
            "x.?a.?b[?9].orValue('none')",
            "cel.bind(a, number + 1, a * a)",
            "quantity('1.5Gi').isLessThan(quantity('2Gi')) && ip('::1').isLoopback()",
            "timestamp('2020-01-01T00:00:00Z') + duration('1h') < timestamp('2021-01-01T00:00:00Z')",
            "'%s %d %.2f %x'.format(['a', 1, 2.5, b'z'])",
            "semver('1.2.3-a.1').compareTo(semver('1.2.4')) < 0",
            "url('https://h:1/p?q=1').getQuery()",
            "[3, 1, 2].sort().reverse().slice(0, 2).sum()",
            "1 + ",
            "device.",
            "((((((((((1))))))))))",
            "'''long''' + r'\\d' + \"\\u00e9\" + `x`",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
};

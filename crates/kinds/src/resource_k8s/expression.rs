//! Expressions in CEL that choose devices.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::functions::opaque::types::QUANTITY;
use cel::{Declaration, Declared, Environment, Fields, ObjectType, Type};

use crate::toolkit::Field;

/// The most that an expression may be estimated to cost.
const MOST_COST: u64 = 1_000_000;
/// The longest expression, in bytes.
const LONGEST: usize = 10 * 1024;
/// The longest name of a driver, and of the domain of an attribute.
const LONGEST_DOMAIN: u64 = 63;
/// The longest name of an attribute within its domain.
const LONGEST_NAME: u64 = 32;
/// The longest value of an attribute.
const LONGEST_VALUE: u64 = 64;
/// How many attributes and capacities a device may have.
const MOST_ATTRIBUTES: u64 = 32;

/// What expressions may use: `device`.
static ENVIRONMENT: LazyLock<Environment> =
    LazyLock::new(|| Environment::kubernetes().with_bind().variable("device", device()));

fn bounded(of: Type, most: u64) -> Declaration {
    Declaration::new(Declared::Plain(of), Some(most))
}

/// By domain, by name.
fn of_domains(values: Declaration) -> Declaration {
    let text = |most| Arc::new(bounded(Type::String, most));
    let inner = Declared::Map(text(LONGEST_NAME), Arc::new(values));
    let inner = Declaration::new(inner, Some(MOST_ATTRIBUTES));
    let outer = Declared::Map(text(LONGEST_DOMAIN), Arc::new(inner));
    Declaration::new(outer, Some(MOST_ATTRIBUTES))
}

fn device() -> Declaration {
    let fields = [
        ("driver", bounded(Type::String, LONGEST_DOMAIN)),
        ("allowMultipleAllocations", bounded(Type::Bool, 1)),
        ("attributes", of_domains(bounded(Type::Dyn, LONGEST_VALUE))),
        ("capacity", of_domains(Declaration::plain(QUANTITY))),
    ];
    let field = |(name, holds): (&str, Declaration)| {
        let json_name = name.to_owned();
        (name.to_owned(), cel::Field { json_name, holds })
    };
    let object = ObjectType {
        name: "kubernetes.DRADevice".to_owned(),
        fields: Fields::Known(fields.into_iter().map(field).collect::<BTreeMap<_, _>>()),
    };
    Declaration::new(Declared::Object(Arc::new(object)), Some(0))
}

/// Checks an expression that is given.
pub fn selector(expression: &Field) {
    let text = expression.text();
    if text.len() > LONGEST {
        expression.too_long(LONGEST);
        return;
    }
    let program = match ENVIRONMENT.compile(text) {
        Ok(program) => program,
        Err(errors) => return expression.invalid_as(text, &errors.told()),
    };
    match program.output_type() {
        Type::Bool | Type::Dyn => {}
        other => {
            return expression.invalid(&format!("must evaluate to bool or the unknown type, not {other}"));
        }
    }
    if program.estimated_cost().max > MOST_COST {
        expression.forbidden("too complex, exceeds cost limit");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    fn told(expression: &str) -> Vec<String> {
        let class = json!({"spec": {"selectors": [{"cel": {"expression": expression}}]}});
        create_errors("resource.k8s.io", "deviceclasses", class)
    }

    #[test]
    fn expressions_are_about_a_device() {
        for right in [
            "device.driver == 'gpu.example.com'",
            "device.attributes['gpu.example.com'].model == 'a100'",
            "device.capacity['gpu.example.com'].memory.isGreaterThan(quantity('10Gi'))",
            "'numa' in device.attributes['example.com'] && device.attributes['example.com'].numa == 1",
            "cel.bind(a, device.attributes['example.com'], a.x == 1 || a.y == 2)",
        ] {
            assert_eq!(told(right), [""; 0], "{right}");
        }
        let place = "spec.selectors[0].cel.expression";
        for (wrong, problem) in [
            (
                "",
                "Invalid value: \"\": compilation failed: ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
            ),
            (
                "device.",
                "Invalid value: \"device.\": compilation failed: ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'\n | device.\n | .......^",
            ),
            (
                "1",
                "Invalid value: \"1\": must evaluate to bool or the unknown type, not int",
            ),
            (
                "device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, a != b && c != d))))",
                "Forbidden: too complex, exceeds cost limit",
            ),
        ] {
            assert_eq!(told(wrong), [format!("{place}: {problem}")], "{wrong}");
        }
    }
}

//! Evaluates a checked tree, and counts what that costs.

mod fold;
mod lookup;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cost::charge;
use crate::error::EvaluationError;
use crate::functions::{Answer, Overload, arithmetic, maps, no_such_overload};
use crate::program::{Activation, Program};
use crate::syntax::tree::{Constant, Entry, Expr, Field, Kind};
use crate::types::Type;
use meta::pattern::Pattern;

use crate::value::{Key, List, Map, Value};

/// The value, and what it cost.
pub fn evaluate<'v>(program: &Program, activation: &Activation<'v>, limit: u64) -> (Answer<'v>, u64) {
    let mut evaluator = Evaluator {
        program,
        activation,
        scopes: Vec::new(),
        cost: 0,
        limit,
        stepping: false,
        free: false,
    };
    let value = evaluator.expr(&program.root);
    (value, evaluator.cost)
}

/// Tries all operations on literals alone.
///
/// # Errors
/// The first one that fails.
pub fn literals(program: &Program) -> Result<(), EvaluationError> {
    let activation = Activation::new();
    let mut evaluator = Evaluator {
        program,
        activation: &activation,
        scopes: Vec::new(),
        cost: 0,
        limit: u64::MAX,
        stepping: false,
        free: false,
    };
    evaluator.literals(&program.root)
}

struct Evaluator<'p, 'a, 'v> {
    program: &'p Program,
    activation: &'a Activation<'v>,
    /// Variables of loops, innermost last. What is gathered may be an error that a later element makes good.
    scopes: Vec<(&'p str, Answer<'v>)>,
    cost: u64,
    limit: u64,
    /// Whether what was gathered may be taken instead of copied: it is read once in each step.
    stepping: bool,
    /// Whether the next name costs nothing: it is a part of a lookup that was charged.
    free: bool,
}

impl<'p, 'v> Evaluator<'p, '_, 'v> {
    fn literals(&mut self, expr: &'p Expr) -> Result<(), EvaluationError> {
        for child in expr.children() {
            self.literals(child)?;
        }
        if let Kind::Call {
            function, arguments, ..
        } = &expr.kind
            && matches!(function.as_str(), "matches" | "find" | "findAll")
            && let Some(Kind::Constant(Constant::String(pattern))) =
                arguments.first().map(|first| &first.kind)
        {
            // Called on a target, the first argument is the pattern; called by name, it is the text.
            if let (Kind::Call { target: Some(_), .. }, Err(error)) = (&expr.kind, Pattern::new(pattern)) {
                return Err(EvaluationError::failed(error.to_string()));
            }
        }
        if is_folded(expr) && is_constant(expr) {
            self.expr(expr)?;
        }
        Ok(())
    }

    fn charge(&mut self, cost: u64) -> Result<(), EvaluationError> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit {
            Err(EvaluationError::CostLimit)
        } else {
            Ok(())
        }
    }

    fn expr(&mut self, expr: &'p Expr) -> Answer<'v> {
        match &expr.kind {
            Kind::Constant(constant) => Ok(constant_value(constant)),
            Kind::Ident(name) => self.ident(expr.id, name),
            Kind::Select { operand, field, test } => self.select(operand, field, *test),
            Kind::Call {
                target,
                function,
                arguments,
            } => self.call(expr, target.as_deref(), function, arguments),
            Kind::List { elements, optional } => self.list(expr, elements, optional),
            Kind::Map(entries) => self.map(expr, entries),
            Kind::Struct { fields, .. } => self.object(expr, fields),
            Kind::Comprehension(fold) => self.fold(fold),
        }
    }

    fn call(
        &mut self,
        expr: &'p Expr,
        target: Option<&'p Expr>,
        function: &str,
        arguments: &'p [Expr],
    ) -> Answer<'v> {
        match (function, arguments) {
            ("_&&_", [left, right]) => return self.logical(left, right, false),
            ("_||_", [left, right]) => return self.logical(left, right, true),
            ("_?_:_", [condition, yes, no]) => {
                return match self.expr(condition)? {
                    Value::Bool(true) => self.part_of_lookup(yes),
                    Value::Bool(false) => self.part_of_lookup(no),
                    _ => Err(no_such_overload()),
                };
            }
            ("@not_strictly_false", [argument]) => return self.not_strictly_false(argument),
            ("_[_]" | "_[?_]", [operand, key]) => return self.index(function, operand, key),
            ("_?._", [operand, field]) => return self.optional_select(operand, field),
            _ => {}
        }
        if let (Some(target), "or" | "orValue", [other]) = (target, function, arguments) {
            return self.or_else(expr, target, function, other);
        }
        let values = self.arguments(target.into_iter().chain(arguments), arguments.len())?;
        match values {
            Ok(values) => self.overloaded(expr, function, values),
            Err(error) => {
                // A call of which an argument fails is counted all the same.
                self.charge(charge::before(function, "", &[]).unwrap_or(charge::CALL))?;
                Err(match SORTING.contains(&function) {
                    true => EvaluationError::failed(NO_LIST),
                    false => error,
                })
            }
        }
    }

    /// The values of arguments, or the first error. Of two arguments both are evaluated in any case.
    fn arguments(
        &mut self,
        arguments: impl Iterator<Item = &'p Expr>,
        count: usize,
    ) -> Result<Result<Vec<Value<'v>>, EvaluationError>, EvaluationError> {
        let mut values = Vec::with_capacity(count + 1);
        let mut failed = None;
        for argument in arguments {
            match self.expr(argument) {
                Ok(value) => values.push(value),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    failed.get_or_insert(error);
                    if count > 2 {
                        break;
                    }
                }
            }
        }
        Ok(failed.map_or(Ok(values), Err))
    }

    /// The other optional is evaluated only if it is needed.
    fn or_else(&mut self, expr: &'p Expr, target: &'p Expr, function: &str, other: &'p Expr) -> Answer<'v> {
        match (self.expr(target)?, function) {
            (Value::Optional(Some(value)), "orValue") => Ok((*value).clone()),
            (some @ Value::Optional(Some(_)), _) => Ok(some),
            (Value::Optional(None), _) => self.expr(other),
            (value, function) => {
                let values = vec![value, self.expr(other)?];
                self.overloaded(expr, function, values)
            }
        }
    }

    fn overloaded(&mut self, expr: &'p Expr, function: &str, values: Vec<Value<'v>>) -> Answer<'v> {
        let program = self.program;
        let candidates = program
            .checked
            .overloads
            .get(&expr.id)
            .map_or(&[][..], Vec::as_slice);
        // Which of several overloads it will be shows only now; then it costs as much as any call.
        let known = if candidates.len() == 1 {
            candidates[0].id
        } else {
            ""
        };
        let before = charge::before(function, known, &values);
        let value = match candidates.iter().find(|overload| takes(overload, &values)) {
            None => Err(no_overload(function, &values)),
            Some(overload) => match (function, program.patterns.get(&expr.id), values.as_slice()) {
                ("matches", Some(pattern), [Value::String(text), _]) => match pattern.matches(text) {
                    Ok(matches) => Ok(Value::Bool(matches)),
                    Err(error) => Err(EvaluationError::failed(error.to_string())),
                },
                ("_+_", _, [Value::List(_), Value::List(_)]) => Ok(joined(values)),
                ("cel.@mapInsert", ..) => maps::insert(values),
                _ => (overload.run)(&values),
            },
        };
        let cost = match (&value, before) {
            (_, Some(cost)) => cost,
            (Ok(value), None) => charge::of_result(function, value),
            (Err(_), None) => charge::of_result(function, &Value::Null),
        };
        if !is_folded(expr) {
            self.charge(cost)?;
        }
        value
    }

    fn logical(&mut self, left: &'p Expr, right: &'p Expr, decides: bool) -> Answer<'v> {
        let first = self.expr(left);
        match &first {
            Ok(Value::Bool(truth)) if *truth == decides => return first,
            Err(error) if error.is_final() => return first,
            _ => {}
        }
        let second = self.expr(right);
        match &second {
            Ok(Value::Bool(truth)) if *truth == decides => return second,
            Err(error) if error.is_final() => return second,
            _ => {}
        }
        match (first, second) {
            (Ok(Value::Bool(_)), Ok(Value::Bool(_))) => Ok(Value::Bool(!decides)),
            (Err(error), _) | (_, Err(error)) => Err(error),
            _ => Err(no_such_overload()),
        }
    }

    fn not_strictly_false(&mut self, argument: &'p Expr) -> Answer<'v> {
        let value = match self.expr(argument) {
            Err(error) if error.is_final() => return Err(error),
            value => value,
        };
        self.charge(charge::CALL)?;
        Ok(Value::Bool(!matches!(value, Ok(Value::Bool(false)))))
    }

    fn list(&mut self, expr: &'p Expr, elements: &'p [Expr], optional: &[usize]) -> Answer<'v> {
        let mut values = Vec::with_capacity(elements.len());
        for (place, element) in elements.iter().enumerate() {
            let value = self.expr(element)?;
            if !optional.contains(&place) {
                values.push(value);
                continue;
            }
            match value {
                Value::Optional(inner) => values.extend(inner.map(|inner| (*inner).clone())),
                other => {
                    let message =
                        format!("cannot initialize optional list element from non-optional value {other:?}");
                    return Err(EvaluationError::failed(message));
                }
            }
        }
        if !is_constant(expr) {
            self.charge(charge::LIST)?;
        }
        Ok(Value::list(values))
    }

    /// The value of an optional part, if there is one.
    fn part(
        &mut self,
        name: &str,
        value: &'p Expr,
        optional: bool,
    ) -> Result<Option<Value<'v>>, EvaluationError> {
        match (self.expr(value)?, optional) {
            (value, false) => Ok(Some(value)),
            (Value::Optional(inner), true) => Ok(inner.map(|inner| (*inner).clone())),
            (other, true) => {
                let message =
                    format!("cannot initialize optional entry '{name}' from non-optional value {other:?}");
                Err(EvaluationError::failed(message))
            }
        }
    }

    fn map(&mut self, expr: &'p Expr, entries: &'p [Entry]) -> Answer<'v> {
        let mut made = BTreeMap::new();
        for entry in entries {
            let value = self.expr(&entry.key)?;
            let Some(key) = Key::of(&value) else {
                let message = format!("unsupported key type: {}", value.runtime_type().runtime_name());
                return Err(EvaluationError::failed(message));
            };
            if let Some(value) = self.part(&key.shown(), &entry.value, entry.optional)? {
                made.insert(key, value);
            }
        }
        if !is_constant(expr) {
            self.charge(charge::MAP)?;
        }
        Ok(Value::map(made))
    }

    fn object(&mut self, expr: &'p Expr, fields: &'p [Field]) -> Answer<'v> {
        let mut made = BTreeMap::new();
        for field in fields {
            if let Some(value) = self.part(&field.name, &field.value, field.optional)? {
                made.insert(field.name.clone(), value);
            }
        }
        self.charge(charge::OBJECT)?;
        match &self.program.checked.types[expr.id] {
            Type::Object(of) => Ok(Value::Map(Map::Object(of.clone(), Rc::new(made)))),
            other => Err(EvaluationError::failed(format!("unknown type '{other}'"))),
        }
    }
}

/// Whether it is worked out before any evaluation: conversions of literals, and looking among literals.
fn is_folded(expr: &Expr) -> bool {
    let Kind::Call {
        target: None,
        function,
        arguments,
    } = &expr.kind
    else {
        return false;
    };
    match (function.as_str(), arguments.as_slice()) {
        ("@in", [_, list]) => matches!(list.kind, Kind::List { .. }) && is_constant(list),
        (name, [argument]) => FOLDED.contains(&name) && is_constant(argument),
        _ => false,
    }
}

/// Upstream forgets to look whether the list of these could be worked out, and tells of that instead.
const SORTING: [&str; 3] = ["distinct", "sort", "@sortByAssociatedKeys"];
const NO_LIST: &str =
    "internal error: interface conversion: *types.Err is not traits.Lister: missing method Add";

/// The conversions.
const FOLDED: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Those of them that do not take everything.
const CONVERSIONS: [&str; 8] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "string",
    "timestamp",
    "uint",
];

/// Whether it is a literal, a conversion of one, or a list or map of such.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Constant(_) => true,
        Kind::Call { function, .. } => function != "@in" && is_folded(expr),
        Kind::List { elements, optional } => optional.is_empty() && elements.iter().all(is_constant),
        Kind::Map(entries) => entries
            .iter()
            .all(|entry| !entry.optional && is_constant(&entry.key) && is_constant(&entry.value)),
        _ => false,
    }
}

fn constant_value<'v>(constant: &Constant) -> Value<'v> {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(truth) => Value::Bool(*truth),
        Constant::Int(number) => Value::Int(*number),
        Constant::Uint(number) => Value::Uint(*number),
        Constant::Double(number) => Value::Double(*number),
        Constant::String(text) => Value::text(text.as_str()),
        Constant::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
    }
}

/// The sum of two lists; the first is not copied if nobody else has it.
fn joined<'v>(values: Vec<Value<'v>>) -> Value<'v> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (Some(Value::List(left)), Some(Value::List(right))) => Value::List(arithmetic::append(left, &right)),
        (first, _) => first.unwrap_or(Value::List(List::Made(Rc::new(Vec::new())))),
    }
}

fn takes(overload: &Overload, values: &[Value<'_>]) -> bool {
    overload.arguments.len() == values.len()
        && overload
            .arguments
            .iter()
            .zip(values)
            .all(|(wanted, value)| fits(wanted, value))
}

/// Whether a value is of the type, as far as it shows: what lists and maps hold is not looked at, except to tell overloads apart.
fn fits(wanted: &Type, value: &Value<'_>) -> bool {
    match (wanted, value) {
        (Type::Dyn | Type::Parameter(_), _) => true,
        (Type::List(element), Value::List(list)) => match (&**element, list.get(0)) {
            (Type::Dyn | Type::Parameter(_), _) | (_, None) => true,
            (element, Some(first)) => fits(element, &first),
        },
        (Type::Map(_), Value::Map(_))
        | (Type::Optional(_), Value::Optional(_))
        | (Type::Type(_), Value::Type(_)) => true,
        (wanted, value) => *wanted == value.runtime_type(),
    }
}

/// What is said of values that no overload takes. If nothing of such a type can be the first, the function is named.
fn no_overload(function: &str, values: &[Value<'_>]) -> EvaluationError {
    use Value::{Bool, Bytes, Double, Duration, Int, List, Map, String, Timestamp, Uint};
    let Some(first) = values.first() else {
        return no_such_overload();
    };
    if let ([value], true) = (values, CONVERSIONS.contains(&function)) {
        let of = value.runtime_type();
        return EvaluationError::failed(format!("no such overload: {function}({})", of.runtime_name()));
    }
    let has_it = match function {
        // Texts are asked for whatever operators do.
        "_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_" if matches!(first, String(_)) => true,
        "_+_" => matches!(
            first,
            Int(_) | Uint(_) | Double(_) | Bytes(_) | List(_) | Timestamp(_) | Duration(_)
        ),
        "_-_" => matches!(first, Int(_) | Uint(_) | Double(_) | Timestamp(_) | Duration(_)),
        "_*_" | "_/_" => matches!(first, Int(_) | Uint(_) | Double(_)),
        "_%_" => matches!(first, Int(_) | Uint(_)),
        "_<_" | "_<=_" | "_>_" | "_>=_" => matches!(
            first,
            Bool(_) | Int(_) | Uint(_) | Double(_) | String(_) | Bytes(_) | Timestamp(_) | Duration(_)
        ),
        "-_" => matches!(first, Bool(_) | Int(_) | Double(_) | Duration(_)),
        "size" => matches!(first, String(_) | Bytes(_) | List(_) | Map(_)),
        _ => true,
    };
    if has_it {
        return no_such_overload();
    }
    EvaluationError::failed(format!("no such overload: {function}"))
}

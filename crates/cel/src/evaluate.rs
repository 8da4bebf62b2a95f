//! Evaluates a checked tree, and counts what that costs.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cost::charge;
use crate::error::EvaluationError;
use crate::functions::collections::{find, index};
use crate::functions::{Answer, Overload, arithmetic, maps, no_such_overload};
use crate::program::{Activation, Program};
use crate::syntax::tree::{ACCUMULATOR, Comprehension, Constant, Entry, Expr, Field, Kind};
use crate::types::Type;
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
    };
    let value = evaluator.expr(&program.root);
    (value, evaluator.cost)
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
}

impl<'p, 'v> Evaluator<'p, '_, 'v> {
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

    fn ident(&mut self, id: usize, name: &str) -> Answer<'v> {
        self.charge(charge::NAME)?;
        let stepping = self.stepping;
        if let Some((_, value)) = self.scopes.iter_mut().rev().find(|(known, _)| *known == name) {
            if stepping && name == ACCUMULATOR {
                return std::mem::replace(value, Ok(Value::Null));
            }
            return value.clone();
        }
        if let Some(named) = self.program.checked.type_names.get(&id) {
            return Ok(Value::Type(named.clone()));
        }
        let name = name.strip_prefix('.').unwrap_or(name);
        match self.activation.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(EvaluationError::failed(format!("no such attribute(s): {name}"))),
        }
    }

    /// Names and what is selected from them are one lookup; what is selected from another value begins a lookup of its own.
    fn charge_lookup(&mut self, operand: &Expr) -> Result<(), EvaluationError> {
        let begins = !is_lookup(operand);
        self.charge(charge::NAME + if begins { charge::NAME } else { 0 })
    }

    fn select(&mut self, operand: &'p Expr, field: &str, test: bool) -> Answer<'v> {
        let value = self.expr(operand)?;
        if !test {
            self.charge_lookup(operand)?;
            return selected(&value, field);
        }
        let found = match &value {
            Value::Map(map) => map.field(field)?.is_some(),
            Value::Optional(Some(inner)) => match &**inner {
                Value::Map(map) => map.field(field)?.is_some(),
                _ => return Err(no_such_overload()),
            },
            Value::Optional(None) => false,
            _ => return Err(no_such_overload()),
        };
        Ok(Value::Bool(found))
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
                    Value::Bool(true) => self.expr(yes),
                    Value::Bool(false) => self.expr(no),
                    _ => Err(no_such_overload()),
                };
            }
            ("@not_strictly_false", [argument]) => return self.not_strictly_false(argument),
            ("_[_]" | "_[?_]", [operand, key]) => return self.index(function, operand, key),
            ("_?._", [operand, field]) => return self.optional_select(operand, field),
            _ => {}
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in target.into_iter().chain(arguments) {
            values.push(self.expr(argument)?);
        }
        self.overloaded(expr, function, values)
    }

    fn overloaded(&mut self, expr: &Expr, function: &str, values: Vec<Value<'v>>) -> Answer<'v> {
        let candidates = self
            .program
            .checked
            .overloads
            .get(&expr.id)
            .map_or(&[][..], Vec::as_slice);
        let Some(overload) = candidates.iter().find(|overload| takes(overload, &values)) else {
            return Err(no_overload(function, &values));
        };
        // Which of several overloads it will be shows only now; then it costs as much as any call.
        let known = if candidates.len() == 1 { overload.id } else { "" };
        let before = charge::before(function, known, &values);
        let value = match (function, self.program.patterns.get(&expr.id), values.as_slice()) {
            ("matches", Some(pattern), [Value::String(text), _]) => Ok(Value::Bool(pattern.is_match(text))),
            ("_+_", _, [Value::List(_), Value::List(_)]) => Ok(joined(values)),
            ("cel.@mapInsert", ..) => maps::insert(values),
            _ => (overload.run)(&values),
        };
        let cost = match (&value, before) {
            (_, Some(cost)) => cost,
            (Ok(value), None) => charge::of_result(value),
            (Err(_), None) => 0,
        };
        if !self.folded(expr, function) {
            self.charge(cost)?;
        }
        value
    }

    /// Conversions of literals are done once, before any evaluation.
    fn folded(&self, expr: &Expr, function: &str) -> bool {
        let conversion = matches!(
            function,
            "bool" | "bytes" | "double" | "duration" | "int" | "string" | "timestamp" | "uint"
        );
        conversion && matches!(&expr.kind, Kind::Call { arguments, .. } if arguments.iter().all(is_constant))
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

    fn index(&mut self, function: &str, operand: &'p Expr, key: &'p Expr) -> Answer<'v> {
        let value = self.expr(operand)?;
        let at = self.expr(key)?;
        self.charge_lookup(operand)?;
        if function == "_[?_]" {
            return Ok(Value::Optional(find(&value, &at)?.map(Rc::new)));
        }
        index(&[value, at])
    }

    fn optional_select(&mut self, operand: &'p Expr, field: &'p Expr) -> Answer<'v> {
        let value = self.expr(operand)?;
        self.charge_lookup(operand)?;
        let Kind::Constant(Constant::String(name)) = &field.kind else {
            return Err(no_such_overload());
        };
        let inner = match &value {
            Value::Optional(None) => return Ok(value),
            Value::Optional(Some(inner)) => &**inner,
            plain => plain,
        };
        match inner {
            Value::Map(map) => Ok(Value::Optional(map.field(name)?.map(Rc::new))),
            _ => Err(no_such_overload()),
        }
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

    fn fold(&mut self, fold: &'p Comprehension) -> Answer<'v> {
        let outer = std::mem::replace(&mut self.stepping, false);
        let depth = self.scopes.len();
        let value = self.folding(fold);
        self.scopes.truncate(depth);
        self.stepping = outer;
        value
    }

    fn folding(&mut self, fold: &'p Comprehension) -> Answer<'v> {
        let range = self.expr(&fold.range)?;
        let initial = match self.expr(&fold.initial) {
            Err(error) if error.is_final() => return Err(error),
            value => value,
        };
        self.scopes.push((&fold.accumulator, initial));
        let gathered = self.scopes.len() - 1;
        let pairs: Vec<(Value<'v>, Option<Value<'v>>)> = match (&range, fold.second.is_some()) {
            (Value::List(list), false) => list.iter().map(|element| (element, None)).collect(),
            (Value::List(list), true) => list
                .iter()
                .enumerate()
                .map(|(place, element)| (Value::Int(place as i64), Some(element)))
                .collect(),
            (Value::Map(map), false) => map.keys().iter().map(|key| (key.value(), None)).collect(),
            (Value::Map(map), true) => {
                let mut pairs = Vec::new();
                for key in map.keys() {
                    pairs.push((key.value(), map.get(&key)?));
                }
                pairs
            }
            _ => return Err(no_such_overload()),
        };
        for (first, second) in pairs {
            self.scopes.push((&fold.variable, Ok(first)));
            if let (Some(name), Some(value)) = (&fold.second, second) {
                self.scopes.push((name, Ok(value)));
            }
            let go_on = self.expr(&fold.condition)?;
            if matches!(go_on, Value::Bool(false)) {
                self.scopes.truncate(gathered + 1);
                break;
            }
            self.stepping = true;
            let step = self.expr(&fold.step);
            self.stepping = false;
            self.scopes.truncate(gathered + 1);
            match step {
                Err(error) if error.is_final() => return Err(error),
                step => self.scopes[gathered].1 = step,
            }
        }
        self.expr(&fold.result)
    }
}

/// Whether a value is found by name, perhaps with selections from there.
fn is_lookup(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Ident(_) | Kind::Select { test: false, .. } => true,
        Kind::Call { function, .. } => matches!(function.as_str(), "_[_]" | "_?._" | "_[?_]" | "_?_:_"),
        _ => false,
    }
}

/// Whether it is a literal, or a list or map of such.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Constant(_) => true,
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

fn selected<'v>(value: &Value<'v>, field: &str) -> Answer<'v> {
    match value {
        Value::Map(map) => match map.field(field)? {
            Some(value) => Ok(value),
            None => Err(EvaluationError::failed(format!("no such key: {field}"))),
        },
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(inner)) => match &**inner {
            Value::Map(map) => Ok(Value::Optional(map.field(field)?.map(Rc::new))),
            _ => Err(no_such_overload()),
        },
        _ => Err(no_such_overload()),
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

fn no_overload(function: &str, values: &[Value<'_>]) -> EvaluationError {
    if function.starts_with(['_', '@', '!', '-']) {
        return no_such_overload();
    }
    let types: Vec<String> = values
        .iter()
        .map(|value| value.runtime_type().runtime_name().to_owned())
        .collect();
    EvaluationError::failed(format!("no such overload: {function}({})", types.join(", ")))
}

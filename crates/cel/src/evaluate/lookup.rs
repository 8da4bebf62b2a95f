//! Lookups: a name and what is selected from there. All of one lookup costs one for the name and one for each selection; a name
//! that is only a part of a lookup, such as an index, costs nothing.

use std::rc::Rc;

use super::Evaluator;
use crate::cost::charge;
use crate::error::EvaluationError;
use crate::functions::collections::{find, index};
use crate::functions::{Answer, no_such_overload};
use crate::syntax::tree::{ACCUMULATOR, Constant, Expr, Kind};
use crate::value::Value;

impl<'p, 'v> Evaluator<'p, '_, 'v> {
    pub(super) fn ident(&mut self, id: usize, name: &str) -> Answer<'v> {
        let free = std::mem::replace(&mut self.free, false);
        let stepping = self.stepping;
        if let Some(named) = self.program.checked.type_names.get(&id) {
            return Ok(Value::Type(named.clone()));
        }
        if !free {
            self.charge(charge::NAME)?;
        }
        if let Some((_, value)) = self.scopes.iter_mut().rev().find(|(known, _)| *known == name) {
            if stepping && name == ACCUMULATOR {
                return std::mem::replace(value, Ok(Value::Null));
            }
            return value.clone();
        }
        let name = name.strip_prefix('.').unwrap_or(name);
        match self.activation.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(EvaluationError::failed(format!("no such attribute(s): {name}"))),
        }
    }

    /// An index, or one of the values of a condition: if it is a lookup itself, its name was paid for.
    pub(super) fn part_of_lookup(&mut self, expr: &'p Expr) -> Answer<'v> {
        self.free = begins_with_name(expr);
        let value = self.expr(expr);
        self.free = false;
        value
    }

    /// What is selected from another value than a name begins a lookup.
    fn charge_beginning(&mut self, operand: &Expr) -> Result<(), EvaluationError> {
        if is_lookup(operand) {
            Ok(())
        } else {
            self.charge(charge::NAME)
        }
    }

    pub(super) fn select(&mut self, operand: &'p Expr, field: &str, test: bool) -> Answer<'v> {
        if test {
            return self.is_there(operand, field);
        }
        let value = self.expr(operand)?;
        self.charge_beginning(operand)?;
        if let Value::Optional(_) = value {
            return self.optional_field(&value, field);
        }
        self.charge(charge::NAME)?;
        let found = match &value {
            Value::Map(map) => map.field(field)?,
            _ => None,
        };
        found.ok_or_else(|| EvaluationError::failed(format!("no such key: {field}")))
    }

    fn is_there(&mut self, operand: &'p Expr, field: &str) -> Answer<'v> {
        let before = self.cost;
        let value = match self.expr(operand) {
            Ok(value) => value,
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                // The selection that failed is not counted here.
                self.cost = self.cost.saturating_sub(charge::NAME).max(before);
                return Err(error);
            }
        };
        self.charge_beginning(operand)?;
        let inner = match &value {
            Value::Optional(Some(inner)) => inner,
            value => value,
        };
        let found = match inner {
            Value::Map(map) => map.field(field)?.is_some(),
            _ => false,
        };
        Ok(Value::Bool(found))
    }

    /// A field of what may be nothing. What is not there costs nothing.
    fn optional_field(&mut self, value: &Value<'v>, field: &str) -> Answer<'v> {
        let inner = match value {
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => inner,
            plain => plain,
        };
        let found = match inner {
            Value::Map(map) => map.field(field)?,
            _ => return Err(no_such_overload()),
        };
        if found.is_some() {
            self.charge(charge::NAME)?;
        }
        Ok(Value::Optional(found.map(Rc::new)))
    }

    pub(super) fn optional_select(&mut self, operand: &'p Expr, field: &'p Expr) -> Answer<'v> {
        let value = self.expr(operand)?;
        self.charge_beginning(operand)?;
        let Kind::Constant(Constant::String(name)) = &field.kind else {
            return Err(no_such_overload());
        };
        self.optional_field(&value, name)
    }

    pub(super) fn index(&mut self, function: &str, operand: &'p Expr, key: &'p Expr) -> Answer<'v> {
        let value = self.expr(operand)?;
        self.charge_beginning(operand)?;
        let at = self.part_of_lookup(key)?;
        if function == "_[?_]" || matches!(value, Value::Optional(_)) {
            let found = find(&value, &at)?;
            if found.is_some() {
                self.charge(charge::NAME)?;
            }
            return Ok(Value::Optional(found.map(Rc::new)));
        }
        self.charge(charge::NAME)?;
        index(&[value, at])
    }
}

/// Whether it is a name with selections.
fn begins_with_name(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Ident(_) => true,
        Kind::Select {
            operand, test: false, ..
        } => begins_with_name(operand),
        Kind::Call {
            function, arguments, ..
        } => {
            matches!(function.as_str(), "_[_]" | "_?._" | "_[?_]")
                && arguments.first().is_some_and(begins_with_name)
        }
        _ => false,
    }
}

/// Whether it is a lookup: a name, a selection, or a choice between two values.
fn is_lookup(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Ident(_) | Kind::Select { test: false, .. } => true,
        Kind::Call { function, .. } => matches!(function.as_str(), "_[_]" | "_?._" | "_[?_]" | "_?_:_"),
        _ => false,
    }
}

//! Checks an expression before it is evaluated: every name known, every call to a function that takes such arguments.

mod calls;
mod literals;
mod unify;

use std::collections::HashMap;
use std::sync::Arc;

use crate::environment::Environment;
use crate::functions::Overload;
use crate::source::{CompileErrors, Problem, Source};
use crate::syntax::tree::{Comprehension, Constant, Entry, Expr, Field, Kind};
use crate::types::Type;
use unify::{Bindings, most_general};

/// What checking finds out of each node, by its id.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Types.
    pub types: Vec<Type>,
    /// The overloads that a call may come to.
    pub overloads: HashMap<usize, Vec<Arc<Overload>>>,
    /// Names that are types.
    pub type_names: HashMap<usize, Type>,
}

/// Checks a tree. Calls of functions with dotted names, and variables with such, are written as one name after.
///
/// # Errors
/// With everything that is wrong.
pub fn check(
    environment: &Environment,
    source: &Source,
    root: &mut Expr,
    ids: usize,
) -> Result<Checked, CompileErrors> {
    let mut checker = Checker {
        environment,
        source,
        bindings: Bindings::default(),
        scopes: Vec::new(),
        checked: Checked {
            types: vec![Type::Dyn; ids],
            ..Checked::default()
        },
        problems: Vec::new(),
    };
    checker.expr(root);
    let Checker {
        bindings,
        mut checked,
        mut problems,
        ..
    } = checker;
    for of in &mut checked.types {
        *of = bindings.resolve(of, true);
    }
    if problems.is_empty() {
        literals::check(source, &checked, root, &mut problems);
    }
    if !problems.is_empty() {
        return Err(CompileErrors::new(source, problems));
    }
    Ok(checked)
}

struct Checker<'e> {
    environment: &'e Environment,
    source: &'e Source,
    bindings: Bindings,
    /// Variables of loops, innermost last.
    scopes: Vec<(String, Type)>,
    checked: Checked,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, at: u32, message: String) {
        self.problems.push(Problem {
            location: Some(self.source.location(at)),
            message,
        });
    }

    fn undeclared(&mut self, at: u32, name: &str) -> Type {
        self.report(at, format!("undeclared reference to '{name}' (in container '')"));
        Type::Error
    }

    fn type_mismatch(&mut self, at: u32, wanted: &Type, given: &Type) {
        let (wanted, given) = (
            self.bindings.resolve(wanted, false),
            self.bindings.resolve(given, false),
        );
        self.report(at, format!("expected type '{wanted}' but found '{given}'"));
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.bindings.resolve(&self.checked.types[expr.id], false)
    }

    fn expr(&mut self, expr: &mut Expr) -> Type {
        let (id, at) = (expr.id, expr.at);
        let of = match &mut expr.kind {
            Kind::Constant(constant) => constant_type(constant),
            Kind::Ident(name) => {
                let name = name.clone();
                self.ident(id, at, &name)
            }
            Kind::Select { .. } => self.select(expr),
            Kind::Call { .. } => self.call(expr),
            Kind::List { elements, optional } => self.list(elements, optional),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { name, fields } => {
                let name = name.clone();
                self.object(at, &name, fields)
            }
            Kind::Comprehension(comprehension) => self.comprehension(comprehension),
        };
        self.checked.types[id] = of.clone();
        of
    }

    fn local(&self, name: &str) -> Option<&Type> {
        self.scopes
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, of)| of)
    }

    fn ident(&mut self, id: usize, at: u32, name: &str) -> Type {
        if let Some(of) = self.local(name) {
            return of.clone();
        }
        let plain = name.strip_prefix('.').unwrap_or(name);
        if let Some(of) = self.environment.variable_type(plain) {
            return of;
        }
        match self.environment.type_named(plain) {
            Some(named) => {
                self.checked.type_names.insert(id, named.clone());
                Type::type_of(named)
            }
            None => self.undeclared(at, name),
        }
    }

    fn select(&mut self, expr: &mut Expr) -> Type {
        if let Some(of) = self.qualified(expr) {
            return of;
        }
        let at = expr.at;
        let Kind::Select { operand, field, test } = &mut expr.kind else {
            return Type::Error;
        };
        let (field, test) = (field.clone(), *test);
        let operand = self.expr(operand);
        let found = self.field(at, &operand, &field, false);
        if test { Type::Bool } else { found }
    }

    /// A variable or type whose name has dots.
    fn qualified(&mut self, expr: &mut Expr) -> Option<Type> {
        let name = expr.as_qualified()?;
        let root = name.trim_start_matches('.').split('.').next().unwrap_or_default();
        if self.local(root).is_some() {
            return None;
        }
        let plain = name.strip_prefix('.').unwrap_or(&name);
        let of = if let Some(of) = self.environment.variable_type(plain) {
            of
        } else {
            let named = self.environment.type_named(plain)?;
            self.checked.type_names.insert(expr.id, named.clone());
            Type::type_of(named)
        };
        expr.kind = Kind::Ident(plain.to_owned());
        Some(of)
    }

    /// The type of a field of something of type `operand`.
    fn field(&mut self, at: u32, operand: &Type, field: &str, optional: bool) -> Type {
        let operand = self.bindings.resolve(operand, false);
        match &operand {
            Type::Dyn | Type::Error | Type::Parameter(_) => Type::Dyn,
            Type::Variable(_) => {
                self.bindings.assignable(&operand, &Type::Dyn);
                Type::Dyn
            }
            Type::Map(pair) => pair.1.clone(),
            Type::Optional(inner) => {
                let found = self.field(at, inner, field, optional);
                if optional { found } else { Type::optional(found) }
            }
            Type::Object(object) => match object.field_type(field) {
                Some(of) => of,
                None => {
                    self.report(at, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Opaque(name) if self.environment.type_named(name).is_none() => {
                self.report(at, format!("unexpected failed resolution of '{name}'"));
                Type::Error
            }
            other => {
                self.report(at, format!("type '{other}' does not support field selection"));
                Type::Error
            }
        }
    }

    /// The type that both have; if they have none, anything.
    fn join(&mut self, joined: Option<Type>, next: &Type) -> Type {
        let Some(joined) = joined else {
            return next.clone();
        };
        if self.bindings.assignable(&joined, next) {
            return most_general(joined, next.clone());
        }
        Type::Dyn
    }

    /// What an optional part holds.
    fn unwrapped(&mut self, at: u32, of: Type) -> Type {
        match self.bindings.resolve(&of, false) {
            Type::Optional(inner) => (*inner).clone(),
            Type::Dyn => of,
            other => {
                self.type_mismatch(at, &Type::optional(other.clone()), &other);
                other
            }
        }
    }

    fn list(&mut self, elements: &mut [Expr], optional: &[usize]) -> Type {
        let mut joined = None;
        for (index, element) in elements.iter_mut().enumerate() {
            let mut of = self.expr(element);
            if optional.contains(&index) {
                of = self.unwrapped(element.at, of);
            }
            joined = Some(self.join(joined, &of));
        }
        let element = joined.unwrap_or_else(|| self.bindings.fresh());
        Type::list(element)
    }

    fn map(&mut self, entries: &mut [Entry]) -> Type {
        let (mut keys, mut values) = (None, None);
        for entry in entries.iter_mut() {
            let key = self.expr(&mut entry.key);
            keys = Some(self.join(keys, &key));
            let mut value = self.expr(&mut entry.value);
            if entry.optional {
                value = self.unwrapped(entry.value.at, value);
            }
            values = Some(self.join(values, &value));
        }
        let key = keys.unwrap_or_else(|| self.bindings.fresh());
        let value = values.unwrap_or_else(|| self.bindings.fresh());
        Type::map(key, value)
    }

    fn object(&mut self, at: u32, name: &str, fields: &mut [Field]) -> Type {
        let name = name.strip_prefix('.').unwrap_or(name);
        let object = match self.environment.type_named(name) {
            Some(Type::Object(object)) => object,
            Some(_) => {
                self.report(at, format!("'{name}' is not a message type"));
                return Type::Error;
            }
            None => {
                for field in fields.iter_mut() {
                    self.expr(&mut field.value);
                }
                return self.undeclared(at, name);
            }
        };
        for field in fields {
            let mut given = self.expr(&mut field.value);
            if field.optional {
                given = self.unwrapped(field.value.at, given);
            }
            match object.field_type(&field.name) {
                None => self.report(field.at, format!("undefined field '{}'", field.name)),
                Some(wanted) if !self.bindings.assignable(&wanted, &given) => {
                    let given = self.bindings.resolve(&given, false);
                    let message = format!(
                        "expected type of field '{}' is '{wanted}' but provided type is '{given}'",
                        field.name
                    );
                    self.report(field.at, message);
                }
                Some(_) => {}
            }
        }
        Type::Object(object)
    }

    fn comprehension(&mut self, fold: &mut Comprehension) -> Type {
        self.expr(&mut fold.range);
        let gathered = self.expr(&mut fold.initial);
        let range = self.type_of(&fold.range);
        let two = fold.second.is_some();
        let (first, second) = match &range {
            Type::List(element) if two => (Type::Int, (**element).clone()),
            Type::List(element) => ((**element).clone(), Type::Dyn),
            Type::Map(pair) => (pair.0.clone(), pair.1.clone()),
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn),
            Type::Variable(_) => {
                self.bindings.assignable(&range, &Type::Dyn);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.report(fold.range.at, message);
                (Type::Error, Type::Error)
            }
        };
        self.scopes.push((fold.accumulator.clone(), gathered.clone()));
        self.scopes.push((fold.variable.clone(), first));
        if let Some(name) = &fold.second {
            self.scopes.push((name.clone(), second));
        }
        let condition = self.expr(&mut fold.condition);
        self.must_be(fold.condition.at, &condition, &Type::Bool);
        let step = self.expr(&mut fold.step);
        self.must_be(fold.step.at, &step, &gathered);
        self.scopes.truncate(self.scopes.len() - 1 - usize::from(two));
        let result = self.expr(&mut fold.result);
        self.scopes.pop();
        self.bindings.resolve(&result, false)
    }

    fn must_be(&mut self, at: u32, given: &Type, wanted: &Type) {
        if !self.bindings.assignable(given, wanted) {
            self.type_mismatch(at, wanted, given);
        }
    }
}

fn constant_type(constant: &Constant) -> Type {
    match constant {
        Constant::Null => Type::Null,
        Constant::Bool(_) => Type::Bool,
        Constant::Int(_) => Type::Int,
        Constant::Uint(_) => Type::Uint,
        Constant::Double(_) => Type::Double,
        Constant::String(_) => Type::String,
        Constant::Bytes(_) => Type::Bytes,
    }
}

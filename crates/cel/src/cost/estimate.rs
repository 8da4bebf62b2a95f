//! What an expression costs at least and at most, from what is declared of its variables.

use std::collections::HashMap;

use super::charge;
use super::functions::{Call, Estimated};
use super::size::{CostEstimate, Size};
use crate::program::Program;
use crate::syntax::tree::{ACCUMULATOR, Comprehension, Constant, Entry, Expr, Kind};
use crate::types::{Declaration, Type};

/// The cost of a program.
pub fn estimate(program: &Program) -> CostEstimate {
    let mut estimator = Estimator {
        program,
        declared: HashMap::new(),
        sizes: HashMap::new(),
        entries: HashMap::new(),
        scopes: Vec::new(),
    };
    estimator.cost(&program.root)
}

/// The sizes of keys and values of a list or map.
#[derive(Clone, Copy)]
struct Entries {
    list: bool,
    key: Size,
    value: Size,
}

impl Entries {
    fn or(self, other: Self) -> Self {
        Self {
            list: self.list,
            key: self.key.or(other.key),
            value: self.value.or(other.value),
        }
    }
}

/// What is known of a variable of a loop.
#[derive(Clone)]
struct Local<'p> {
    name: &'p str,
    declared: Option<&'p Declaration>,
    size: Option<Size>,
    entries: Option<Entries>,
}

pub(super) struct Estimator<'p> {
    program: &'p Program,
    /// What is declared of the value that a node reads, by the node's id.
    declared: HashMap<usize, &'p Declaration>,
    sizes: HashMap<usize, Size>,
    entries: HashMap<usize, Entries>,
    scopes: Vec<Local<'p>>,
}

impl<'p> Estimator<'p> {
    fn cost(&mut self, expr: &'p Expr) -> CostEstimate {
        match &expr.kind {
            Kind::Constant(_) => CostEstimate::NOTHING,
            Kind::Ident(name) => self.ident(expr, name),
            Kind::Select { operand, field, test } => self.select(expr, operand, field, *test),
            Kind::Call {
                target,
                function,
                arguments,
            } => self.call(expr, target.as_deref(), function, arguments),
            Kind::List { elements, .. } => self.list(expr, elements),
            Kind::Map(entries) => self.map(expr, entries),
            Kind::Struct { fields, .. } => {
                let made = CostEstimate::exactly(charge::OBJECT);
                fields
                    .iter()
                    .fold(made, |sum, field| sum.plus(self.cost(&field.value)))
            }
            Kind::Comprehension(fold) if is_bind(fold) => self.bind(expr, fold),
            Kind::Comprehension(fold) => self.fold(expr, fold),
        }
    }

    fn local(&self, name: &str) -> Option<&Local<'p>> {
        self.scopes.iter().rev().find(|local| local.name == name)
    }

    fn ident(&mut self, expr: &Expr, name: &str) -> CostEstimate {
        let declared = match self.local(name) {
            Some(local) => local.declared,
            None => self
                .program
                .variables
                .get(name.trim_start_matches('.'))
                .map(|declared| &**declared),
        };
        if let Some(declared) = declared {
            self.declared.insert(expr.id, declared);
        }
        CostEstimate::exactly(charge::NAME)
    }

    fn select(&mut self, expr: &Expr, operand: &'p Expr, field: &str, test: bool) -> CostEstimate {
        let cost = self.cost(operand);
        if test {
            return cost;
        }
        if let Some(declared) = self
            .declared_of(operand)
            .and_then(|declared| declared.part(field))
        {
            self.declared.insert(expr.id, declared);
        }
        match self.type_of(operand) {
            Type::Map(_) | Type::Object(_) | Type::Opaque(_) | Type::Variable(_) => {
                cost.plus(CostEstimate::exactly(charge::NAME))
            }
            _ => cost,
        }
    }

    pub(super) fn type_of(&self, expr: &Expr) -> &'p Type {
        &self.program.checked.types[expr.id]
    }

    pub(super) fn declared_of(&self, expr: &Expr) -> Option<&'p Declaration> {
        if let Some(local) = expr.as_ident().and_then(|name| self.local(name)) {
            return local.declared;
        }
        self.declared.get(&expr.id).copied()
    }

    fn list(&mut self, expr: &Expr, elements: &'p [Expr]) -> CostEstimate {
        let mut cost = CostEstimate::exactly(charge::LIST);
        let mut value = if elements.is_empty() {
            Size::NOTHING
        } else {
            Size::EMPTY
        };
        for element in elements {
            cost = cost.plus(self.cost(element));
            value = value.or(self.size_or_unknown(element));
        }
        let key = Size::exactly(1);
        self.entries.insert(
            expr.id,
            Entries {
                list: true,
                key,
                value,
            },
        );
        cost
    }

    fn map(&mut self, expr: &Expr, entries: &'p [Entry]) -> CostEstimate {
        let mut cost = CostEstimate::exactly(charge::MAP);
        let nothing = if entries.is_empty() {
            Size::NOTHING
        } else {
            Size::EMPTY
        };
        let (mut key, mut value) = (nothing, nothing);
        for entry in entries {
            cost = cost.plus(self.cost(&entry.key)).plus(self.cost(&entry.value));
            key = key.or(self.size_or_unknown(&entry.key));
            value = value.or(self.size_or_unknown(&entry.value));
        }
        self.entries.insert(
            expr.id,
            Entries {
                list: false,
                key,
                value,
            },
        );
        cost
    }

    fn call(
        &mut self,
        expr: &'p Expr,
        target: Option<&'p Expr>,
        function: &'p str,
        arguments: &'p [Expr],
    ) -> CostEstimate {
        if let ("dyn", [argument]) = (function, arguments) {
            let cost = self.cost(argument);
            self.copy_sizes(expr, argument);
            return cost.plus(CostEstimate::exactly(charge::CALL));
        }
        let costs: Vec<CostEstimate> = arguments.iter().map(|argument| self.cost(argument)).collect();
        let of_target = target.map_or(CostEstimate::NOTHING, |target| self.cost(target));
        let ids: Vec<&str> = match function {
            "_&&_" | "_||_" | "_?_:_" | "@not_strictly_false" => vec![function],
            "_?._" => vec!["select_optional_field"],
            _ => match self.program.checked.overloads.get(&expr.id) {
                Some(overloads) => overloads.iter().map(|overload| overload.id).collect(),
                None => return CostEstimate::NOTHING,
            },
        };
        let (mut cost, mut size) = (CostEstimate::EMPTY, None);
        for overload in ids {
            let call = Call {
                function,
                overload,
                target,
                arguments,
                costs: &costs,
            };
            let Estimated {
                cost: one,
                size: result,
            } = self.call_cost(expr, &call);
            cost = cost.or(one);
            size = match (size, result) {
                (Some(before), Some(result)) => Some(Size::or(before, result)),
                (before, result) => before.or(result),
            };
            self.follow_index(expr, overload, arguments, &mut size);
            size = size.or_else(|| self.size(expr));
        }
        if let Some(size) = size {
            self.sizes.insert(expr.id, size);
        }
        of_target.plus(cost)
    }

    /// What is read by index is declared by what it is read from.
    fn follow_index(&mut self, expr: &Expr, overload: &str, arguments: &[Expr], size: &mut Option<Size>) {
        let (Some(operand), step) = (
            arguments.first(),
            match overload {
                "index_list" => "@items",
                "index_map" => "@values",
                _ => return,
            },
        ) else {
            return;
        };
        *size = self.entries_of(operand).map(|entries| entries.value);
        if let Some(declared) = self.declared_of(operand).and_then(|declared| declared.part(step)) {
            self.declared.insert(expr.id, declared);
        }
    }

    fn fold(&mut self, expr: &Expr, fold: &'p Comprehension) -> CostEstimate {
        let before = self.cost(&fold.range).plus(self.cost(&fold.initial));
        self.push_local(&fold.accumulator, &fold.initial);
        self.push_variables(fold);
        let each = self.cost(&fold.condition).plus(self.cost(&fold.step));
        self.scopes
            .truncate(self.scopes.len() - 1 - usize::from(fold.second.is_some()));
        let after = self.cost(&fold.result);
        self.scopes.pop();
        let count = self.size_or_unknown(&fold.range);
        match &fold.initial.kind {
            Kind::Constant(_) => {
                if let Some(size) = self.size(&fold.initial) {
                    self.sizes.insert(expr.id, size);
                }
            }
            Kind::List { .. } | Kind::Map(_) => {
                self.sizes.insert(expr.id, count);
                if let Some(entries) = self.entries_of(&fold.step) {
                    self.entries.insert(expr.id, entries);
                }
            }
            _ => {}
        }
        before.plus(after).plus(count.times(each))
    }

    fn push_local(&mut self, name: &'p str, value: &Expr) {
        let local = Local {
            name,
            declared: self.declared_of(value),
            size: self.size(value),
            entries: self.entries_of(value),
        };
        self.scopes.push(local);
    }

    fn push_variables(&mut self, fold: &'p Comprehension) {
        let entries = self.entries_of(&fold.range);
        let list = match entries {
            Some(entries) => entries.list,
            None => matches!(self.type_of(&fold.range), Type::List(_)),
        };
        let declared = self.declared_of(&fold.range);
        let key = entries.map(|entries| entries.key);
        let value = entries.map(|entries| entries.value);
        let mut push = |name: &'p str, step: &str, size: Option<Size>| {
            self.scopes.push(Local {
                name,
                declared: declared.and_then(|declared| declared.part(step)),
                size,
                entries: None,
            });
        };
        match &fold.second {
            None if list => push(&fold.variable, "@items", value),
            None => push(&fold.variable, "@keys", key),
            Some(second) => {
                push(&fold.variable, if list { "@indices" } else { "@keys" }, key);
                push(second, if list { "@items" } else { "@values" }, value);
            }
        }
    }

    fn bind(&mut self, expr: &Expr, fold: &'p Comprehension) -> CostEstimate {
        let before = self.cost(&fold.range).plus(self.cost(&fold.initial));
        self.push_local(&fold.accumulator, &fold.initial);
        let after = self.cost(&fold.result);
        self.scopes.pop();
        self.copy_sizes(expr, &fold.result);
        before.plus(after)
    }

    fn copy_sizes(&mut self, to: &Expr, from: &Expr) {
        if let Some(size) = self.size(from) {
            self.sizes.insert(to.id, size);
        }
        if let Some(entries) = self.entries_of(from) {
            self.entries.insert(to.id, entries);
        }
    }

    /// Sets what a call's result holds: either of two.
    pub(super) fn join_entries(&mut self, to: &Expr, left: &Expr, right: &Expr) {
        if let (Some(left), Some(right)) = (self.entries_of(left), self.entries_of(right)) {
            self.entries.insert(to.id, left.or(right));
        }
    }

    fn entries_of(&self, expr: &Expr) -> Option<Entries> {
        if let Some(entries) = self.entries.get(&expr.id) {
            return Some(*entries);
        }
        expr.as_ident()
            .and_then(|name| self.local(name))
            .and_then(|local| local.entries)
    }

    pub(super) fn size_or_unknown(&self, expr: &Expr) -> Size {
        self.size(expr).unwrap_or(Size::UNKNOWN)
    }

    pub(super) fn size(&self, expr: &Expr) -> Option<Size> {
        if let Some(size) = self.sizes.get(&expr.id) {
            return Some(*size);
        }
        if let Some(size) = literal_size(expr) {
            return Some(size);
        }
        let declared = self
            .declared_of(expr)
            .filter(|_| expr.as_ident() != Some(ACCUMULATOR));
        if let Some(size) = declared.and_then(declared_size) {
            return Some(size);
        }
        if let (Kind::Ident(_), Type::Type(_)) = (&expr.kind, self.type_of(expr))
            && let Some(whole) = self.program.variables.get("self")
        {
            // Upstream takes the name of a type for the value that rules are about.
            return Some(declared_size(whole).unwrap_or(Size::NOTHING));
        }
        if is_scalar(self.type_of(expr)) {
            return Some(Size::exactly(1));
        }
        expr.as_ident()
            .and_then(|name| self.local(name))
            .and_then(|local| local.size)
    }
}

/// The most that a declared value holds.
pub(super) fn declared_size(declared: &Declaration) -> Option<Size> {
    declared.most.map(|max| Size { min: 0, max })
}

fn is_scalar(of: &Type) -> bool {
    match of {
        Type::Bool | Type::Double | Type::Duration | Type::Int | Type::Timestamp | Type::Uint => true,
        Type::Optional(inner) => is_scalar(inner),
        _ => false,
    }
}

fn literal_size(expr: &Expr) -> Option<Size> {
    let size = match &expr.kind {
        Kind::Constant(Constant::String(text)) => text.chars().count(),
        Kind::Constant(Constant::Bytes(bytes)) => bytes.len(),
        Kind::Constant(_) => 1,
        Kind::List { elements, .. } => elements.len(),
        Kind::Map(entries) => entries.len(),
        _ => return None,
    };
    Some(Size::exactly(size as u64))
}

fn is_bind(fold: &Comprehension) -> bool {
    let nothing = matches!(&fold.range.kind, Kind::List { elements, .. } if elements.is_empty());
    let never = matches!(&fold.condition.kind, Kind::Constant(Constant::Bool(false)));
    nothing && never && fold.accumulator != ACCUMULATOR
}

//! Literals that fit no use: texts that functions cannot read, lists and maps of values of several types, forms that do not fit
//! what is put into them.

use meta::pattern::Pattern;

use super::Checked;
use crate::functions::format::{self, Clause};
use crate::source::{Problem, Source};
use crate::syntax::tree::{Constant, Entry, Expr, Kind};
use crate::types::Type;
use crate::value::Moment;

/// Adds what is wrong with the literals of an expression.
pub fn check(source: &Source, checked: &Checked, root: &Expr, problems: &mut Vec<Problem>) {
    let mut check = Check {
        source,
        checked,
        problems,
    };
    check.expr(root, false);
}

struct Check<'c> {
    source: &'c Source,
    checked: &'c Checked,
    problems: &'c mut Vec<Problem>,
}

impl<'c> Check<'c> {
    fn report(&mut self, at: u32, message: String) {
        self.problems.push(Problem {
            location: Some(self.source.location(at)),
            message,
        });
    }

    fn type_of(&self, expr: &Expr) -> &'c Type {
        &self.checked.types[expr.id]
    }

    /// `formatted`: within what is put into a form, where types may be mixed.
    fn expr(&mut self, expr: &Expr, formatted: bool) {
        let mut within = formatted;
        match &expr.kind {
            Kind::Call {
                target,
                function,
                arguments,
            } => {
                self.argument(function, target.is_some(), arguments);
                if function == "format" {
                    within = true;
                    self.form(expr.at, target.as_deref(), arguments);
                }
            }
            Kind::List { elements, optional } if !formatted => {
                let parts = elements
                    .iter()
                    .enumerate()
                    .map(|(place, element)| (element, optional.contains(&place)));
                self.same_types(parts);
            }
            Kind::Map(entries) if !formatted => self.same_entries(entries),
            _ => {}
        }
        for child in expr.children() {
            self.expr(child, within);
        }
    }

    /// A text that the function reads.
    fn argument(&mut self, function: &str, member: bool, arguments: &[Expr]) {
        let argument = match (function, member, arguments) {
            ("duration" | "timestamp", false, [argument]) => argument,
            ("matches", true, [argument]) | ("matches", false, [_, argument]) => argument,
            _ => return,
        };
        let Kind::Constant(constant) = &argument.kind else {
            return;
        };
        let reads = match (function, constant) {
            ("duration", Constant::String(text)) => meta::Duration::parse(text).is_ok(),
            ("duration", Constant::Int(_)) => false,
            ("timestamp", Constant::String(text)) => Moment::parse(text).is_some(),
            ("timestamp", Constant::Int(seconds)) => Moment::from_second(*seconds).is_some(),
            ("matches", Constant::String(text)) => Pattern::new(text).is_ok(),
            _ => return,
        };
        if !reads {
            self.report(argument.at, format!("invalid {function} argument"));
        }
    }

    /// All parts have the type of the first one.
    fn same_types<'x>(&mut self, parts: impl Iterator<Item = (&'x Expr, bool)>) {
        let mut first: Option<&Type> = None;
        for (part, optional) in parts {
            let of = match self.type_of(part) {
                Type::Optional(inner) if optional => inner,
                of => of,
            };
            match first {
                None => first = Some(of),
                Some(first) if same(first, of) => {}
                Some(first) => {
                    return self.report(part.at, format!("expected type '{first}' but found '{of}'"));
                }
            }
        }
    }

    /// All keys have the type of the first one, and all values; each that has not is told.
    fn same_entries(&mut self, entries: &[Entry]) {
        let Some((first, others)) = entries.split_first() else {
            return;
        };
        let (key, value) = (self.type_of(&first.key), self.value_type(first));
        for entry in others {
            for (part, wanted, of) in [
                (&entry.key, key, self.type_of(&entry.key)),
                (&entry.value, value, self.value_type(entry)),
            ] {
                if !same(wanted, of) {
                    self.report(part.at, format!("expected type '{wanted}' but found '{of}'"));
                }
            }
        }
    }

    fn value_type(&self, entry: &Entry) -> &'c Type {
        match self.type_of(&entry.value) {
            Type::Optional(inner) if entry.optional => inner,
            of => of,
        }
    }

    fn form(&mut self, at: u32, target: Option<&Expr>, arguments: &[Expr]) {
        let (Some(target), [list]) = (target, arguments) else {
            return;
        };
        let Kind::Constant(Constant::String(form)) = &target.kind else {
            return;
        };
        let Kind::List { elements, .. } = &list.kind else {
            return;
        };
        let clauses = match format::clauses(form) {
            Ok(clauses) => clauses,
            Err(error) => return self.report(at, error),
        };
        for (place, clause) in clauses.iter().enumerate() {
            let Some(element) = elements.get(place) else {
                return self.report(at, format!("index {place} out of range"));
            };
            if let Some((at, error)) = self.unfit(*clause, element) {
                return self.report(at, format!("error during formatting: {error}"));
            }
        }
        let (wanted, given) = (clauses.len(), elements.len());
        if given > wanted {
            let counts = format!("(expected {wanted}, got {given})");
            self.report(
                at,
                format!("too many arguments supplied to string.format {counts}"),
            );
        }
    }

    /// Where a value cannot be put into such a clause, and what is said of it. Of lists and maps, all parts count.
    fn unfit(&self, clause: Clause, value: &Expr) -> Option<(u32, String)> {
        let of = self.type_of(value);
        if *of != Type::Dyn && !clause.takes(of) {
            return Some((value.at, clause.refusal(of.runtime_name())));
        }
        match (&value.kind, clause) {
            (Kind::List { elements, .. }, Clause::Text) => {
                elements.iter().find_map(|element| self.unfit(clause, element))
            }
            (Kind::Map(entries), Clause::Text) => entries.iter().find_map(|entry| {
                let key = self.unfit(clause, &entry.key);
                key.or_else(|| self.unfit(clause, &entry.value))
            }),
            _ => None,
        }
    }
}

/// Types that are the same wherever both are known.
fn same(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => {
            same(left, right)
        }
        (Type::Map(left), Type::Map(right)) => same(&left.0, &right.0) && same(&left.1, &right.1),
        (left, right) => left == right,
    }
}

//! Literals that fit no use: texts that functions cannot read, lists and maps of values of several types, forms that do not fit
//! what is put into them.

use meta::pattern::Pattern;

use super::Checked;
use crate::functions::format::{self, Clause};
use crate::functions::time;
use crate::source::{Problem, Source};
use crate::syntax::tree::{Constant, Expr, Kind};
use crate::types::Type;

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
            Kind::Map(entries) if !formatted => {
                self.same_types(entries.iter().map(|entry| (&entry.key, false)));
                self.same_types(entries.iter().map(|entry| (&entry.value, entry.optional)));
            }
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
        let Kind::Constant(Constant::String(text)) = &argument.kind else {
            return;
        };
        let reads = match function {
            "duration" => meta::Duration::parse(text).is_ok(),
            "timestamp" => time::parse_timestamp(text).is_some(),
            _ => Pattern::new(text).is_ok(),
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
            if let Some(error) = unfit(*clause, self.type_of(element)) {
                return self.report(element.at, format!("error during formatting: {error}"));
            }
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

/// What is said of a value of such a type in such a clause.
fn unfit(clause: Clause, of: &Type) -> Option<String> {
    if *of == Type::Dyn || clause.takes(of) {
        return None;
    }
    Some(clause.refusal(of.runtime_name()))
}

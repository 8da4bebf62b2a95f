//! Calls: which function is meant, and which of its overloads take the arguments.

use std::sync::Arc;

use super::Checker;
use super::unify::instantiate;
use crate::functions::Overload;
use crate::syntax::tree::{Constant, Expr, Kind};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn call(&mut self, expr: &mut Expr) -> Type {
        self.write_as_one_name(expr);
        let (id, at) = (expr.id, expr.at);
        let Kind::Call {
            target,
            function,
            arguments,
        } = &mut expr.kind
        else {
            return Type::Error;
        };
        let function = function.clone();
        if function == "_?._" {
            return self.optional_select(at, arguments);
        }
        let mut given = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments.iter_mut() {
            given.push(self.expr(argument));
        }
        let member = target.is_some();
        if let Some(target) = target {
            given.insert(0, self.expr(target));
        }
        let name = function.strip_prefix('.').unwrap_or(&function);
        let Some(overloads) = self.environment.overloads(name) else {
            return self.undeclared(at, &function);
        };
        match name {
            "_&&_" | "_||_" => self.logical(name, at, arguments, &given),
            "_?_:_" => self.conditional(at, &given),
            "@not_strictly_false" => Type::Bool,
            _ => self.overloaded(id, at, name, overloads, member, &given),
        }
    }

    /// `sets.contains(…)` reads like a call on a variable; if that function exists, it is one.
    fn write_as_one_name(&mut self, expr: &mut Expr) {
        let Kind::Call {
            target: target @ Some(_),
            function,
            ..
        } = &mut expr.kind
        else {
            return;
        };
        let Some(qualifier) = target.as_ref().and_then(|target| target.as_qualified()) else {
            return;
        };
        let qualifier = qualifier.strip_prefix('.').unwrap_or(&qualifier);
        let root = qualifier.split('.').next().unwrap_or_default();
        let name = format!("{qualifier}.{function}");
        if self.local(root).is_none() && self.environment.overloads(&name).is_some() {
            *target = None;
            *function = name;
        }
    }

    /// `a.?b`
    fn optional_select(&mut self, at: u32, arguments: &mut [Expr]) -> Type {
        let [operand, field] = arguments else {
            return Type::Error;
        };
        let of = self.expr(operand);
        self.expr(field);
        let Kind::Constant(Constant::String(name)) = &field.kind else {
            self.report(field.at, "unsupported optional field selection".to_owned());
            return Type::Error;
        };
        let name = name.clone();
        let found = self.field(at, &of, &name, true);
        match found {
            Type::Error => Type::Error,
            found => Type::optional(found),
        }
    }

    fn logical(&mut self, name: &str, at: u32, arguments: &[Expr], given: &[Type]) -> Type {
        for (argument, of) in arguments.iter().zip(given) {
            if !self.bindings.assignable(of, &Type::Bool) {
                self.type_mismatch(argument.at, &Type::Bool, of);
            }
        }
        let _ = (name, at);
        Type::Bool
    }

    fn conditional(&mut self, at: u32, given: &[Type]) -> Type {
        let [condition, yes, no] = given else {
            return Type::Error;
        };
        let result = self.bindings.fresh();
        let pairs = [(condition, &Type::Bool), (yes, &result), (no, &result)];
        if self.bindings.all_assignable(&pairs) {
            return self.bindings.resolve(&result, false);
        }
        self.no_overload(at, "_?_:_", false, given)
    }

    fn overloaded(
        &mut self,
        id: usize,
        at: u32,
        name: &str,
        overloads: &[Arc<Overload>],
        member: bool,
        given: &[Type],
    ) -> Type {
        let mut fitting: Vec<Arc<Overload>> = Vec::new();
        let mut result: Option<Type> = None;
        for overload in overloads {
            if overload.member != member || overload.arguments.len() != given.len() {
                continue;
            }
            let Some(gives) = self.fits(overload, given) else {
                continue;
            };
            fitting.push(overload.clone());
            result = Some(match result {
                None => gives,
                Some(Type::Dyn) => Type::Dyn,
                Some(before) if before != gives => Type::Dyn,
                Some(before) => before,
            });
        }
        match result {
            Some(result) => {
                self.checked.overloads.insert(id, fitting);
                result
            }
            None => self.no_overload(at, name, member, given),
        }
    }

    /// What the overload gives for such arguments, if it takes them.
    fn fits(&mut self, overload: &Overload, given: &[Type]) -> Option<Type> {
        let mut parameters = Vec::new();
        let wanted: Vec<Type> = overload
            .arguments
            .iter()
            .map(|wanted| instantiate(wanted, &mut parameters, &mut self.bindings))
            .collect();
        let pairs: Vec<(&Type, &Type)> = given.iter().zip(&wanted).collect();
        if !self.bindings.all_assignable(&pairs) {
            return None;
        }
        let result = instantiate(&overload.result, &mut parameters, &mut self.bindings);
        Some(self.bindings.resolve(&result, false))
    }

    fn no_overload(&mut self, at: u32, name: &str, member: bool, given: &[Type]) -> Type {
        let shown: Vec<String> = given
            .iter()
            .map(|of| self.bindings.resolve(of, true).to_string())
            .collect();
        let signature = match shown.split_first() {
            Some((target, rest)) if member => format!("{target}.({})", rest.join(", ")),
            _ => format!("({})", shown.join(", ")),
        };
        self.report(
            at,
            format!("found no matching overload for '{name}' applied to '{signature}'"),
        );
        Type::Error
    }
}

//! Macros: calls that stand for loops and tests.

use super::grammar::Parser;
use super::tree::{ACCUMULATOR, Comprehension, Constant, Expr, Kind};

/// Which macros and forms there are besides those of the language itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Macros {
    /// `a.?b`, `a[?b]`, `[?a]`, `optMap`, `optFlatMap`.
    pub optionals: bool,
    /// Field names in back quotes.
    pub escaped_fields: bool,
    /// `cel.bind`.
    pub bind: bool,
    /// Loops with an index or key besides the value.
    pub two_variables: bool,
    /// `sortBy`.
    pub sort_by: bool,
}

/// The name of a loop variable that is never read.
const UNUSED: &str = "#unused";
/// What `sortBy` calls the list that it sorts.
const SORTED: &str = "@__sortBy_input__";

/// Target and arguments of a call that is no macro.
pub(super) type Untouched = (Option<Expr>, Vec<Expr>);

/// What a call stands for.
///
/// # Errors
/// With the call's parts, if no macro has that name and number of arguments.
pub(super) fn expand(
    parser: &mut Parser<'_>,
    macros: &Macros,
    at: u32,
    function: &str,
    target: Option<Expr>,
    arguments: Vec<Expr>,
) -> Result<Expr, Untouched> {
    let mut maker = Maker { parser, at };
    let Some(target) = target else {
        return match (function, arguments.len()) {
            ("has", 1) => Ok(maker.has(arguments)),
            _ => Err((None, arguments)),
        };
    };
    let two = macros.two_variables;
    Ok(match (function, arguments.len()) {
        ("all", 2) => maker.quantifier(Quantifier::All, target, arguments),
        ("exists", 2) => maker.quantifier(Quantifier::Exists, target, arguments),
        ("exists_one", 2) => maker.quantifier(Quantifier::One, target, arguments),
        ("map", 2 | 3) => maker.map(target, arguments),
        ("filter", 2) => maker.filter(target, arguments),
        ("all", 3) if two => maker.quantifier(Quantifier::All, target, arguments),
        ("exists", 3) if two => maker.quantifier(Quantifier::Exists, target, arguments),
        ("exists_one" | "existsOne", 3) if two => maker.quantifier(Quantifier::One, target, arguments),
        ("transformList" | "transformMap" | "transformMapEntry", 3 | 4) if two => {
            maker.transform(function, target, arguments)
        }
        ("optMap" | "optFlatMap", 2) if macros.optionals => maker.opt_map(function, target, arguments),
        ("bind", 3) if macros.bind && target.as_ident() == Some("cel") => maker.bind(arguments),
        ("sortBy", 2) if macros.sort_by => maker.sort_by(target, arguments),
        _ => return Err((Some(target), arguments)),
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Quantifier {
    All,
    Exists,
    One,
}

/// Makes the nodes of one macro, all of them at its place.
struct Maker<'p, 's> {
    parser: &'p mut Parser<'s>,
    at: u32,
}

impl Maker<'_, '_> {
    fn node(&mut self, kind: Kind) -> Expr {
        self.parser.node(self.at, kind)
    }

    fn error(&mut self, argument: &Expr, message: &str) -> Expr {
        self.parser.reader.report(argument.at, message);
        self.constant(Constant::Null)
    }

    fn constant(&mut self, constant: Constant) -> Expr {
        self.node(Kind::Constant(constant))
    }

    fn ident(&mut self, name: &str) -> Expr {
        self.node(Kind::Ident(name.to_owned()))
    }

    fn gathered(&mut self) -> Expr {
        self.ident(ACCUMULATOR)
    }

    fn call(&mut self, function: &str, arguments: Vec<Expr>) -> Expr {
        self.parser.call(self.at, function, arguments)
    }

    fn member_call(&mut self, target: Expr, function: &str, arguments: Vec<Expr>) -> Expr {
        self.node(Kind::Call {
            target: Some(Box::new(target)),
            function: function.to_owned(),
            arguments,
        })
    }

    fn list(&mut self, elements: Vec<Expr>) -> Expr {
        self.node(Kind::List {
            elements,
            optional: Vec::new(),
        })
    }

    /// A copy of a part that a macro needs twice, with ids of its own.
    fn copy(&mut self, expr: &Expr) -> Expr {
        let mut copy = expr.clone();
        self.renumber(&mut copy);
        copy
    }

    fn renumber(&mut self, expr: &mut Expr) {
        expr.id = self.parser.fresh_like(expr.id);
        match &mut expr.kind {
            Kind::Constant(_) | Kind::Ident(_) => {}
            Kind::Select { operand, .. } => self.renumber(operand),
            Kind::Call {
                target, arguments, ..
            } => {
                target.iter_mut().for_each(|target| self.renumber(target));
                arguments.iter_mut().for_each(|argument| self.renumber(argument));
            }
            Kind::List { elements, .. } => elements.iter_mut().for_each(|element| self.renumber(element)),
            Kind::Map(entries) => {
                for entry in entries {
                    self.renumber(&mut entry.key);
                    self.renumber(&mut entry.value);
                }
            }
            Kind::Struct { fields, .. } => fields
                .iter_mut()
                .for_each(|field| self.renumber(&mut field.value)),
            Kind::Comprehension(c) => {
                for part in [
                    &mut c.range,
                    &mut c.initial,
                    &mut c.condition,
                    &mut c.step,
                    &mut c.result,
                ] {
                    self.renumber(part);
                }
            }
        }
    }

    fn has(&mut self, mut arguments: Vec<Expr>) -> Expr {
        let argument = arguments.remove(0);
        match argument.kind {
            Kind::Select {
                operand,
                field,
                test: false,
            } => self.node(Kind::Select {
                operand,
                field,
                test: true,
            }),
            _ => self.error(&argument, "invalid argument to has() macro"),
        }
    }

    /// The names of the loop's variables: the first one or two of three arguments.
    fn variables(&mut self, arguments: &[Expr], count: usize, message: &str) -> Result<Vec<String>, Expr> {
        let mut names: Vec<String> = Vec::new();
        for argument in &arguments[..count] {
            let Some(name) = argument.as_ident() else {
                return Err(self.error(argument, message));
            };
            if name == ACCUMULATOR {
                return Err(self.error(argument, "iteration variable overwrites accumulator variable"));
            }
            names.push(name.to_owned());
        }
        if count == 2 && names[0] == names[1] {
            let message = format!("duplicate variable name: {}", names[0]);
            return Err(self.error(&arguments[1], &message));
        }
        Ok(names)
    }

    fn fold(&mut self, range: Expr, variables: Vec<String>, parts: [Expr; 4]) -> Expr {
        let mut names = variables.into_iter();
        let [initial, condition, step, result] = parts;
        self.node(Kind::Comprehension(Box::new(Comprehension {
            range,
            variable: names.next().unwrap_or_default(),
            second: names.next(),
            accumulator: ACCUMULATOR.to_owned(),
            initial,
            condition,
            step,
            result,
        })))
    }

    fn quantifier(&mut self, which: Quantifier, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let count = arguments.len() - 1;
        let variables = match self.variables(&arguments, count, "argument must be a simple name") {
            Ok(variables) => variables,
            Err(error) => return error,
        };
        let predicate = arguments.remove(count);
        let parts = match which {
            Quantifier::All => self.all(predicate),
            Quantifier::Exists => self.exists(predicate),
            Quantifier::One => self.one(predicate),
        };
        self.fold(target, variables, parts)
    }

    fn all(&mut self, predicate: Expr) -> [Expr; 4] {
        let initial = self.constant(Constant::Bool(true));
        let so_far = self.gathered();
        let condition = self.call("@not_strictly_false", vec![so_far]);
        let so_far = self.gathered();
        let step = self.call("_&&_", vec![so_far, predicate]);
        let result = self.gathered();
        [initial, condition, step, result]
    }

    fn exists(&mut self, predicate: Expr) -> [Expr; 4] {
        let initial = self.constant(Constant::Bool(false));
        let so_far = self.gathered();
        let not_yet = self.call("!_", vec![so_far]);
        let condition = self.call("@not_strictly_false", vec![not_yet]);
        let so_far = self.gathered();
        let step = self.call("_||_", vec![so_far, predicate]);
        let result = self.gathered();
        [initial, condition, step, result]
    }

    fn one(&mut self, predicate: Expr) -> [Expr; 4] {
        let initial = self.constant(Constant::Int(0));
        let condition = self.constant(Constant::Bool(true));
        let one = self.constant(Constant::Int(1));
        let so_far = self.gathered();
        let more = self.call("_+_", vec![so_far, one]);
        let step = self.unless_left_out(Some(predicate), more);
        let so_far = self.gathered();
        let one = self.constant(Constant::Int(1));
        let result = self.call("_==_", vec![so_far, one]);
        [initial, condition, step, result]
    }

    /// `step`, or with a filter that is false, what was gathered so far.
    fn unless_left_out(&mut self, filter: Option<Expr>, step: Expr) -> Expr {
        let Some(filter) = filter else { return step };
        let so_far = self.gathered();
        self.call("_?_:_", vec![filter, step, so_far])
    }

    fn map(&mut self, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let variables = match self.variables(&arguments, 1, "argument is not an identifier") {
            Ok(variables) => variables,
            Err(error) => return error,
        };
        let Some(element) = arguments.pop() else {
            return target;
        };
        let filter = (arguments.len() == 2).then(|| arguments.remove(1));
        self.gather_list(target, variables, filter, element)
    }

    fn filter(&mut self, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let variables = match self.variables(&arguments, 1, "argument is not an identifier") {
            Ok(variables) => variables,
            Err(error) => return error,
        };
        let filter = arguments.pop();
        let Some(element) = arguments.pop() else {
            return target;
        };
        self.gather_list(target, variables, filter, element)
    }

    fn gather_list(
        &mut self,
        target: Expr,
        variables: Vec<String>,
        filter: Option<Expr>,
        element: Expr,
    ) -> Expr {
        let initial = self.list(Vec::new());
        let condition = self.constant(Constant::Bool(true));
        let so_far = self.gathered();
        let one = self.list(vec![element]);
        let more = self.call("_+_", vec![so_far, one]);
        let step = self.unless_left_out(filter, more);
        let result = self.gathered();
        self.fold(target, variables, [initial, condition, step, result])
    }

    fn transform(&mut self, function: &str, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let variables = match self.variables(&arguments, 2, "argument must be a simple name") {
            Ok(variables) => variables,
            Err(error) => return error,
        };
        let Some(made) = arguments.pop() else {
            return target;
        };
        let filter = (arguments.len() == 3).then(|| arguments.remove(2));
        if function == "transformList" {
            return self.gather_list(target, variables, filter, made);
        }
        let initial = self.node(Kind::Map(Vec::new()));
        let condition = self.constant(Constant::Bool(true));
        let so_far = self.gathered();
        let inserted = if function == "transformMap" {
            let key = self.ident(&variables[0]);
            vec![so_far, key, made]
        } else {
            vec![so_far, made]
        };
        let more = self.call("cel.@mapInsert", inserted);
        let step = self.unless_left_out(filter, more);
        let result = self.gathered();
        self.fold(target, variables, [initial, condition, step, result])
    }

    /// `result`, in which `name` is `value`: a loop over nothing.
    fn bound(&mut self, name: String, value: Expr, result: Expr) -> Expr {
        let range = self.list(Vec::new());
        let condition = self.constant(Constant::Bool(false));
        let step = self.ident(&name);
        self.node(Kind::Comprehension(Box::new(Comprehension {
            range,
            variable: UNUSED.to_owned(),
            second: None,
            accumulator: name,
            initial: value,
            condition,
            step,
            result,
        })))
    }

    fn bind(&mut self, mut arguments: Vec<Expr>) -> Expr {
        let (Some(result), Some(value), Some(name)) = (arguments.pop(), arguments.pop(), arguments.pop())
        else {
            return self.constant(Constant::Null);
        };
        match name.as_ident() {
            Some(variable) => {
                let variable = variable.to_owned();
                self.bound(variable, value, result)
            }
            None => self.error(&name, "cel.bind() variable names must be simple identifiers"),
        }
    }

    fn opt_map(&mut self, function: &str, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let message = format!("{function}() variable name must be a simple identifier");
        let (Some(made), Some(name)) = (arguments.pop(), arguments.pop()) else {
            return target;
        };
        let Some(variable) = name.as_ident().map(str::to_owned) else {
            return self.error(&name, &message);
        };
        let copy = self.copy(&target);
        let there = self.member_call(copy, "hasValue", Vec::new());
        let value = self.member_call(target, "value", Vec::new());
        let mut found = self.bound(variable, value, made);
        if function == "optMap" {
            found = self.call("optional.of", vec![found]);
        }
        let none = self.call("optional.none", Vec::new());
        self.call("_?_:_", vec![there, found, none])
    }

    fn sort_by(&mut self, target: Expr, mut arguments: Vec<Expr>) -> Expr {
        let variables = match self.variables(&arguments, 1, "argument is not an identifier") {
            Ok(variables) => variables,
            Err(error) => return error,
        };
        let Some(key) = arguments.pop() else { return target };
        let simple = matches!(
            target.kind,
            Kind::Ident(_)
                | Kind::Select { .. }
                | Kind::List { .. }
                | Kind::Comprehension(_)
                | Kind::Call { .. }
        );
        if !simple {
            return self.error(
                &target,
                "sortBy can only be applied to a list, identifier, comprehension, call or select expression",
            );
        }
        let list = self.ident(SORTED);
        let keys = self.gather_list(list, variables, None, key);
        let list = self.ident(SORTED);
        let sorted = self.member_call(list, "@sortByAssociatedKeys", vec![keys]);
        self.bound(SORTED.to_owned(), target, sorted)
    }
}

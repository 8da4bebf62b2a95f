//! Functions: their declarations, by which expressions are checked, and what they do. A file per library.

pub(crate) mod arithmetic;
pub mod authorizer;
mod cidr;
pub(crate) mod collections;
pub(crate) mod conversion;
pub(crate) mod format;
mod ip;
mod lists;
pub(crate) mod maps;
pub(crate) mod named_format;
pub mod opaque;
mod optional;
mod order;
mod quantity;
mod regex;
mod semver;
mod sets;
mod text;
pub mod time;
mod url;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::Value;

/// What a function gives.
pub type Answer<'v> = Result<Value<'v>, EvaluationError>;

/// What a function does, given its target and arguments.
pub type Run = for<'v> fn(&[Value<'v>]) -> Answer<'v>;

/// One way to call a function.
#[derive(Clone, Debug)]
pub struct Overload {
    /// Its name, distinct among all overloads.
    pub id: &'static str,
    /// The function's name.
    pub function: &'static str,
    /// Whether it is called on a target, which then is the first argument.
    pub member: bool,
    /// What it takes.
    pub arguments: Vec<Type>,
    /// What it gives.
    pub result: Type,
    /// What it does.
    pub run: Run,
}

/// Functions by name.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: HashMap<&'static str, Vec<Arc<Overload>>>,
}

impl Functions {
    /// The ways to call a function; none if there is no such function.
    pub fn overloads(&self, name: &str) -> Option<&[Arc<Overload>]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    fn add(
        &mut self,
        function: &'static str,
        id: &'static str,
        member: bool,
        arguments: &[Type],
        result: Type,
        run: Run,
    ) {
        let overload = Overload {
            id,
            function,
            member,
            arguments: arguments.to_vec(),
            result,
            run,
        };
        self.by_name.entry(function).or_default().push(Arc::new(overload));
    }

    /// Called by name.
    fn global(
        &mut self,
        function: &'static str,
        id: &'static str,
        arguments: &[Type],
        result: Type,
        run: Run,
    ) {
        self.add(function, id, false, arguments, result, run);
    }

    /// Called on a target.
    fn member(
        &mut self,
        function: &'static str,
        id: &'static str,
        arguments: &[Type],
        result: Type,
        run: Run,
    ) {
        self.add(function, id, true, arguments, result, run);
    }
}

/// A placeholder of declarations.
const A: Type = Type::Parameter("A");
/// Another one.
const B: Type = Type::Parameter("B");

fn list_of(element: Type) -> Type {
    Type::list(element)
}

/// The functions that all of Kubernetes' expressions have.
pub static KUBERNETES: LazyLock<Arc<Functions>> = LazyLock::new(|| {
    let mut functions = Functions::default();
    let libraries: [fn(&mut Functions); 19] = [
        arithmetic::declare,
        order::declare,
        collections::declare,
        conversion::declare,
        time::declare,
        text::declare,
        format::declare,
        regex::declare,
        lists::declare,
        maps::declare,
        sets::declare,
        optional::declare,
        quantity::declare,
        ip::declare,
        cidr::declare,
        url::declare,
        semver::declare,
        named_format::declare,
        authorizer::declare,
    ];
    for declare in libraries {
        declare(&mut functions);
    }
    Arc::new(functions)
});

/// The same, and those of JSON patches.
pub static WITH_PATCHES: LazyLock<Arc<Functions>> = LazyLock::new(|| {
    let mut functions = (**KUBERNETES).clone();
    functions.global(
        "jsonpatch.escapeKey",
        "string_jsonpatch_escapeKey_string",
        &[Type::String],
        Type::String,
        |arguments| match arguments {
            [Value::String(key)] => Ok(Value::text(key.replace('~', "~0").replace('/', "~1"))),
            _ => Err(no_such_overload()),
        },
    );
    Arc::new(functions)
});

/// The error of arguments that no overload takes.
pub(crate) fn no_such_overload() -> EvaluationError {
    EvaluationError::failed("no such overload")
}

fn failed<'v>(message: impl Into<String>) -> Answer<'v> {
    Err(EvaluationError::failed(message))
}

fn cannot_convert<'v>(from: &str, to: &str) -> Answer<'v> {
    failed(format!("type conversion error from '{from}' to '{to}'"))
}

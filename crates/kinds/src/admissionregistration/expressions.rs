//! Expressions of admission: what they may use, and what they must give.

mod custom_kind;
mod declared;
mod type_check;
mod types;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::functions::opaque::types::{AUTHORIZER, RESOURCE_CHECK};
use cel::{CompileErrors, Declaration, Environment, Fields, ObjectType, Program, Type};
use meta::FieldError;

use crate::toolkit::Field;

pub use custom_kind::CustomKind;
pub use type_check::{Warning, custom_versions, type_check};

/// The most that the conditions of one webhook or policy may cost together.
pub const CONDITIONS_BUDGET: u64 = cel::OBJECT_BUDGET / 4;

/// How `request` is read.
pub static REQUEST: LazyLock<Declaration> = LazyLock::new(types::request);
/// How `namespaceObject` is read.
pub static NAMESPACE: LazyLock<Declaration> = LazyLock::new(types::namespace);

/// What objects that are made in expressions are called: `Object`, `Object.spec`.
const MADE_OBJECT: &str = "Object";
/// What operations of JSON patches are called.
const MADE_PATCH: &str = "JSONPatch";

/// What an expression may use besides object, request and namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// `params`
    pub parameters: bool,
    /// `authorizer`
    pub authorizer: bool,
    /// Objects and patches may be made.
    pub changes: bool,
}

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// Whether something is so.
    Truth,
    /// A text.
    Text,
    /// A text or null.
    TextOrNull,
    /// Whatever it is.
    Anything,
    /// A part of an object.
    Object,
    /// Operations of a JSON patch.
    Patches,
}

/// What expressions may use.
#[derive(Clone, Debug)]
pub struct Expressions {
    environment: Environment,
}

static BASE: LazyLock<Environment> = LazyLock::new(|| {
    Environment::kubernetes()
        .variable_of("object", Type::Dyn)
        .variable_of("oldObject", Type::Dyn)
        .variable("request", REQUEST.clone())
        .variable("namespaceObject", NAMESPACE.clone())
});

impl Expressions {
    /// Without variables of their own.
    pub fn new(uses: Uses) -> Self {
        let mut environment = BASE.clone();
        if uses.parameters {
            environment = environment.variable_of("params", Type::Dyn);
        }
        if uses.authorizer {
            environment = environment
                .variable_of("authorizer", AUTHORIZER)
                .variable_of("authorizer.requestResource", RESOURCE_CHECK);
        }
        if uses.changes {
            environment = environment
                .with_patches()
                .object_type(types::patch(MADE_PATCH))
                .type_family(made_object);
        }
        Self { environment }
    }

    /// With variables of these types.
    #[must_use]
    pub fn with_variables<'a>(&self, known: impl IntoIterator<Item = (&'a str, Type)>) -> Self {
        let environment = self.environment.clone();
        Self {
            environment: environment.variable("variables", types::variables(known)),
        }
    }

    /// Reads an expression.
    ///
    /// # Errors
    /// In upstream's words, if it is none, or gives something else than it must.
    pub fn compile(&self, expression: &str, gives: Gives) -> Result<Program, Refusal> {
        let wrong = |errors: CompileErrors| Refusal::Wrong(errors.told());
        let program = self.environment.check(expression).map_err(wrong)?;
        let wanted = gives.types();
        if wanted.is_empty() || wanted.contains(program.output_type()) {
            let program = program.instantiated();
            return program.map_err(|errors| Refusal::Beforehand(errors.told()));
        }
        let names: Vec<String> = wanted.iter().map(|of| of.declared().to_string()).collect();
        let found = program.output_type().declared();
        Err(Refusal::Wrong(match names.as_slice() {
            [only] => format!("must evaluate to {only} but got {found}"),
            several => format!("must evaluate to one of [{}] but got {found}", several.join(" ")),
        }))
    }
}

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is none, or gives something else than it must.
    Wrong(String),
    /// What it does with literals fails, whatever it is asked about.
    Beforehand(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(why) | Self::Beforehand(why) => f.write_str(why),
        }
    }
}

impl Refusal {
    /// Tells it of the field that holds the expression `text`.
    pub fn tell(&self, field: &Field, text: &str) {
        match self {
            Self::Wrong(why) => field.invalid_as(text, why),
            // Upstream takes that for a fault of its own.
            Self::Beforehand(why) => field.report().push(FieldError::internal(&field.path(), why)),
        }
    }
}

impl Gives {
    /// The types that will do; none if all do.
    fn types(self) -> Vec<Type> {
        match self {
            Self::Truth => vec![Type::Bool],
            Self::Text => vec![Type::String],
            Self::TextOrNull => vec![Type::String, Type::Null],
            Self::Anything => Vec::new(),
            Self::Object => made_object(MADE_OBJECT).map(Type::Object).into_iter().collect(),
            Self::Patches => vec![Type::list(Type::Object(types::patch(MADE_PATCH)))],
        }
    }
}

/// `Object` and what lies in it: any field, of any type.
fn made_object(name: &str) -> Option<Arc<ObjectType>> {
    let rest = name.strip_prefix(MADE_OBJECT)?;
    (rest.is_empty() || rest.starts_with('.')).then(|| {
        Arc::new(ObjectType {
            name: name.to_owned(),
            fields: Fields::Any(|_, _| Type::Dyn),
        })
    })
}

/// The variables of a policy, one after the other: each may use those before it.
pub struct Variables {
    /// What the next expression may use.
    pub expressions: Expressions,
    base: Expressions,
    known: Vec<(String, Type)>,
}

impl Variables {
    /// None yet.
    pub fn of(base: &Expressions) -> Self {
        Self {
            expressions: base.with_variables([]),
            base: base.clone(),
            known: Vec::new(),
        }
    }

    /// Reads the next one. Of one that is wrong those after it know nothing but that it is there.
    ///
    /// # Errors
    /// As [`Expressions::compile`].
    pub fn add(&mut self, name: &str, expression: &str) -> Result<Program, Refusal> {
        let program = self.expressions.compile(expression, Gives::Anything);
        let of = program
            .as_ref()
            .map_or(Type::Dyn, |program| seen_as(program.output_type()));
        self.known.push((name.to_owned(), of));
        self.expressions = self.with(&self.base);
        program
    }

    /// The same variables where other things may be used.
    pub fn with(&self, base: &Expressions) -> Expressions {
        base.with_variables(self.known.iter().map(|(name, of)| (name.as_str(), of.clone())))
    }
}

/// The type that a variable of a type has for expressions that use it: that of plain values, and of lists and maps of them.
fn seen_as(of: &Type) -> Type {
    match of {
        Type::List(element) => Type::list(seen_as(element)),
        Type::Map(pair) => Type::map(seen_as(&pair.0), seen_as(&pair.1)),
        Type::Bool
        | Type::Bytes
        | Type::Double
        | Type::Duration
        | Type::Int
        | Type::Null
        | Type::String
        | Type::Timestamp
        | Type::Uint => of.clone(),
        _ => Type::Dyn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, gives: Gives, uses: Uses, problem: Option<&str>) {
        let found = Expressions::new(uses).compile(expression, gives);
        let found = found.err().map(|refusal| refusal.to_string());
        assert_eq!(found.as_deref(), problem, "{expression}");
    }

    const ALL: Uses = Uses {
        parameters: true,
        authorizer: true,
        changes: true,
    };

    #[test]
    fn expressions_see_the_request() {
        for expression in [
            "object.metadata.name == 'x'",
            "oldObject == null && request.operation == 'CREATE'",
            "request.userInfo.groups.exists(g, g == 'system:masters')",
            "has(request.subResource) && request.dryRun",
            "namespaceObject.metadata.labels['a'] == 'b'",
            "params.max > 3",
            "authorizer.group('').resource('pods').check('get').allowed()",
            "authorizer.requestResource.check('delete').allowed()",
        ] {
            check(expression, Gives::Truth, ALL, None);
        }
    }

    #[test]
    fn what_they_give_is_checked() {
        let plain = Uses::default();
        check(
            "1",
            Gives::Truth,
            plain,
            Some("must evaluate to bool but got int"),
        );
        check(
            "true",
            Gives::Text,
            plain,
            Some("must evaluate to string but got bool"),
        );
        check(
            "1",
            Gives::TextOrNull,
            plain,
            Some("must evaluate to one of [string null_type] but got int"),
        );
        check(
            "1",
            Gives::Object,
            ALL,
            Some("must evaluate to Object but got int"),
        );
        check(
            "[duration('1s')]",
            Gives::Patches,
            ALL,
            Some("must evaluate to list(JSONPatch) but got list(google.protobuf.Duration)"),
        );
        check("Object{spec: Object.spec{replicas: 1}}", Gives::Object, ALL, None);
        // What it gives is told before what it does.
        check(
            "uint('x')",
            Gives::Truth,
            ALL,
            Some("must evaluate to bool but got uint"),
        );
        let refusal = Expressions::new(ALL).compile("uint('x') == 1u", Gives::Truth);
        let why = "program instantiation failed: type conversion error from 'string' to 'uint'";
        assert_eq!(refusal.err(), Some(Refusal::Beforehand(why.to_owned())));
        let patch =
            "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]";
        check(patch, Gives::Patches, ALL, None);
    }

    #[test]
    fn variables_build_on_each_other() {
        let mut variables = Variables::of(&Expressions::new(Uses::default()));
        variables.add("n", "size(request.name)").expect("a variable");
        variables.add("big", "variables.n > 5").expect("a variable");
        assert!(
            variables
                .expressions
                .compile("variables.big", Gives::Truth)
                .is_ok()
        );
        variables.add("bad", "nothing").expect_err("no variable");
        variables.add("whole", "object").expect("a variable");
        for (expression, found) in [
            ("variables.bad", "dyn"),
            ("variables.whole", "dyn"),
            ("[variables.n]", "list(int)"),
        ] {
            let problem = variables.expressions.compile(expression, Gives::Truth);
            assert_eq!(
                problem.expect_err("an error").to_string(),
                format!("must evaluate to bool but got {found}")
            );
        }
        let unknown = variables.expressions.compile("variables.small", Gives::Truth);
        let unknown = unknown.expect_err("an error").to_string();
        assert!(unknown.contains("undefined field 'small'"));
    }
}

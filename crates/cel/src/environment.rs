//! What expressions may use: variables, types and functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checker;
use crate::functions::opaque::types as opaque;
use crate::functions::{Functions, KUBERNETES, Overload, WITH_PATCHES};
use crate::program::Program;
use crate::source::{CompileErrors, Source};
use crate::syntax::{self, Macros};
use crate::types::{Declaration, ObjectType, Type};

/// What expressions may use.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<String, Arc<Declaration>>,
    types: BTreeMap<String, Arc<ObjectType>>,
    families: Vec<TypeFamily>,
    functions: Arc<Functions>,
    macros: Macros,
}

/// Types that are made when they are named.
pub type TypeFamily = fn(name: &str) -> Option<Arc<ObjectType>>;

impl Environment {
    /// What all expressions of Kubernetes 1.36 may use; no variables yet.
    pub fn kubernetes() -> Self {
        Self {
            variables: BTreeMap::new(),
            types: BTreeMap::new(),
            families: Vec::new(),
            functions: KUBERNETES.clone(),
            macros: Macros {
                optionals: true,
                escaped_fields: false,
                bind: false,
                two_variables: true,
                sort_by: true,
            },
        }
    }

    /// With a variable. Its name may have dots.
    #[must_use]
    pub fn variable(mut self, name: &str, declaration: Declaration) -> Self {
        self.variables.insert(name.to_owned(), Arc::new(declaration));
        self
    }

    /// With a variable of which only the type is known.
    #[must_use]
    pub fn variable_of(self, name: &str, of: Type) -> Self {
        self.variable(name, Declaration::plain(of))
    }

    /// With a type that expressions can name and make objects of.
    #[must_use]
    pub fn object_type(mut self, object: Arc<ObjectType>) -> Self {
        self.types.insert(object.name.clone(), object);
        self
    }

    /// With types that are made when they are named.
    #[must_use]
    pub fn type_family(mut self, family: TypeFamily) -> Self {
        self.families.push(family);
        self
    }

    /// With `cel.bind`.
    #[must_use]
    pub fn with_bind(mut self) -> Self {
        self.macros.bind = true;
        self
    }

    /// With the functions of JSON patches.
    #[must_use]
    pub fn with_patches(mut self) -> Self {
        self.functions = WITH_PATCHES.clone();
        self
    }

    /// Parses and checks an expression.
    ///
    /// # Errors
    /// With everything that is wrong with it, shown in its text as upstream's servers show it.
    pub fn compile(&self, text: &str) -> Result<Program, CompileErrors> {
        self.check(text)?.instantiated()
    }

    /// The same, without trying what can be worked out beforehand.
    ///
    /// # Errors
    /// With everything that is wrong with it, shown in its text as upstream's servers show it.
    pub fn check(&self, text: &str) -> Result<Program, CompileErrors> {
        let source = Source::new(text);
        let mut parsed = syntax::parse(&source, &self.macros)?;
        let checked = checker::check(self, &source, &mut parsed.root, parsed.ids)?;
        Ok(Program::new(parsed.root, checked, self.variables.clone()))
    }

    pub(crate) fn variable_type(&self, name: &str) -> Option<Type> {
        self.variables.get(name).map(|declaration| declaration.cel_type())
    }

    pub(crate) fn overloads(&self, name: &str) -> Option<&[Arc<Overload>]> {
        match name {
            // These are part of the language: their arguments are not all evaluated.
            "_&&_" | "_||_" | "_?_:_" | "@not_strictly_false" => Some(&[]),
            name => self.functions.overloads(name),
        }
    }

    /// The type of that name.
    pub(crate) fn type_named(&self, name: &str) -> Option<Type> {
        let plain = match name {
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "double" => Type::Double,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "string" => Type::String,
            "null_type" => Type::Null,
            "type" => Type::type_of(Type::Dyn),
            "list" => Type::list(Type::Dyn),
            "map" => Type::map(Type::Dyn, Type::Dyn),
            "optional_type" => Type::optional(Type::Dyn),
            "google.protobuf.Duration" => Type::Duration,
            "google.protobuf.Timestamp" => Type::Timestamp,
            "net.IP" => opaque::IP,
            "net.CIDR" => opaque::CIDR,
            name => {
                let known = self.types.get(name).cloned();
                let made = || self.families.iter().find_map(|family| family(name));
                return known.or_else(made).map(Type::Object);
            }
        };
        Some(plain)
    }
}

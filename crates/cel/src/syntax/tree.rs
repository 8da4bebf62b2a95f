//! The tree of an expression, macros already written out.

/// A node: an expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Distinct within one tree, from 0.
    pub id: usize,
    /// The character it is told by in errors.
    pub at: u32,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A literal.
    Constant(Constant),
    /// A name.
    Ident(String),
    /// A field of something; or, with `test`, whether it is there.
    Select {
        /// Whose field.
        operand: Box<Expr>,
        /// The field's name.
        field: String,
        /// Whether only presence is asked for.
        test: bool,
    },
    /// A function call; operators are functions such as `_+_`.
    Call {
        /// What stands before the dot.
        target: Option<Box<Expr>>,
        /// The function.
        function: String,
        /// The arguments in parentheses.
        arguments: Vec<Expr>,
    },
    /// A list.
    List {
        /// The elements.
        elements: Vec<Expr>,
        /// Which of them are optional (`[?x]`).
        optional: Vec<usize>,
    },
    /// A map.
    Map(Vec<Entry>),
    /// An object of a named type.
    Struct {
        /// The type.
        name: String,
        /// Its fields.
        fields: Vec<Field>,
    },
    /// A loop.
    Comprehension(Box<Comprehension>),
}

/// A key and a value of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The character of the colon.
    pub at: u32,
    /// The key.
    pub key: Expr,
    /// The value.
    pub value: Expr,
    /// Whether the entry is left out if the value is `optional.none()`.
    pub optional: bool,
}

/// A field of an object that is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The character of the colon.
    pub at: u32,
    /// The field's name.
    pub name: String,
    /// The value.
    pub value: Expr,
    /// Whether the field is left out if the value is `optional.none()`.
    pub optional: bool,
}

/// A fold over a list or map: what macros such as `all` and `map` stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Comprehension {
    /// What is gone through.
    pub range: Expr,
    /// The name of an element; with `second`, of the index or key.
    pub variable: String,
    /// The name of a value.
    pub second: Option<String>,
    /// The name of what is gathered.
    pub accumulator: String,
    /// What it begins with.
    pub initial: Expr,
    /// Whether to go on.
    pub condition: Expr,
    /// What is gathered next.
    pub step: Expr,
    /// What comes out.
    pub result: Expr,
}

/// The name of what macros gather in. No expression can write it.
pub const ACCUMULATOR: &str = "@result";

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.0`
    Double(f64),
    /// `'a'`
    String(String),
    /// `b'a'`
    Bytes(Vec<u8>),
}

impl Expr {
    /// The name, if it is one.
    pub fn as_ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    /// The dotted name, if it is a name or a selection from one.
    pub fn as_qualified(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.clone()),
            Kind::Select {
                operand,
                field,
                test: false,
            } => Some(format!("{}.{field}", operand.as_qualified()?)),
            _ => None,
        }
    }

    /// The nodes directly below.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Constant(_) | Kind::Ident(_) => Vec::new(),
            Kind::Select { operand, .. } => vec![operand],
            Kind::Call {
                target, arguments, ..
            } => target.iter().map(|target| &**target).chain(arguments).collect(),
            Kind::List { elements, .. } => elements.iter().collect(),
            Kind::Map(entries) => entries
                .iter()
                .flat_map(|entry| [&entry.key, &entry.value])
                .collect(),
            Kind::Struct { fields, .. } => fields.iter().map(|field| &field.value).collect(),
            Kind::Comprehension(c) => vec![&c.range, &c.initial, &c.condition, &c.step, &c.result],
        }
    }
}

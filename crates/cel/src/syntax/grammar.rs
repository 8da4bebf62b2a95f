//! The grammar: a function per rule, from the weakest operator to the strongest.

use super::lexer::{self, Kind as T, Set, Token};
use super::literal;
use super::macros::{Macros, expand};
use super::recovery::{Follow, GaveUp, MOST_DEPTH, Reader};
use super::tree::{Constant, Entry, Expr, Field, Kind};
use crate::source::{CompileErrors, Source};

/// A tree and the number of ids in it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The expression.
    pub root: Expr,
    /// Ids are below this.
    pub ids: usize,
}

/// The longest expression, in characters.
const MOST_CHARACTERS: usize = 100_000;

/// Parses an expression and writes out its macros.
///
/// # Errors
/// With everything that is wrong with its syntax.
pub fn parse(source: &Source, macros: &Macros) -> Result<Parsed, CompileErrors> {
    let (tokens, unreadable) = lexer::tokens(source);
    let mut parser = Parser {
        reader: Reader::new(source, tokens, unreadable),
        macros,
        ids: 0,
        depth: 0,
        heights: Vec::new(),
    };
    let length = source.characters().len();
    if length > MOST_CHARACTERS {
        let message =
            format!("expression code point size exceeds limit: size: {length}, limit {MOST_CHARACTERS}");
        parser.reader.stop(message);
        return Err(CompileErrors::new(source, parser.reader.problems));
    }
    let root = parser.start();
    if parser.reader.problems.is_empty() {
        return Ok(Parsed {
            root,
            ids: parser.ids,
        });
    }
    Err(CompileErrors::new(source, parser.reader.problems))
}

/// The highest tree. Higher ones could not be walked on a thread's stack.
const MOST_HEIGHT: usize = 400;

/// What an expression without its parentheses may begin with.
const FIRST: Set = Set::of(&[
    T::LeftBracket,
    T::LeftBrace,
    T::LeftParenthesis,
    T::Dot,
    T::Minus,
    T::Not,
    T::True,
    T::False,
    T::Null,
    T::Float,
    T::Int,
    T::Uint,
    T::String,
    T::Bytes,
    T::Ident,
]);
const PRIMARY: Set = Set::of(&[
    T::LeftBracket,
    T::LeftBrace,
    T::LeftParenthesis,
    T::Dot,
    T::Minus,
    T::True,
    T::False,
    T::Null,
    T::Float,
    T::Int,
    T::Uint,
    T::String,
    T::Bytes,
    T::Ident,
]);
const RELATIONS: Set = Set::of(&[
    T::Equal,
    T::NotEqual,
    T::In,
    T::Less,
    T::LessEqual,
    T::GreaterEqual,
    T::Greater,
]);
const SUMS: Set = Set::of(&[T::Plus, T::Minus]);
const PRODUCTS: Set = Set::of(&[T::Star, T::Slash, T::Percent]);
const MEMBERS: Set = Set::of(&[T::Dot, T::LeftBracket]);
const IDENTS: Set = Set::of(&[T::Ident, T::EscapedIdent]);
const OPTIONAL_FIRST: Set = FIRST.with(Set::of(&[T::Question]));
const NUMBERS: Set = Set::of(&[T::Int, T::Float]);

/// Words that no name may be.
const RESERVED: [&str; 19] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

pub(super) struct Parser<'s> {
    pub(super) reader: Reader<'s>,
    macros: &'s Macros,
    ids: usize,
    depth: usize,
    /// How high the tree above each node is, by the node's id.
    heights: Vec<usize>,
}

type Parse<T> = Result<T, GaveUp>;

fn within(kinds: &[T]) -> Follow {
    Follow {
        tokens: Set::of(kinds),
        end: false,
    }
}

impl Parser<'_> {
    pub(super) fn node(&mut self, at: u32, kind: Kind) -> Expr {
        let id = self.ids;
        self.ids += 1;
        let expr = Expr { id, at, kind };
        let below = expr
            .children()
            .iter()
            .filter_map(|child| self.heights.get(child.id))
            .max();
        let height = below.map_or(1, |below| below + 1);
        self.heights.push(height);
        if height > MOST_HEIGHT {
            self.reader.stop("max recursion depth exceeded".to_owned());
            return Expr {
                id,
                at,
                kind: Kind::Constant(Constant::Null),
            };
        }
        expr
    }

    /// An id for a copy of a node.
    pub(super) fn fresh_like(&mut self, copied: usize) -> usize {
        let height = self.heights.get(copied).copied().unwrap_or(1);
        self.heights.push(height);
        self.ids += 1;
        self.ids - 1
    }

    /// What stands for a part that could not be read. It is never looked at, since there are errors.
    fn broken(&mut self, at: u32) -> Expr {
        self.node(at, Kind::Constant(Constant::Null))
    }

    pub(super) fn call(&mut self, at: u32, function: &str, arguments: Vec<Expr>) -> Expr {
        self.node(
            at,
            Kind::Call {
                target: None,
                function: function.to_owned(),
                arguments,
            },
        )
    }

    /// Runs a rule where `follow` comes next; if it is given up, reading goes on further out.
    fn rule(&mut self, follow: Follow, rule: fn(&mut Self) -> Parse<Expr>) -> Expr {
        let at = self.reader.ahead(0).from;
        self.reader.enter(follow);
        let read = rule(self);
        let expr = read.unwrap_or_else(|GaveUp| {
            self.reader.recover();
            self.broken(at)
        });
        self.reader.leave();
        expr
    }

    fn start(&mut self) -> Expr {
        let expr = self.rule(within(&[T::Eof]), Self::expr);
        let end = self.reader.take(T::Eof, Set::EMPTY, false);
        if end.is_err() {
            self.reader.recover();
        }
        expr
    }

    fn expr(&mut self) -> Parse<Expr> {
        self.depth += 1;
        let read = if self.depth > MOST_DEPTH {
            Err(self
                .reader
                .stop(format!("expression recursion limit exceeded: {MOST_DEPTH}")))
        } else {
            self.ternary()
        };
        self.depth -= 1;
        read
    }

    fn ternary(&mut self) -> Parse<Expr> {
        let open = Follow {
            tokens: Set::of(&[T::Question]),
            end: true,
        };
        let condition = self.rule(open, Self::or);
        if self.reader.kind() != T::Question {
            return Ok(condition);
        }
        let operator = self.reader.take(T::Question, FIRST, false)?;
        let yes = self.rule(within(&[T::Colon]), Self::or);
        self.reader.take(T::Colon, FIRST, false)?;
        let ends = Follow {
            tokens: Set::EMPTY,
            end: true,
        };
        let no = self.rule(ends, Self::expr);
        Ok(self.call(operator.from, "_?_:_", vec![condition, yes, no]))
    }

    fn or(&mut self) -> Parse<Expr> {
        self.chain(T::Or, "_||_", Self::and)
    }

    fn and(&mut self) -> Parse<Expr> {
        self.chain(T::And, "_&&_", Self::relation)
    }

    /// Terms joined by one operator, as a balanced tree.
    fn chain(&mut self, operator: T, function: &str, term: fn(&mut Self) -> Parse<Expr>) -> Parse<Expr> {
        let follow = Follow {
            tokens: Set::of(&[operator]),
            end: true,
        };
        let mut terms = vec![self.rule(follow, term)];
        let mut operators = Vec::new();
        while self.reader.kind() == operator && !self.reader.stopped {
            operators.push(self.reader.take(operator, FIRST, false)?.from);
            terms.push(self.rule(follow, term));
        }
        Ok(self.balanced(function, terms, &operators))
    }

    fn balanced(&mut self, function: &str, mut terms: Vec<Expr>, operators: &[u32]) -> Expr {
        if operators.is_empty() || terms.len() < 2 {
            return terms.pop().unwrap_or_else(|| self.broken(0));
        }
        let middle = operators.len() / 2;
        let after = terms.split_off(middle + 1);
        let left = self.balanced(function, terms, &operators[..middle]);
        let right = self.balanced(function, after, &operators[middle + 1..]);
        self.call(operators[middle], function, vec![left, right])
    }

    fn relation(&mut self) -> Parse<Expr> {
        self.operators(RELATIONS, Self::sum)
    }

    fn sum(&mut self) -> Parse<Expr> {
        self.operators(SUMS, Self::product)
    }

    fn product(&mut self) -> Parse<Expr> {
        self.operators(PRODUCTS, Self::unary)
    }

    /// Terms joined by operators of equal strength, from the left.
    fn operators(&mut self, operators: Set, term: fn(&mut Self) -> Parse<Expr>) -> Parse<Expr> {
        let follow = Follow {
            tokens: operators,
            end: true,
        };
        let mut left = self.rule(follow, term);
        while operators.has(self.reader.kind()) && !self.reader.stopped {
            let operator = self.reader.take_one_of(operators, FIRST, false)?;
            let right = self.rule(follow, term);
            left = self.call(operator.from, operator_function(operator.kind), vec![left, right]);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parse<Expr> {
        self.reader.synchronize(FIRST)?;
        match self.reader.kind() {
            T::Not => self.prefixed(T::Not, "!_"),
            T::Minus if NUMBERS.has(self.reader.ahead(1).kind) => self.member(),
            T::Minus if self.reader.ahead(1).kind == T::Minus || PRIMARY.has(self.reader.ahead(1).kind) => {
                self.prefixed(T::Minus, "-_")
            }
            T::Minus => Err(self.reader.no_alternative(1)),
            _ => self.member(),
        }
    }

    /// Signs before a member: two of them are none.
    fn prefixed(&mut self, sign: T, function: &str) -> Parse<Expr> {
        let mut signs = Vec::new();
        while self.reader.kind() == sign {
            let next = self.reader.ahead(1).kind;
            if sign == T::Minus && next != T::Minus && !PRIMARY.has(next) {
                return Err(self.reader.no_alternative(1));
            }
            signs.push(self.reader.take(sign, PRIMARY, false)?.from);
            if sign == T::Not {
                self.reader.synchronize_loop(FIRST);
            }
        }
        let ends = Follow {
            tokens: Set::EMPTY,
            end: true,
        };
        let member = self.rule(ends, Self::member);
        match signs.first() {
            Some(at) if signs.len() % 2 == 1 => Ok(self.call(*at, function, vec![member])),
            _ => Ok(member),
        }
    }

    fn member(&mut self) -> Parse<Expr> {
        let follow = Follow {
            tokens: MEMBERS,
            end: true,
        };
        let mut operand = self.rule(follow, Self::primary);
        while MEMBERS.has(self.reader.kind()) && !self.reader.stopped {
            operand = match self.reader.kind() {
                T::LeftBracket => self.index(operand)?,
                _ => self.dotted(operand)?,
            };
        }
        Ok(operand)
    }

    fn dotted(&mut self, operand: Expr) -> Parse<Expr> {
        let (second, third) = (self.reader.ahead(1).kind, self.reader.ahead(2).kind);
        if second != T::Question && !IDENTS.has(second) {
            return Err(self.reader.no_alternative(1));
        }
        let dot = self.reader.take(T::Dot, IDENTS, false)?;
        if second == T::Ident && third == T::LeftParenthesis {
            let name = self
                .reader
                .take(T::Ident, Set::of(&[T::LeftParenthesis]), false)?;
            let (open, arguments) = self.arguments()?;
            return Ok(self.called(open, Some(operand), name, arguments));
        }
        let question = self.optional_mark();
        let field = self.reader.take_one_of(IDENTS, MEMBERS, true)?;
        let name = self.field_name(field);
        let Some(question) = question else {
            return Ok(self.node(
                dot.from,
                Kind::Select {
                    operand: Box::new(operand),
                    field: name,
                    test: false,
                },
            ));
        };
        if !self.macros.optionals {
            self.reader.report(dot.from, "unsupported syntax '.?'");
        }
        let _ = question;
        let field = self.node(field.from, Kind::Constant(Constant::String(name)));
        Ok(self.call(dot.from, "_?._", vec![operand, field]))
    }

    fn index(&mut self, operand: Expr) -> Parse<Expr> {
        let open = self.reader.take(T::LeftBracket, OPTIONAL_FIRST, false)?;
        self.reader.synchronize(OPTIONAL_FIRST)?;
        let question = self.optional_mark();
        let index = self.rule(within(&[T::RightBracket]), Self::expr);
        self.reader.take(T::RightBracket, MEMBERS, true)?;
        if question.is_some() && !self.macros.optionals {
            self.reader.report(open.from, "unsupported syntax '[?'");
        }
        let function = if question.is_some() { "_[?_]" } else { "_[_]" };
        Ok(self.call(open.from, function, vec![operand, index]))
    }

    fn optional_mark(&mut self) -> Option<Token> {
        (self.reader.kind() == T::Question).then(|| self.reader.advance())
    }

    fn field_name(&mut self, token: Token) -> String {
        let text = self.reader.text(token);
        match text.strip_prefix('`') {
            Some(escaped) => {
                if !self.macros.escaped_fields {
                    self.reader.report(token.from, "unsupported syntax: '`'");
                }
                escaped.trim_end_matches('`').to_owned()
            }
            None => text,
        }
    }

    /// `( … )` with its opening parenthesis.
    fn arguments(&mut self) -> Parse<(Token, Vec<Expr>)> {
        let close = Set::of(&[T::RightParenthesis]);
        let open = self.reader.take(T::LeftParenthesis, FIRST.with(close), false)?;
        self.reader.synchronize(FIRST.with(close))?;
        let mut arguments = Vec::new();
        if FIRST.has(self.reader.kind()) {
            let follow = within(&[T::Comma, T::RightParenthesis]);
            arguments.push(self.rule(follow, Self::expr));
            while self.reader.kind() == T::Comma && !self.reader.stopped {
                self.reader.take(T::Comma, FIRST, false)?;
                arguments.push(self.rule(follow, Self::expr));
            }
        }
        self.reader.take(T::RightParenthesis, MEMBERS, true)?;
        Ok((open, arguments))
    }

    /// A call, or what the macro of that name stands for.
    fn called(&mut self, open: Token, target: Option<Expr>, name: Token, arguments: Vec<Expr>) -> Expr {
        let function = self.reader.text(name);
        if target.is_none() && RESERVED.contains(&function.as_str()) {
            self.reader
                .report(name.from, format!("reserved identifier: {function}"));
        }
        match expand(self, self.macros, open.from, &function, target, arguments) {
            Ok(expanded) => expanded,
            Err((target, arguments)) => self.node(
                open.from,
                Kind::Call {
                    target: target.map(Box::new),
                    function,
                    arguments,
                },
            ),
        }
    }

    fn primary(&mut self) -> Parse<Expr> {
        self.reader.synchronize(PRIMARY)?;
        match self.reader.kind() {
            T::LeftParenthesis => self.nested(),
            T::LeftBracket => self.list(),
            T::LeftBrace => self.map(),
            T::Dot | T::Ident => self.named(),
            _ => self.literal(),
        }
    }

    fn nested(&mut self) -> Parse<Expr> {
        self.reader.take(T::LeftParenthesis, FIRST, false)?;
        let inner = self.rule(within(&[T::RightParenthesis]), Self::expr);
        self.reader.take(T::RightParenthesis, MEMBERS, true)?;
        Ok(inner)
    }

    /// A name, a call of a function by name, or an object of a named type. Which one it is shows only further on.
    fn named(&mut self) -> Parse<Expr> {
        let leading = usize::from(self.reader.kind() == T::Dot);
        if self.reader.ahead(leading).kind != T::Ident {
            return Err(self.reader.no_alternative(leading));
        }
        let mut end = leading + 1;
        while self.reader.ahead(end).kind == T::Dot && self.reader.ahead(end + 1).kind == T::Ident {
            end += 2;
        }
        let after = (self.reader.ahead(end).kind, self.reader.ahead(end + 1).kind);
        // These words read like names; that they are none is told by the rule of names.
        let dangling = after.0 == T::Dot && [T::True, T::False, T::Null].contains(&after.1);
        if after.0 == T::LeftBrace || dangling {
            return self.object(leading == 1, (end - leading) / 2 + 1, dangling);
        }
        let dot = (leading == 1).then(|| self.reader.advance());
        let name = self.reader.take(T::Ident, MEMBERS, true)?;
        if self.reader.kind() == T::LeftParenthesis {
            let (open, arguments) = self.arguments()?;
            return Ok(self.called(open, None, name, arguments));
        }
        let text = self.reader.text(name);
        if RESERVED.contains(&text.as_str()) {
            self.reader
                .report(name.from, format!("reserved identifier: {text}"));
        }
        let text = if dot.is_some() { format!(".{text}") } else { text };
        Ok(self.node(name.from, Kind::Ident(text)))
    }

    fn list(&mut self) -> Parse<Expr> {
        let close = Set::of(&[T::Comma, T::RightBracket]);
        let open = self
            .reader
            .take(T::LeftBracket, OPTIONAL_FIRST.with(close), false)?;
        self.reader.synchronize(OPTIONAL_FIRST.with(close))?;
        let (mut elements, mut optional) = (Vec::new(), Vec::new());
        while OPTIONAL_FIRST.has(self.reader.kind()) && !self.reader.stopped {
            if let Some(mark) = self.optional_mark() {
                self.optional_entry(mark);
                optional.push(elements.len());
            }
            elements.push(self.rule(within(&[T::Comma, T::RightBracket]), Self::expr));
            if self.reader.kind() != T::Comma || !OPTIONAL_FIRST.has(self.reader.ahead(1).kind) {
                break;
            }
            self.reader.take(T::Comma, OPTIONAL_FIRST, false)?;
        }
        self.trailing_comma(T::RightBracket)?;
        self.reader.take(T::RightBracket, MEMBERS, true)?;
        Ok(self.node(open.from, Kind::List { elements, optional }))
    }

    fn optional_entry(&mut self, mark: Token) {
        if !self.macros.optionals {
            self.reader.report(mark.from, "unsupported syntax '?'");
        }
    }

    fn trailing_comma(&mut self, close: T) -> Parse<()> {
        self.reader.synchronize(Set::of(&[T::Comma, close]))?;
        if self.reader.kind() == T::Comma {
            self.reader.take(T::Comma, Set::of(&[close]), false)?;
        }
        Ok(())
    }

    fn map(&mut self) -> Parse<Expr> {
        let close = Set::of(&[T::Comma, T::RightBrace]);
        let open = self
            .reader
            .take(T::LeftBrace, OPTIONAL_FIRST.with(close), false)?;
        self.reader.synchronize(OPTIONAL_FIRST.with(close))?;
        let mut entries = Vec::new();
        while OPTIONAL_FIRST.has(self.reader.kind()) && !self.reader.stopped {
            let optional = self.optional_mark();
            if let Some(mark) = optional {
                self.optional_entry(mark);
            }
            let key = self.rule(within(&[T::Colon]), Self::expr);
            let colon = self.reader.take(T::Colon, FIRST, false)?;
            let value = self.rule(within(&[T::Comma, T::RightBrace]), Self::expr);
            entries.push(Entry {
                at: colon.from,
                key,
                value,
                optional: optional.is_some(),
            });
            if self.reader.kind() != T::Comma || !OPTIONAL_FIRST.has(self.reader.ahead(1).kind) {
                break;
            }
            self.reader.take(T::Comma, OPTIONAL_FIRST, false)?;
        }
        self.trailing_comma(T::RightBrace)?;
        self.reader.take(T::RightBrace, MEMBERS, true)?;
        Ok(self.node(open.from, Kind::Map(entries)))
    }

    /// `a.b.C{ … }`, of `names` names. If a name is missing after the last dot, that is told.
    fn object(&mut self, leading: bool, names: usize, dangling: bool) -> Parse<Expr> {
        let mut name = String::new();
        if leading {
            self.reader.take(T::Dot, Set::of(&[T::Ident]), false)?;
            name.push('.');
        }
        let after = Set::of(&[T::Dot, T::LeftBrace]);
        let first = self.reader.take(T::Ident, after, false)?;
        name.push_str(&self.reader.text(first));
        for _ in 1..names + usize::from(dangling) {
            self.reader.take(T::Dot, Set::of(&[T::Ident]), false)?;
            let part = self.reader.take(T::Ident, after, false)?;
            name.push('.');
            name.push_str(&self.reader.text(part));
        }
        let first = IDENTS.with(Set::of(&[T::Question]));
        let choices = first.with(Set::of(&[T::Comma, T::RightBrace]));
        let open = self.reader.take(T::LeftBrace, choices, false)?;
        self.reader.synchronize(choices)?;
        let mut fields = Vec::new();
        while first.has(self.reader.kind()) && !self.reader.stopped {
            fields.push(self.object_field()?);
            if self.reader.kind() != T::Comma || !first.has(self.reader.ahead(1).kind) {
                break;
            }
            self.reader.take(T::Comma, first, false)?;
        }
        self.trailing_comma(T::RightBrace)?;
        self.reader.take(T::RightBrace, MEMBERS, true)?;
        Ok(self.node(open.from, Kind::Struct { name, fields }))
    }

    fn object_field(&mut self) -> Parse<Field> {
        let optional = self.optional_mark();
        if let Some(mark) = optional {
            self.optional_entry(mark);
        }
        let token = self.reader.take_one_of(IDENTS, Set::of(&[T::Colon]), false)?;
        let name = self.field_name(token);
        let colon = self.reader.take(T::Colon, FIRST, false)?;
        let value = self.rule(within(&[T::Comma, T::RightBrace]), Self::expr);
        Ok(Field {
            at: colon.from,
            name,
            value,
            optional: optional.is_some(),
        })
    }

    fn literal(&mut self) -> Parse<Expr> {
        let sign = (self.reader.kind() == T::Minus).then(|| self.reader.advance());
        let token = self.reader.take_one_of(PRIMARY, MEMBERS, true)?;
        let at = sign.map_or(token.from, |sign| sign.from);
        let mut text = self.reader.text(token);
        if sign.is_some() {
            text.insert(0, '-');
        }
        let read = match token.kind {
            T::Int => literal::int(&text).ok_or_else(|| "invalid int literal".to_owned()),
            T::Uint => literal::uint(&text).ok_or_else(|| "invalid uint literal".to_owned()),
            T::Float => literal::double(&text).ok_or_else(|| "invalid double literal".to_owned()),
            T::True => Ok(Constant::Bool(true)),
            T::False => Ok(Constant::Bool(false)),
            T::String => literal::text(&text, false),
            T::Bytes => literal::text(&text, true),
            _ => Ok(Constant::Null),
        };
        let constant = read.unwrap_or_else(|message| {
            self.reader.report(at, message);
            Constant::Null
        });
        Ok(self.node(at, Kind::Constant(constant)))
    }
}

fn operator_function(operator: T) -> &'static str {
    match operator {
        T::Equal => "_==_",
        T::NotEqual => "_!=_",
        T::In => "@in",
        T::Less => "_<_",
        T::LessEqual => "_<=_",
        T::GreaterEqual => "_>=_",
        T::Greater => "_>_",
        T::Plus => "_+_",
        T::Minus => "_-_",
        T::Star => "_*_",
        T::Slash => "_/_",
        _ => "_%_",
    }
}

//! The grammar: a function per rule, from the weakest operator to the strongest.

use super::lexer::{self, Kind as T, Set};
use super::macros::Macros;
use super::recovery::{Follow, GaveUp, MOST_DEPTH, Reader};
use super::tree::{Constant, Expr, Kind};
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
pub(super) const FIRST: Set = Set::of(&[
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
pub(super) const PRIMARY: Set = Set::of(&[
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
pub(super) const MEMBERS: Set = Set::of(&[T::Dot, T::LeftBracket]);
pub(super) const IDENTS: Set = Set::of(&[T::Ident, T::EscapedIdent]);
pub(super) const OPTIONAL_FIRST: Set = FIRST.with(Set::of(&[T::Question]));
pub(super) const NUMBERS: Set = Set::of(&[T::Int, T::Float]);

pub(super) struct Parser<'s> {
    pub(super) reader: Reader<'s>,
    pub(super) macros: &'s Macros,
    ids: usize,
    depth: usize,
    /// How high the tree above each node is, by the node's id.
    heights: Vec<usize>,
}

pub(super) type Parse<T> = Result<T, GaveUp>;

pub(super) fn within(kinds: &[T]) -> Follow {
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
    pub(super) fn rule(&mut self, follow: Follow, rule: fn(&mut Self) -> Parse<Expr>) -> Expr {
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

    pub(super) fn expr(&mut self) -> Parse<Expr> {
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

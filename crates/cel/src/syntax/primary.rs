//! The strongest rules of the grammar: selections, names, calls, lists, maps, objects and literals.

use super::grammar::{FIRST, IDENTS, MEMBERS, NUMBERS, OPTIONAL_FIRST, PRIMARY, Parse, Parser, within};
use super::lexer::{Kind as T, Set, Token};
use super::literal;
use super::macros::expand;
use super::recovery::Follow;
use super::tree::{Constant, Entry, Expr, Field, Kind};
use crate::words;

impl Parser<'_> {
    pub(super) fn member(&mut self) -> Parse<Expr> {
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
            let function = self.reader.text(name);
            return Ok(self.called(open, Some(operand), function, arguments));
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
    fn called(&mut self, open: Token, target: Option<Expr>, function: String, arguments: Vec<Expr>) -> Expr {
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
            T::Minus if !NUMBERS.has(self.reader.ahead(1).kind) => Err(self.reader.no_alternative(1)),
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
        let keywords = [T::True, T::False, T::Null];
        if leading == 1 && keywords.contains(&self.reader.ahead(1).kind) {
            return self.object(true, 1, false);
        }
        if self.reader.ahead(leading).kind != T::Ident {
            return Err(self.reader.no_alternative(leading));
        }
        let mut end = leading + 1;
        while self.reader.ahead(end).kind == T::Dot && self.reader.ahead(end + 1).kind == T::Ident {
            end += 2;
        }
        let after = (self.reader.ahead(end).kind, self.reader.ahead(end + 1).kind);
        // These words read like names; that they are none is told by the rule of names.
        let dangling = after.0 == T::Dot && keywords.contains(&after.1);
        if after.0 == T::LeftBrace || dangling {
            return self.object(leading == 1, (end - leading) / 2 + 1, dangling);
        }
        let dot = (leading == 1).then(|| self.reader.advance());
        let name = self.reader.take(T::Ident, MEMBERS, true)?;
        let text = self.reader.text(name);
        if words::is_reserved(&text) {
            let at = dot.map_or(name.from, |dot| dot.from);
            self.reader.report(at, format!("reserved identifier: {text}"));
        }
        let text = if dot.is_some() { format!(".{text}") } else { text };
        if self.reader.kind() == T::LeftParenthesis {
            let (open, arguments) = self.arguments()?;
            return Ok(self.called(open, None, text, arguments));
        }
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

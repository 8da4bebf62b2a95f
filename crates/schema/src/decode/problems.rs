//! What a decoder has found: what is wrong, and how much there is.

use serde::de::Error;
use serde_json::{Number, Value};

use super::FieldValidation;
use super::number::{Amount, Flaw};
use super::place::Place;
use crate::table::Kind;
use crate::zero::zero;

/// Upstream reports no more than that many.
pub(crate) const MAX_STRICT: usize = 100;

/// An input may hold no more objects than that: `{}` is two bytes long, and what stands for it in memory a few hundred.
pub(crate) const MAX_OBJECTS: usize = 250_000;

/// Which of upstream's two decoders words the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// That of JSON text.
    Json,
    /// That of trees, which are what strategic merge patches yield.
    Tree,
}

/// What was found so far.
pub(super) struct Problems {
    wording: Wording,
    collects_strict: bool,
    strict: Vec<String>,
    error: Option<Failure>,
    /// Where that is, for trees.
    at: Vec<usize>,
    objects: usize,
    /// Where quantities stand that were numbers with a fraction, an exponent or many digits.
    amounts: Vec<Amount>,
}

/// Why a value cannot be decoded.
enum Failure {
    /// Go notes the first value of a wrong type and decodes on.
    Type(Flaw),
    /// Go stops where a type with its own text form cannot read it, whatever it noted before.
    Form(Flaw),
}

impl Problems {
    pub fn new(validation: FieldValidation, wording: Wording) -> Self {
        Self {
            wording,
            collects_strict: validation != FieldValidation::Ignore,
            strict: Vec::new(),
            error: None,
            at: Vec::new(),
            objects: 0,
            amounts: Vec::new(),
        }
    }

    pub fn collects_strict(&self) -> bool {
        self.collects_strict
    }

    /// Runs `decode` without collecting unknown and duplicate fields.
    pub fn leniently<T>(&mut self, decode: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.collects_strict, false);
        let outcome = decode(self);
        self.collects_strict = before;
        outcome
    }

    /// A value of a list or map, the zero value for null.
    pub fn given<E: Error>(&mut self, value: Value, of: Kind) -> Result<Value, E> {
        if !value.is_null() {
            return Ok(value);
        }
        self.object()?;
        Ok(zero(of))
    }

    /// Counts an object.
    pub fn object<E: Error>(&mut self) -> Result<(), E> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return Err(E::custom(format_args!("more than {MAX_OBJECTS} objects in one")));
        }
        Ok(())
    }

    pub fn unknown(&mut self, place: &Place<'_>) {
        self.strict("unknown", place);
    }

    pub fn duplicate(&mut self, place: &Place<'_>) {
        self.strict("duplicate", place);
    }

    fn strict(&mut self, what: &str, place: &Place<'_>) {
        if !self.collects_strict || self.strict.len() >= MAX_STRICT {
            return;
        }
        let message = format!("{what} field {}", meta::quote(&place.to_string()));
        if !self.strict.contains(&message) {
            self.strict.push(message);
        }
    }

    /// Whether trees, not text, are decoded.
    pub fn of_tree(&self) -> bool {
        self.wording == Wording::Tree
    }

    /// A JSON value (`string`, `number 1.5`, ...) that a value of that kind cannot be.
    pub fn wrong_type(&mut self, found: &str, place: Option<&Place<'_>>, kind: Kind) {
        if self.comes_first(place, false) {
            let message = match self.wording {
                Wording::Json => wrong_type(found, place, kind),
                Wording::Tree => not_convertible(found, place, kind),
            };
            self.error = Some(Failure::Type(Flaw::new(message)));
        }
    }

    /// A number where a value of another kind is wanted. A tree may write it differently than the client did.
    pub fn wrong_number(&mut self, number: &Number, place: Option<&Place<'_>>, kind: Kind) {
        if !self.comes_first(place, matches!(kind, Kind::IntOrString)) {
            return;
        }
        let shown = number.to_string();
        let found = format!("number {shown}");
        match kind {
            Kind::IntOrString => self.wrong_form_type(&found, place, "int32"),
            Kind::Int32 | Kind::Int64 => self.wrong_type(&found, place, kind),
            _ if self.of_tree() => self.wrong_type(&found, place, kind),
            _ => self.wrong_type("number", place, kind),
        }
        if let (Some(Failure::Type(flaw) | Failure::Form(flaw)), true) = (&mut self.error, number.is_f64()) {
            flaw.number = Some((shown, place.map_or_else(Vec::new, Place::way)));
        }
    }

    /// A quantity that was written as a number, of which a tree knows the value alone.
    pub fn amount(&mut self, place: Option<&Place<'_>>) {
        if let (Wording::Json, Some(place)) = (self.wording, place) {
            self.amounts.push(Amount {
                way: place.way(),
                counts_resources: place.above.is_some_and(Place::counts_resources),
            });
        }
    }

    /// Where such stand.
    pub fn take_amounts(&mut self) -> Vec<Amount> {
        std::mem::take(&mut self.amounts)
    }

    /// A text that is no base64: it counts like a wrong type.
    pub fn wrong_bytes(&mut self, message: &str, place: Option<&Place<'_>>) {
        if self.comes_first(place, false) {
            let message = match self.wording {
                Wording::Json => message.to_owned(),
                Wording::Tree => format!("error decoding from json: {message}"),
            };
            self.error = Some(Failure::Type(Flaw::new(message)));
        }
    }

    /// A value whose own text form is not met.
    pub fn wrong_form(&mut self, message: String, place: Option<&Place<'_>>) {
        if self.comes_first(place, true) {
            self.error = Some(Failure::Form(Flaw::new(message)));
        }
    }

    /// A JSON value of another type than the text form of a kind is: said like any wrong type, but decoding stops there.
    pub fn wrong_form_type(&mut self, found: &str, place: Option<&Place<'_>>, go_type: &str) {
        let path = match self.wording {
            Wording::Json => place.and_then(Place::go_path),
            Wording::Tree => None,
        };
        self.wrong_form(cannot_unmarshal(found, path, go_type), place);
    }

    /// Whether what is wrong at a place is what the outcome tells: in a text the first wrong type, unless a text form ends
    /// it; in a tree the first in the order of declared fields.
    fn comes_first(&mut self, place: Option<&Place<'_>>, is_form: bool) -> bool {
        match (self.wording, &self.error) {
            (Wording::Json, None) => true,
            (Wording::Json, Some(error)) => is_form && matches!(error, Failure::Type(_)),
            (Wording::Tree, error) => {
                let order = place.map_or_else(Vec::new, Place::order);
                let first = error.is_none() || order < self.at;
                if first {
                    self.at = order;
                    self.error = None;
                }
                first
            }
        }
    }

    /// Go's message, and else what a strict decoder finds wrong.
    pub fn into_outcome(self) -> Result<Vec<String>, Flaw> {
        match self.error {
            Some(Failure::Type(flaw) | Failure::Form(flaw)) => Err(flaw),
            None => Ok(self.strict),
        }
    }
}

fn wrong_type(found: &str, place: Option<&Place<'_>>, kind: Kind) -> String {
    let go_type = place.map_or_else(|| kind.go_name(), |place| place.go_type(kind));
    cannot_unmarshal(found, place.and_then(Place::go_path), &go_type)
}

fn cannot_unmarshal(found: &str, path: Option<(&'static str, String)>, go_type: &str) -> String {
    match path {
        Some((owner, path)) => {
            format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go_type}")
        }
        None => format!("json: cannot unmarshal {found} into Go value of type {go_type}"),
    }
}

/// What the decoder of trees says of a value that cannot be of that kind.
fn not_convertible(found: &str, place: Option<&Place<'_>>, kind: Kind) -> String {
    let go_kind = match found.split_once(' ').unwrap_or((found, "")) {
        ("array", _) => "slice",
        ("object", _) => "map",
        ("number", number) if number.contains(['.', 'e', 'E']) => "float64",
        ("number", _) => "int64",
        (scalar, _) => scalar,
    };
    let wanted = match kind {
        Kind::Object(_) => return format!("cannot restore struct from: {go_kind}"),
        Kind::Map(_) => return format!("cannot restore map from {go_kind}"),
        Kind::List(_) | Kind::WrappedList(_) | Kind::Bytes => {
            return format!("cannot restore slice from {go_kind}");
        }
        kind => kind.go_name(),
    };
    // Go would convert these to one another, only that JSON does not.
    let is_kindred = matches!(
        (go_kind, &*wanted),
        ("int64", "string") | ("float64", "int32" | "int64")
    );
    if is_kindred {
        let declared = place.map_or_else(|| wanted.clone(), |place| place.go_type(kind));
        return format!("cannot convert {go_kind} to {declared}");
    }
    format!("unrecognized type: {wanted}")
}

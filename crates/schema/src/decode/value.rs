//! The visitor that reads one value of a known kind.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place::{Place, Step};
use super::problems::Problems;
use crate::forms;
use crate::generated::apiextensions_v1::JSON_SCHEMA_PROPS;
use crate::table::{Field, Kind, SchemaOr, Type};
use crate::zero::{absent, present};

/// Where a value is to be read, and what it should be. The outcome is null for what counts as not given.
pub(super) struct Slot<'p, 's> {
    kind: Kind,
    /// None at the root.
    place: Option<&'p Place<'p>>,
    problems: &'s mut Problems,
    /// What an earlier field of the same name has left here: Go reads on into it.
    earlier: Option<Value>,
}

impl<'p, 's> Slot<'p, 's> {
    pub fn root(kind: Kind, problems: &'s mut Problems) -> Self {
        Self::at(None, kind, problems)
    }

    fn at(place: Option<&'p Place<'p>>, kind: Kind, problems: &'s mut Problems) -> Self {
        Self {
            kind,
            place,
            problems,
            earlier: None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Slot<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        if matches!(self.kind, Kind::Duration) && !self.place.is_some_and(Place::is_pointer) {
            let message = "time: invalid duration \"\"".to_owned();
            self.problems.wrong_form(message, self.place);
        }
        // Null leaves what can be nothing else as it is.
        let keeps = is_plain(self.kind) && !self.place.is_some_and(Place::is_pointer);
        Ok(self.earlier.filter(|_| keeps).unwrap_or_default())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(match self.kind {
            Kind::Bool | Kind::SchemaOr(SchemaOr::Bool) => Value::Bool(value),
            kind if is_raw(kind) => Value::Bool(value),
            _ => self.misfit("bool", &value.to_string()),
        })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(match self.kind {
            Kind::Int64 => Value::from(value),
            Kind::Int32 | Kind::IntOrString if i32::try_from(value).is_ok() => Value::from(value),
            _ => self.number(value.into()),
        })
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Ok(self.number(value.into())),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(match Number::from_f64(value) {
            Some(number) => self.number(number),
            None => Value::Null,
        })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(self.text(Cow::Borrowed(value)))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(self.text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        match self.kind {
            Kind::List(of) | Kind::WrappedList(of) => self.list(*of, items),
            Kind::SchemaOr(SchemaOr::Schemas) => {
                self.short_for_schema(Kind::Object(&JSON_SCHEMA_PROPS), items)
            }
            Kind::SchemaOr(SchemaOr::Strings) => self.short_for_schema(Kind::String, items),
            kind if is_raw(kind) => serde::Deserialize::deserialize(SeqAccessDeserializer::new(items)),
            _ => {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(self.misfit("array", "[]"))
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        match self.kind {
            Kind::Object(of) => self.object(of, entries),
            Kind::Map(of) => self.map(*of, entries),
            Kind::SchemaOr(_) => {
                let place = self.place;
                self.problems.leniently(|problems| {
                    Slot::at(place, Kind::Object(&JSON_SCHEMA_PROPS), problems).visit_map(entries)
                })
            }
            kind if is_raw(kind) => serde::Deserialize::deserialize(MapAccessDeserializer::new(entries)),
            _ => {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(self.misfit("object", "{}"))
            }
        }
    }
}

impl Slot<'_, '_> {
    fn object<'de, A: MapAccess<'de>>(self, of: &'static Type, mut entries: A) -> Result<Value, A::Error> {
        self.problems.object()?;
        let mut fields = Fields::new(earlier_object(self.earlier));
        loop {
            let key = FieldKey {
                of,
                keeps_unknown: self.problems.collects_strict(),
            };
            let index = match entries.next_key_seed(key)? {
                None => return Ok(Value::Object(fields.finish(of))),
                Some(Key::Known(index)) => index,
                Some(Key::Unknown(name)) => {
                    self.problems.unknown(&Place {
                        above: self.place,
                        step: Step::Key(&name),
                    });
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = &of.fields[index];
            let place = Place {
                above: self.place,
                step: Step::Field { owner: of, field },
            };
            let again = fields.meet(index);
            if again {
                self.problems.duplicate(&place);
            }
            let value = entries.next_value_seed(Slot {
                kind: field.kind,
                place: Some(&place),
                problems: &mut *self.problems,
                earlier: fields.take_earlier(field, again),
            })?;
            fields.put(field, again, value);
        }
    }

    fn map<'de, A: MapAccess<'de>>(self, of: Kind, mut entries: A) -> Result<Value, A::Error> {
        let resumed = self.earlier.is_some();
        let rounds = self.place.is_some_and(Place::counts_resources);
        let mut object = earlier_object(self.earlier).unwrap_or_default();
        // Of a map that is read on into: what is there before is no duplicate.
        let mut again = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let step = Step::Key(&key);
            let place = Place {
                above: self.place,
                step,
            };
            let is_duplicate = match resumed {
                true => !again.insert(key.clone()),
                false => object.contains_key(&key),
            };
            if is_duplicate {
                self.problems.duplicate(&place);
            }
            let value = entries.next_value_seed(Slot {
                kind: of,
                place: Some(&place),
                problems: &mut *self.problems,
                earlier: None,
            })?;
            let mut value = match (of, value) {
                // What is null among bytes is no bytes.
                (Kind::Bytes, Value::Null) => Value::from(""),
                (_, value) => self.problems.given(value, of)?,
            };
            if rounds {
                forms::to_thousandths(&mut value);
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }

    fn list<'de, A: SeqAccess<'de>>(self, of: Kind, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        // Items are read into those of an earlier list, one by one.
        let mut earlier = match self.earlier {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
        .into_iter();
        loop {
            let step = Step::Index(list.len());
            let place = Place {
                above: self.place,
                step,
            };
            let item = items.next_element_seed(Slot {
                kind: of,
                place: Some(&place),
                problems: &mut *self.problems,
                earlier: earlier.next(),
            })?;
            match item {
                None => return Ok(Value::Array(list)),
                Some(item) => list.push(self.problems.given(item, of)?),
            }
        }
    }

    /// A list where a schema could stand. Such types decode by themselves, knowing nothing of strictness.
    fn short_for_schema<'de, A: SeqAccess<'de>>(self, of: Kind, items: A) -> Result<Value, A::Error> {
        let place = self.place;
        self.problems
            .leniently(|problems| Slot::at(place, of, problems).list(of, items))
    }

    fn text(self, text: Cow<'_, str>) -> Value {
        let canonical = match self.kind {
            Kind::String | Kind::IntOrString => Ok(Some(text)),
            kind if is_raw(kind) => Ok(Some(text)),
            Kind::Bytes => return self.bytes(&text),
            Kind::Quantity => forms::quantity(&text).map(Some),
            Kind::Duration => forms::duration(&text).map(Some),
            Kind::Time => forms::time(&text),
            Kind::MicroTime => forms::micro_time(&text),
            _ => return self.misfit("string", "\"\""),
        };
        match canonical {
            Ok(Some(text)) => Value::String(text.into_owned()),
            Ok(None) => Value::Null,
            Err(message) => {
                self.problems.wrong_form(message, self.place);
                Value::Null
            }
        }
    }

    /// Bytes are read by the decoder itself, so that a wrong text counts like a wrong type.
    fn bytes(self, text: &str) -> Value {
        match forms::bytes(text) {
            Ok(text) => Value::String(text.into_owned()),
            Err(message) => {
                self.problems.wrong_bytes(&message, self.place);
                Value::Null
            }
        }
    }

    /// A number that is no integer of the kind's width.
    fn number(self, number: Number) -> Value {
        match self.kind {
            Kind::Float64 => shortest(&number),
            kind if is_raw(kind) => Value::Number(number),
            Kind::Quantity => {
                if number.is_f64() {
                    self.problems.amount(self.place);
                }
                self.text(Cow::Owned(number.to_string()))
            }
            kind @ (Kind::Int32 | Kind::Int64) => match self.converted(&number) {
                Some(whole) => whole,
                None => {
                    self.problems.wrong_number(&number, self.place, kind);
                    Value::Null
                }
            },
            Kind::Time | Kind::MicroTime | Kind::Duration | Kind::SchemaOr(_) => {
                self.misfit("number", &number.to_string())
            }
            kind => {
                self.problems.wrong_number(&number, self.place, kind);
                Value::Null
            }
        }
    }

    /// What Go makes of a number in a tree where it wants an integer: it cuts off what is too wide, and takes a whole number
    /// with a fraction.
    #[allow(clippy::cast_possible_truncation)]
    fn converted(&self, number: &Number) -> Option<Value> {
        if !self.problems.of_tree() {
            return None;
        }
        let wide = match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer,
            (None, Some(float)) if float.fract() == 0.0 => float as i64,
            _ => return None,
        };
        Some(match self.kind {
            Kind::Int32 => Value::from(wide as i32),
            _ => Value::from(wide),
        })
    }

    /// A JSON value that a value of this kind cannot be. Types with a text form of their own are asked first, and have
    /// their own words for it.
    fn misfit(self, found: &str, text: &str) -> Value {
        match self.kind {
            Kind::Time | Kind::MicroTime | Kind::Duration => {
                self.problems.wrong_form_type(found, self.place, "string");
            }
            Kind::IntOrString => self.problems.wrong_form_type(found, self.place, "int32"),
            Kind::Quantity => {
                if let Err(message) = forms::quantity(text) {
                    self.problems.wrong_form(message, self.place);
                }
            }
            Kind::SchemaOr(SchemaOr::Bool) => {
                let message = "boolean or JSON schema expected".to_owned();
                self.problems.wrong_form(message, self.place);
            }
            Kind::SchemaOr(_) => {}
            kind => self.problems.wrong_type(found, self.place, kind),
        }
        Value::Null
    }
}

/// Whether null says nothing of such a value: it is no list, no map, and nothing that decodes by itself.
fn is_plain(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Object(_) | Kind::String | Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64
    )
}

fn earlier_object(earlier: Option<Value>) -> Option<Map<String, Value>> {
    match earlier {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Any JSON goes, and stays as it is.
fn is_raw(kind: Kind) -> bool {
    matches!(kind, Kind::RawExtension | Kind::Fields | Kind::Json | Kind::Any)
}

/// A floating-point number as Go writes it: whole numbers without a fraction.
fn shortest(number: &Number) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        #[allow(clippy::cast_possible_truncation)]
        Some(float) if float.fract() == 0.0 && float.abs() < EXACT => Value::from(float as i64),
        _ => Value::Number(number.clone()),
    }
}

/// The fields of an object that is being read.
struct Fields {
    object: Map<String, Value>,
    /// Bit n is set when field n was met; the table holds no type with more fields.
    seen: u64,
    /// Whether an earlier object of the same name is read on into.
    resumed: bool,
}

impl Fields {
    fn new(earlier: Option<Map<String, Value>>) -> Self {
        Self {
            resumed: earlier.is_some(),
            object: earlier.unwrap_or_default(),
            seen: 0,
        }
    }

    /// Notes that a field is there; true if it was there before.
    fn meet(&mut self, index: usize) -> bool {
        let bit = 1 << index;
        let again = self.seen & bit != 0;
        self.seen |= bit;
        again
    }

    /// What a field of that name has left before.
    fn take_earlier(&mut self, field: &Field, again: bool) -> Option<Value> {
        match again || self.resumed {
            true => self.object.remove(field.name),
            false => None,
        }
    }

    fn put(&mut self, field: &Field, again: bool, value: Value) {
        match present(field, value) {
            Some(value) => {
                self.object.insert(field.name.to_owned(), value);
            }
            None if again || self.resumed => {
                self.object.remove(field.name);
            }
            None => {}
        }
    }

    /// The object, with what was not given as Go writes it.
    fn finish(mut self, of: &'static Type) -> Map<String, Value> {
        for (index, field) in of.fields.iter().enumerate() {
            if self.seen & (1 << index) == 0
                && let Some(value) = absent(field)
                && !(self.resumed && self.object.contains_key(field.name))
            {
                self.object.insert(field.name.to_owned(), value);
            }
        }
        self.object
    }
}

/// A key of an object with known fields.
enum Key {
    Known(usize),
    Unknown(String),
}

/// Finds a field by its name without keeping the name.
struct FieldKey {
    of: &'static Type,
    keeps_unknown: bool,
}

impl<'de> DeserializeSeed<'de> for FieldKey {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldKey {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        let known = self.of.position(name).or_else(|| match self.of.is_nameless() {
            true => self
                .of
                .fields
                .iter()
                .position(|field| field.name.eq_ignore_ascii_case(name)),
            false => None,
        });
        Ok(match known {
            Some(index) => Key::Known(index),
            None if self.keeps_unknown => Key::Unknown(name.to_owned()),
            None => Key::Unknown(String::new()),
        })
    }
}

//! One entry of `managedFields`.

use std::cmp::Ordering;
use std::fmt;

use meta::Time;
use serde_json::{Map, Value};

use crate::fields::{FieldSet, FieldsError};

const FIELDS_V1: &str = "FieldsV1";

/// How an owner came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

impl Operation {
    /// As the entry spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells an owner from others. Who applies is one owner in all versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub operation: Operation,
    pub manager: String,
    /// Empty for who applies.
    pub api_version: String,
    pub subresource: String,
}

impl Identity {
    pub fn new(operation: Operation, manager: &str, api_version: &str, subresource: &str) -> Self {
        let api_version = match operation {
            Operation::Apply => "",
            Operation::Update => api_version,
        };
        Self {
            operation,
            manager: if manager.is_empty() { "unknown" } else { manager }.to_owned(),
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }
}

impl Identity {
    /// As upstream writes it, which is how it sorts owners.
    pub fn written(&self) -> String {
        let mut parts = vec![
            ("manager", &*self.manager),
            ("operation", self.operation.as_str()),
            ("apiVersion", &*self.api_version),
            ("subresource", &*self.subresource),
        ];
        parts.retain(|(_, text)| !text.is_empty());
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(name, text)| format!("{}:{}", Value::from(name), Value::from(text)))
            .collect();
        format!("{{{}}}", parts.join(","))
    }
}

/// As messages of conflicts have it: `"anna" with subresource "scale" using apps/v1`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&meta::quote(&self.manager))?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {}", meta::quote(&self.subresource))?;
        }
        match self.operation {
            Operation::Apply => Ok(()),
            Operation::Update => write!(f, " using {}", self.api_version),
        }
    }
}

/// Who owns some fields of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    pub(crate) identity: Identity,
    /// The version in which the fields are named.
    pub(crate) api_version: String,
    /// When something was last taken or applied.
    pub(crate) time: Option<String>,
    pub(crate) fields: FieldSet,
    /// The fields as they were written, while nobody looked into them: most writes touch few owners.
    unread: Option<Value>,
}

/// Why an entry is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OwnerError {
    #[error("an entry of managed fields is an object")]
    NotObject,
    #[error("operation {} is none of managed fields", meta::quote(.0))]
    Operation(String),
    #[error("fields type {} is not known", meta::quote(.0))]
    FieldsType(String),
    #[error(transparent)]
    Fields(#[from] FieldsError),
}

impl Owner {
    /// The name of the manager.
    pub fn manager(&self) -> &str {
        &self.identity.manager
    }

    /// How it came to own the fields.
    pub fn operation(&self) -> Operation {
        self.identity.operation
    }

    /// The subresource it writes through; empty for the object itself.
    pub fn subresource(&self) -> &str {
        &self.identity.subresource
    }

    pub(crate) fn new(identity: Identity, api_version: &str, time: Option<String>, fields: FieldSet) -> Self {
        Self {
            identity,
            api_version: api_version.to_owned(),
            time,
            fields,
            unread: None,
        }
    }

    /// Reads an entry that was written by [`Owner::into_json`], all but its fields.
    pub(crate) fn read_later(mut entry: Value) -> Result<Self, OwnerError> {
        let mut owner = Self::read_frame(&entry)?;
        owner.unread = entry.get_mut("fieldsV1").map(Value::take);
        Ok(owner)
    }

    /// Takes fields from it.
    pub(crate) fn lose(&mut self, lost: &FieldSet) {
        match &mut self.unread {
            Some(Value::Object(own)) => {
                lost.subtract_from_json(own);
                if own.is_empty() {
                    self.unread = None;
                }
            }
            _ => {
                self.open();
                self.fields = std::mem::take(&mut self.fields).difference(lost);
            }
        }
    }

    /// Takes over all that another owns.
    pub(crate) fn fields_of(&mut self, other: Self) {
        self.fields = other.fields;
        self.unread = other.unread;
    }

    /// Gives fields to it.
    pub(crate) fn gain(&mut self, fields: FieldSet) {
        match &mut self.unread {
            Some(Value::Object(own)) => fields.add_to_json(own),
            _ => {
                self.open();
                self.fields = std::mem::take(&mut self.fields).union(fields);
            }
        }
    }

    /// Reads the fields, if that was put off.
    pub(crate) fn open(&mut self) {
        if let Some(fields) = self.unread.take() {
            // What cannot be read says of no field who owns it.
            self.fields = FieldSet::from_json(&fields).unwrap_or_default();
        }
    }

    /// Whether it owns one of these fields, without reading all of its own.
    pub(crate) fn owns_some_of(&self, fields: &FieldSet) -> bool {
        match &self.unread {
            Some(own) => fields.intersects_json(own),
            None => self.fields.intersects(fields),
        }
    }

    /// Whether it owns nothing.
    pub(crate) fn owns_nothing(&self) -> bool {
        self.unread.is_none() && self.fields.is_empty()
    }

    pub(crate) fn read(entry: &Value) -> Result<Self, OwnerError> {
        let mut owner = Self::read_frame(entry)?;
        owner.fields = match entry.get("fieldsV1") {
            None | Some(Value::Null) => FieldSet::new(),
            Some(fields) => FieldSet::from_json(fields)?,
        };
        Ok(owner)
    }

    fn read_frame(entry: &Value) -> Result<Self, OwnerError> {
        let entry = entry.as_object().ok_or(OwnerError::NotObject)?;
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("");
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            other => return Err(OwnerError::Operation(other.to_owned())),
        };
        if text("fieldsType") != FIELDS_V1 {
            return Err(OwnerError::FieldsType(text("fieldsType").to_owned()));
        }
        let mut identity = Identity::new(operation, "", text("apiVersion"), text("subresource"));
        identity.manager = text("manager").to_owned();
        let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
        Ok(Self::new(identity, text("apiVersion"), time, FieldSet::new()))
    }

    pub(crate) fn into_json(self) -> Value {
        let mut entry = Map::new();
        let mut set = |field: &str, value: Value| {
            if value != "" {
                entry.insert(field.to_owned(), value);
            }
        };
        set("manager", self.identity.manager.into());
        set("operation", self.identity.operation.as_str().into());
        set("apiVersion", self.api_version.into());
        set("time", self.time.unwrap_or_default().into());
        set("fieldsType", FIELDS_V1.into());
        set("fieldsV1", self.unread.unwrap_or_else(|| self.fields.into_json()));
        set("subresource", self.identity.subresource.into());
        Value::Object(entry)
    }

    /// Seconds since the epoch; those without a time are the oldest.
    pub(crate) fn seconds(&self) -> i64 {
        let time = self.time.as_deref().and_then(|time| Time::parse(time).ok());
        time.map_or(0, Time::seconds)
    }

    /// The order of entries: who applies before who updates, then the older first.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let a = &self.identity;
        let b = &other.identity;
        a.operation
            .cmp(&b.operation)
            .then_with(|| self.seconds().cmp(&other.seconds()))
            .then_with(|| a.manager.cmp(&b.manager))
            .then_with(|| self.api_version.cmp(&other.api_version))
            .then_with(|| a.subresource.cmp(&b.subresource))
    }
}

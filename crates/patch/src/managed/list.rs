//! All entries of `managedFields`.

use serde_json::Value;

use super::entry::{Identity, Owner, OwnerError};

const MANAGED_FIELDS: &str = "managedFields";

/// The manager of a request that names none: the beginning of its user agent, up to the first slash.
pub fn default_manager(user_agent: &str) -> String {
    const MAX_BYTES: usize = 128;

    let name = user_agent.split('/').next().unwrap_or("");
    let mut manager = String::new();
    for c in name.chars().filter(|&c| meta::quote::is_printable(c)) {
        if manager.len() + c.len_utf8() > MAX_BYTES {
            break;
        }
        manager.push(c);
    }
    manager
}

/// Gives an object its old managed fields if only their times differ and nothing else does, so that a write without effect
/// stays one. Says whether the objects are now equal.
pub fn restore_times(new: &mut Value, old: &Value) -> bool {
    if new == old {
        return true;
    }
    if !is_same_but_owners(new, old) {
        return false;
    }
    let only_times_differ = match (entries(new), entries(old)) {
        (Some(new), Some(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| is_same_but_time(new, old))
        }
        _ => false,
    };
    if !only_times_differ {
        return false;
    }
    take(new);
    put(new, entries(old).unwrap_or_default().to_vec());
    true
}

/// Whether two states of an object differ in nothing but who owns what.
fn is_same_but_owners(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return a == b;
    };
    a.len() == b.len()
        && a.iter().zip(b).all(|((a_name, a), (b_name, b))| {
            let both = match (a_name.as_str(), a.as_object(), b.as_object()) {
                ("metadata", Some(a), Some(b)) => Some((a, b)),
                _ => None,
            };
            let no_owners = |(name, _): &(&String, &Value)| *name != MANAGED_FIELDS;
            a_name == b_name
                && both.map_or_else(
                    || a == b,
                    |(a, b)| a.iter().filter(no_owners).eq(b.iter().filter(no_owners)),
                )
        })
}

fn is_same_but_time(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return a == b;
    };
    let without_time = |(name, _): &(&String, &Value)| *name != "time";
    a.iter().filter(without_time).eq(b.iter().filter(without_time))
}

/// The entries of an object, if it has any.
pub(super) fn entries(object: &Value) -> Option<&[Value]> {
    object
        .get("metadata")?
        .get(MANAGED_FIELDS)?
        .as_array()
        .map(Vec::as_slice)
}

/// Takes the entries out of an object.
pub(crate) fn take(object: &mut Value) -> Option<Vec<Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    match metadata.remove(MANAGED_FIELDS)? {
        Value::Array(entries) => Some(entries),
        _ => None,
    }
}

/// Puts entries into an object.
pub(super) fn put(object: &mut Value, entries: Vec<Value>) {
    if entries.is_empty() {
        return;
    }
    if let Some(metadata) = meta::object::metadata_mut(object) {
        metadata.insert(MANAGED_FIELDS.to_owned(), entries.into());
    }
}

/// The owners of the fields of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Owners(pub Vec<Owner>);

impl Owners {
    /// Reads entries. Of two with the same identity the last counts.
    pub fn read(entries: &[Value]) -> Result<Self, OwnerError> {
        let mut owners = Self::default();
        for entry in entries {
            owners.set(Owner::read(entry)?);
        }
        Ok(owners)
    }

    /// Reads entries that the server itself has written; their fields only when they are looked at.
    pub fn read_later(entries: Vec<Value>) -> Result<Self, OwnerError> {
        let twins = Self::twins(&entries);
        entries
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !twins.contains(at))
            .map(|(_, entry)| Owner::read_later(entry))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Where entries stand that have a later one with the same identity.
    pub fn twins(entries: &[Value]) -> Vec<usize> {
        let are_twins = |a: &Value, b: &Value| {
            let same = |field: &str| a.get(field) == b.get(field);
            let is_update = a.get("operation").is_none_or(|operation| operation != "Apply");
            same("manager") && same("operation") && same("subresource") && (!is_update || same("apiVersion"))
        };
        (0..entries.len())
            .filter(|&at| {
                entries[at + 1..]
                    .iter()
                    .any(|later| are_twins(&entries[at], later))
            })
            .collect()
    }

    /// The owners that an object names; nobody, if that cannot be read.
    pub fn of(object: &Value) -> Self {
        let read = entries(object).map(Self::read);
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// Writes entries, in order.
    pub fn write(mut self, object: &mut Value) {
        self.0.sort_by(Owner::order);
        put(object, self.0.into_iter().map(Owner::into_json).collect());
    }

    pub fn set(&mut self, owner: Owner) {
        self.take(&owner.identity);
        self.0.push(owner);
    }

    /// Adds to what an owner has; the time is the new one.
    pub fn add(&mut self, mut owner: Owner) {
        if let Some(mut before) = self.take(&owner.identity) {
            owner.open();
            before.gain(std::mem::take(&mut owner.fields));
            owner.fields_of(before);
        }
        self.0.push(owner);
    }

    pub fn take(&mut self, identity: &Identity) -> Option<Owner> {
        let at = self.0.iter().position(|owner| owner.identity == *identity)?;
        Some(self.0.remove(at))
    }

    /// Notes when an owner last did something.
    pub fn set_time(&mut self, identity: &Identity, time: &str) {
        if let Some(owner) = self.0.iter_mut().find(|owner| owner.identity == *identity) {
            owner.time = Some(time.to_owned());
        }
    }

    pub fn drop_empty(&mut self) {
        self.0.retain(|owner| !owner.owns_nothing());
    }
}

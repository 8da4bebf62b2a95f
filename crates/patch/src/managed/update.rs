//! What a write other than apply makes of the owners.

use serde_json::Value;

use super::Write;
use super::cap::cap_updaters;
use super::entry::{Identity, Operation, Owner};
use super::list::{self, Owners};
use super::versions::Versions;
use crate::fields::{Delta, Element, FieldSet, Node};

/// Notes in the managed fields of `new` what a create (`old` is none), update or patch has changed: the writer owns it now,
/// nobody else does.
///
/// A client may edit managed fields: what `new` has of them counts, unless it cannot be read. An empty list (of an object
/// that was there before), or one with one empty entry, forgets all owners, and so does an item of a list that nothing tells
/// apart. Objects of which nothing is known are left so.
pub fn track_update(write: &Write<'_>, old: Option<&Value>, new: &mut Value) {
    let requested = list::take(new);
    let forgets = |entries: &[Value]| is_reset(entries) && (old.is_some() || !entries.is_empty());
    if requested.as_deref().is_some_and(forgets) && write.subresource.is_empty() {
        return;
    }
    let mut owners = owners_of(write, old.and_then(list::entries), requested);
    if owners.0.is_empty() && old.is_some() {
        return;
    }
    let is_clear = match old {
        Some(old) => take_over(write, &mut owners, old, new),
        None => take_over(write, &mut owners, &write.schema.zero(), new),
    };
    if !is_clear {
        return;
    }
    cap_updaters(&mut owners);
    owners.write(new);
}

/// Who owns what before a write: what the client says of it, if that is another thing and can be read, else what is known.
fn owners_of(write: &Write<'_>, known: Option<&[Value]>, requested: Option<Vec<Value>>) -> Owners {
    let later = |entries: Vec<Value>| Owners::read_later(entries).unwrap_or_default();
    match (requested, known) {
        (Some(requested), Some(known)) if requested == known => later(requested),
        (Some(requested), known) if write.subresource.is_empty() => match Owners::read(&requested) {
            Ok(owners) => owners,
            Err(_) => known.map(|known| later(known.to_vec())).unwrap_or_default(),
        },
        (_, known) => known.map(|known| later(known.to_vec())).unwrap_or_default(),
    }
}

/// Whether a client asks to forget all owners.
fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [only] => only.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

/// Takes from all owners what differs between two states, and gives it to the writer. Whether it can be said who owns what.
pub(crate) fn take_over(write: &Write<'_>, owners: &mut Owners, old: &Value, new: &Value) -> bool {
    let versions = Versions::of(write);
    let ignored = paths(write.reset_fields);
    let delta = Delta::between_written(old, new, write.schema).without(&ignored);
    forget(&versions, owners, write.api_version, &delta, old, new);

    let mut taken = delta.changed;
    strip(&mut taken);
    if !taken.is_empty() {
        let identity = Identity::new(
            Operation::Update,
            write.manager,
            write.api_version,
            write.subresource,
        );
        let time = Some(write.time.to_owned());
        owners.add(Owner::new(identity, write.api_version, time, taken));
    }
    !delta.is_unclear
}

/// Takes from all owners what differs between two states.
pub(crate) fn forget(
    versions: &Versions<'_>,
    owners: &mut Owners,
    api_version: &str,
    delta: &Delta,
    old: &Value,
    new: &Value,
) {
    owners.0.retain_mut(|owner| {
        let in_its_version;
        let delta = if owner.api_version == api_version {
            delta
        } else {
            // A version that is no longer served says nothing of the object as it is.
            let Some(seen) = versions.delta(old, new, &owner.api_version) else {
                return false;
            };
            in_its_version = seen;
            &in_its_version
        };
        for lost in [&delta.changed, &delta.removed] {
            if owner.owns_some_of(lost) {
                owner.lose(lost);
            }
        }
        !owner.owns_nothing()
    });
}

/// The paths of fields and all that is below them: `status`, `metadata.labels`.
pub(crate) fn paths(fields: &[&str]) -> FieldSet {
    let mut set = FieldSet::new();
    for field in fields {
        let path: Vec<Element> = field.split('.').map(Element::field).collect();
        set.insert_path(&path);
    }
    set
}

/// Takes away what nobody owns: what names an object, and what the server itself keeps.
pub(crate) fn strip(fields: &mut FieldSet) {
    const METADATA: &[&str] = &[
        "clusterName",
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ];
    let is_one_of =
        |element: &Element, names: &[&str]| element.as_field().is_some_and(|name| names.contains(&name));
    let unmark = |node: &mut Node| {
        node.member = false;
        true
    };
    fields.retain(|element, node| match element.as_field() {
        Some("apiVersion" | "kind") => unmark(node),
        Some("metadata") => {
            node.below
                .retain(|element, node| !is_one_of(element, METADATA) || unmark(node));
            unmark(node)
        }
        _ => true,
    });
}

//! Objects that several informers of a process hold are there once: an object of one UID in one version is the same everywhere.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::peek;
use crate::api::Kind;
use crate::decode;
use crate::metadata::ObjectMetadata;

/// The type an object was decoded into, and its UID as a number.
type Identity = (TypeId, u128);

/// A version of an object, as long as somebody holds it.
struct Version {
    number: u64,
    object: Weak<dyn Any + Send + Sync>,
}

static HELD: LazyLock<Mutex<HashMap<Identity, Version>>> = LazyLock::new(Mutex::default);

/// The same object as another informer holds it, if one does; else this one, made lean.
pub(super) fn share<K: Kind>(object: K) -> Arc<K> {
    let Some((identity, number)) = identity_of(&object) else {
        return Arc::new(lean(object));
    };
    if let Some(same) = held(&HELD.lock(), identity, number) {
        return same;
    }
    let object = Arc::new(lean(object));
    let mut all = HELD.lock();
    // The others hear of a change at the same time.
    if let Some(same) = held(&all, identity, number) {
        return same;
    }
    if all.get(&identity).is_none_or(|version| version.number < number) {
        let any: Arc<dyn Any + Send + Sync> = object.clone();
        let object = Arc::downgrade(&any);
        all.insert(identity, Version { number, object });
    }
    object
}

/// An object as informers hold it. One that is held already is found by its UID and version, and not decoded again.
pub(super) struct Held<K>(pub(super) Arc<K>);

impl<K: Kind> Held<K> {
    /// Reads an object.
    pub(super) fn decode(json: &str) -> serde_json::Result<Self> {
        if let Some((uid, version)) = peek::of(json)
            && let Some((identity, number)) = identify::<K>(&uid, &version)
            && let Some(same) = held(&HELD.lock(), identity, number)
        {
            return Ok(Self(same));
        }
        decode::from_slice(json.as_bytes()).map(|object| Self(share(object)))
    }
}

fn held<K: Kind>(all: &HashMap<Identity, Version>, identity: Identity, number: u64) -> Option<Arc<K>> {
    let version = all.get(&identity).filter(|version| version.number == number)?;
    version.object.upgrade()?.downcast::<K>().ok()
}

/// An informer holds an object no longer.
pub(super) fn release<K: Kind>(object: Arc<K>) {
    let Some((identity, _)) = identity_of(&*object) else {
        return;
    };
    drop(object);
    let mut all = HELD.lock();
    if all
        .get(&identity)
        .is_some_and(|version| version.object.strong_count() == 0)
    {
        all.remove(&identity);
    }
}

fn identity_of<K: Kind>(object: &K) -> Option<(Identity, u64)> {
    let metadata = object.metadata();
    identify::<K>(metadata.uid(), metadata.resource_version())
}

/// None for what has no usual identity and version.
fn identify<K: 'static>(uid: &str, version: &str) -> Option<(Identity, u64)> {
    let hex: String = uid.split('-').collect();
    let uid = u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some(((TypeId::of::<K>(), uid), version.parse().ok()?))
}

/// An object as it is kept: without what nobody reads. And copied: a decoded object has room to grow in each of its lists and
/// texts, its copy has none.
fn lean<K: Kind>(mut object: K) -> K {
    object.metadata_mut().slim();
    object.clone()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

    use super::*;

    fn metadata(uid: &str, version: &str) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            managed_fields: Some(vec![ManagedFieldsEntry::default()]),
            ..ObjectMeta::default()
        }
    }

    fn config_map(uid: &str, version: &str) -> ConfigMap {
        ConfigMap {
            metadata: metadata(uid, version),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn one_version_is_held_once_and_only_while_it_is_held() {
        let uid = "8b3c1f9a-64a4-4d0e-9d55-0f1d2c3b4a59";
        let first = share(config_map(uid, "5"));
        assert!(first.metadata.managed_fields.is_none());
        assert!(Arc::ptr_eq(&first, &share(config_map(uid, "5"))));
        let later = share(config_map(uid, "6"));
        assert!(!Arc::ptr_eq(&first, &later));
        assert!(Arc::ptr_eq(&later, &share(config_map(uid, "6"))));
        assert!(
            !Arc::ptr_eq(&first, &share(config_map(uid, "5"))),
            "an old version is not looked for"
        );
        let other = share(Secret {
            metadata: metadata(uid, "6"),
            ..Secret::default()
        });
        assert!(other.metadata.uid.is_some(), "another type is another object");
        let identity = identity_of(&*later).map(|(identity, _)| identity);
        let is_held = || identity.is_some_and(|identity| HELD.lock().contains_key(&identity));
        release(first);
        assert!(is_held());
        release(later);
        assert!(!is_held());
    }

    #[test]
    fn what_is_held_is_found_in_json() {
        let uid = "8b3c1f9a-64a4-4d0e-9d55-0f1d2c3b4a5b";
        let first = share(config_map(uid, "5"));
        let read = |version: &str| {
            let json = format!(
                r#"{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"uid":"{uid}","resourceVersion":"{version}"}}}}"#
            );
            Held::<ConfigMap>::decode(&json).expect("a config map").0
        };
        assert!(Arc::ptr_eq(&first, &read("5")));
        let later = read("6");
        assert_eq!(later.metadata.resource_version.as_deref(), Some("6"));
        assert!(Arc::ptr_eq(&later, &read("6")));
        assert!(Held::<ConfigMap>::decode(r#"{"metadata":{"uid":5}}"#).is_err());
    }

    #[test]
    fn what_has_no_identity_is_kept_alone() {
        for (uid, version) in [
            ("", "1"),
            ("some", "1"),
            ("8b3c1f9a-64a4-4d0e-9d55-0f1d2c3b4a5a", "x"),
        ] {
            let (first, second) = (share(config_map(uid, version)), share(config_map(uid, version)));
            assert!(!Arc::ptr_eq(&first, &second), "{uid} {version}");
        }
    }
}

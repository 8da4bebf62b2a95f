//! What makes a room: a type that holds a descriptor and answers for its kind.

/// Declares the type of a room. Its `Strategy` is written beside it.
macro_rules! room {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub resource::Descriptor);

        impl resource::Kind for $name {
            fn descriptor(&self) -> &resource::Descriptor {
                &self.0
            }

            fn disabled_fields(&self) -> resource::Disabled {
                crate::disabled::of(&self.0)
            }
        }
    };
}

pub(crate) use room;

/// What belongs to the endpoints of a kind with a status: who writes the object does not own its status, and the reverse.
pub fn status_apart(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "" => &["status"],
        "status" => &["spec"],
        _ => &[],
    }
}

/// The same for a kind whose status says nothing of its metadata.
pub fn status_and_metadata_apart(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "status" => &["metadata", "spec"],
        other => status_apart(other),
    }
}

/// Puts the metadata back that who writes a part does not change.
pub fn keep_metadata(new: &mut serde_json::Value, old: &serde_json::Value) {
    const KEPT: [&str; 7] = [
        "deletionTimestamp",
        "generation",
        "selfLink",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
    ];
    for field in KEPT {
        crate::toolkit::defaults::restore(&mut new["metadata"], &old["metadata"], field);
    }
}

/// The values at these JSON pointers, each in its place even if nothing is there.
pub fn image<'a>(object: &'a serde_json::Value, pointers: &[&str]) -> Vec<&'a serde_json::Value> {
    const NOTHING: &serde_json::Value = &serde_json::Value::Null;
    pointers
        .iter()
        .map(|pointer| object.pointer(pointer).unwrap_or(NOTHING))
        .collect()
}

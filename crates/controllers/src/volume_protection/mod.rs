//! Volumes, claims and classes of their attributes that are in use stay until they are not: a finalizer keeps them.

mod claims;
mod classes;
mod volumes;

pub use claims::{NAME as CLAIMS_NAME, run as run_claims};
pub use classes::{NAME as CLASSES_NAME, run as run_classes};
pub use volumes::{NAME as VOLUMES_NAME, run as run_volumes};

use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// What is to happen with a protecting finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Add,
    /// It goes unless the object is in use.
    RemoveIfUnused,
}

fn step(metadata: &ObjectMeta, finalizer: &str) -> Step {
    let finalizers = metadata.finalizers.as_ref();
    let has = finalizers.is_some_and(|finalizers| finalizers.iter().any(|known| known == finalizer));
    match (metadata.deletion_timestamp.is_some(), has) {
        (true, true) => Step::RemoveIfUnused,
        (false, false) => Step::Add,
        _ => Step::Nothing,
    }
}

fn add(metadata: &mut ObjectMeta, finalizer: &str) {
    metadata
        .finalizers
        .get_or_insert_default()
        .push(finalizer.to_owned());
}

fn remove(metadata: &mut ObjectMeta, finalizer: &str) {
    if let Some(finalizers) = &mut metadata.finalizers {
        finalizers.retain(|known| known != finalizer);
    }
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_lives_is_protected() {
        let mut metadata = ObjectMeta::default();
        assert_eq!(step(&metadata, "f"), Step::Add);
        add(&mut metadata, "f");
        assert_eq!(step(&metadata, "f"), Step::Nothing);
        metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        assert_eq!(step(&metadata, "f"), Step::RemoveIfUnused);
        remove(&mut metadata, "f");
        assert_eq!(step(&metadata, "f"), Step::Nothing);
    }
}

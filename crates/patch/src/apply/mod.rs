//! Server-side apply: a manager says what it wants to be so; the rest is left to others.

mod check;
mod conflict;
mod last_applied;
mod merge;
mod named;
mod part;
mod prune;
mod remove;

use meta::Status;
use meta::status::Reason;
use serde_json::Value;

pub use check::CheckErrors;
pub use conflict::{Conflict, Conflicts};
pub use part::{PartError, merge_part};

use crate::fields::{Delta, FieldSet};
use crate::managed::{
    BEFORE_FIRST_APPLY, Identity, Operation, Owner, Owners, Versions, Write, forget, paths, strip, take,
    take_over,
};

/// The manager for whom client-side apply is taken over and kept up to date.
const KUBECTL: &str = "kubectl";

/// Why a configuration cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It says who owns what.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// It has fields that the type has not, or values of the wrong type, or items that cannot be told apart.
    #[error("failed to create typed patch object ({name}): {errors}")]
    NotTyped {
        /// Namespace, name and kind of the configuration.
        name: String,
        /// What is wrong.
        errors: CheckErrors,
    },
    /// Nobody owns the object, and it has items that cannot be told apart, so that it cannot be said who owned what.
    #[error(
        "failed to create manager for existing fields: failed to convert new object ({name}) to smd typed: {errors}"
    )]
    Unclear {
        /// Namespace, name and kind of the object.
        name: String,
        /// What cannot be told apart.
        errors: CheckErrors,
    },
    /// Others own fields that it would change.
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
}

impl ApplyError {
    /// What the client is answered.
    pub fn to_status(&self) -> Status {
        match self {
            Self::ManagedFields => Status::bad_request(self.to_string()),
            Self::NotTyped { .. } | Self::Unclear { .. } => {
                Status::failure(500, Reason::UNKNOWN, self.to_string())
            }
            Self::Conflicts(conflicts) => conflicts.to_status(),
        }
    }
}

/// Namespace, name and kind of a configuration, as messages have it: `ns/a; apps/v1, Kind=Deployment`.
pub fn object_name(config: &Value) -> String {
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or("");
    let api_version = text("apiVersion");
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!(
        "{}/{}; {slash}{api_version}, Kind={}",
        meta::object::namespace(config),
        meta::object::name(config),
        text("kind")
    )
}

/// The answer if what [`apply`] made of an object cannot be decoded.
pub fn not_decodable(config: &Value, why: &str) -> Status {
    let kind = object_name(config);
    let kind = kind.split_once("; ").map_or("", |(_, kind)| kind);
    let message = format!(
        "failed to convert new object ({}) to proper version: unable to convert unstructured object to {kind}: {why}",
        object_name(config)
    );
    Status::failure(500, Reason::UNKNOWN, message)
}

/// Applies a configuration to an object; for one that is not there yet, to [`schema::SchemaRef::zero`]. The outcome has its managed
/// fields, but is still to be decoded and given defaults. What its manager no longer wants and nobody else owns is gone.
///
/// # Errors
/// If the configuration is not of the type, or others own fields that it would change and `force` is not set.
pub fn apply(write: &Write<'_>, live: &Value, config: &Value, force: bool) -> Result<Value, ApplyError> {
    if config
        .get("metadata")
        .and_then(|metadata| metadata.get("managedFields"))
        .and_then(Value::as_array)
        .is_some_and(|owners| owners.iter().all(Value::is_object))
    {
        return Err(ApplyError::ManagedFields);
    }
    check::check(config, write.schema).map_err(|errors| ApplyError::NotTyped {
        name: object_name(config),
        errors,
    })?;
    let mut owners = Owners::of(live);
    let mut live = live.clone();
    take(&mut live);
    if owners.0.is_empty() {
        let write = Write {
            manager: BEFORE_FIRST_APPLY,
            ..*write
        };
        if !take_over(&write, &mut owners, &write.schema.zero(), &live) {
            return Err(ApplyError::Unclear {
                name: object_name(&live),
                errors: check::nameless(&live, write.schema),
            });
        }
    }
    let application = Application {
        write,
        versions: Versions::of(write),
        live: &live,
        config,
    };
    let identity = application.identity();
    let applied = match application.run(owners.clone(), force) {
        Err(conflicts) if write.manager == KUBECTL => {
            let conflicts = conflicts.without(&last_applied::owned(&live, write));
            if !conflicts.is_empty() {
                return Err(conflicts.into());
            }
            application.run(owners, true)
        }
        outcome => outcome,
    };
    let (object, mut owners) = applied?;
    let changed = object.is_some();
    let mut object = object.unwrap_or(live);
    if write.manager == KUBECTL {
        last_applied::update(&mut object, config);
    }
    if changed {
        owners.set_time(&identity, write.time);
    }
    owners.write(&mut object);
    Ok(object)
}

/// One configuration, one object.
struct Application<'a, 's> {
    write: &'a Write<'s>,
    versions: Versions<'s>,
    live: &'a Value,
    config: &'a Value,
}

impl Application<'_, '_> {
    fn identity(&self) -> Identity {
        let write = self.write;
        Identity::new(
            Operation::Apply,
            write.manager,
            write.api_version,
            write.subresource,
        )
    }

    /// The object and its owners; no object if nothing about it changes.
    fn run(&self, mut owners: Owners, force: bool) -> Result<(Option<Value>, Owners), Conflicts> {
        let write = self.write;
        let ignored = paths(write.reset_fields);
        let merged = merge::merge(self.live, self.config, write.schema);
        let before = owners.take(&self.identity());
        let wanted = FieldSet::of(self.config, write.schema).difference_below(&ignored);
        let time = before.as_ref().and_then(|owner| owner.time.clone());
        owners.set(Owner::new(self.identity(), write.api_version, time, wanted));
        let object = match &before {
            Some(before) if !before.fields.is_empty() => {
                prune::prune(&self.versions, merged, &owners, before)
            }
            _ => merged,
        };
        let delta = Delta::between(self.live, &object, write.schema).without(&ignored);
        let own = owners.take(&self.identity());
        let conflicts = self.conflicts(&owners, &delta, &object);
        if !force && !conflicts.is_empty() {
            return Err(conflicts);
        }
        forget(
            &self.versions,
            &mut owners,
            write.api_version,
            &delta,
            self.live,
            &object,
        );
        if let Some(mut own) = own {
            strip(&mut own.fields);
            owners.set(own);
        }
        owners.drop_empty();
        Ok(((object != *self.live).then_some(object), owners))
    }

    fn conflicts(&self, owners: &Owners, delta: &Delta, object: &Value) -> Conflicts {
        let mut conflicts = Vec::new();
        for owner in &owners.0 {
            let changed = if owner.api_version == self.write.api_version {
                owner.fields.intersection(&delta.changed)
            } else {
                let delta = self.versions.delta(self.live, object, &owner.api_version);
                delta.map_or_else(FieldSet::new, |delta| owner.fields.intersection(&delta.changed))
            };
            if !changed.is_empty() {
                conflicts.push((owner.identity.clone(), changed));
            }
        }
        Conflicts::new(conflicts)
    }
}

#[cfg(test)]
mod tests;

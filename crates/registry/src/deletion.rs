//! What a delete does to an object, decided without touching the store.

use jiff::{SignedDuration, Timestamp};
use meta::field::{FieldError, Path};
use meta::object::metadata_str;
use meta::{ErrorList, GroupVersionKind, Status};
use resource::{DefaultPropagation, Deletion, Kind};
use serde_json::Value;

use crate::metadata;
use crate::options::{DeleteOptions, Propagation};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Deletion is under way; the object is answered as it is.
    Wait,
    /// The object goes at once.
    Remove,
    /// The object is marked, and waits for its finalizers or its grace period.
    Mark(Value),
    /// The object is marked, for those who watch it, and then goes.
    MarkAndRemove(Value),
}

/// Upstream's 422 for options that contradict each other.
pub(crate) fn validate_options(options: &DeleteOptions) -> Result<(), Status> {
    const DELETE_OPTIONS: GroupVersionKind = GroupVersionKind::new("meta.k8s.io", "v1", "DeleteOptions");
    if options.propagation.is_none() || options.orphan_dependents.is_none() {
        return Ok(());
    }
    let path = Path::new("propagationPolicy");
    let chosen = options.propagation.map_or("", Propagation::as_str);
    let problem = "orphanDependents and deletionPropagation cannot be both set";
    let errors: ErrorList = vec![FieldError::invalid(&path, chosen, problem)];
    Err(Status::invalid(&DELETE_OPTIONS, "", &errors))
}

/// Decides what a delete at `now` does to an object.
pub(crate) fn plan(kind: &dyn Kind, object: &Value, options: &DeleteOptions, now: Timestamp) -> Plan {
    if kind.holds_deletion(object) {
        return hold(kind, object, options, now);
    }
    let requested = options
        .grace_period_seconds
        .map(|seconds| if seconds < 0 { 1 } else { seconds });
    let graceful = match grace(kind, object, requested) {
        Grace::Pending => return Plan::Wait,
        Grace::None => None,
        Grace::Seconds(seconds) => Some(seconds),
    };
    let finalizers = finalizers(kind, object, options);
    let has_changed = metadata::finalizers(object) != finalizers;
    if graceful.is_none() && finalizers.is_empty() && !has_changed {
        return Plan::Remove;
    }
    let waits = !finalizers.is_empty();
    let finalizers: Vec<String> = finalizers.into_iter().map(str::to_owned).collect();
    let mut marked = object.clone();
    if has_changed {
        set_finalizers(&mut marked, finalizers);
    }
    match graceful {
        Some(seconds) => mark_gracefully(&mut marked, seconds, now),
        None if waits => mark_at_once(&mut marked, now),
        None => return Plan::Remove,
    }
    kind.prepare_for_deletion(&mut marked);
    if waits || graceful.is_some_and(|seconds| seconds > 0) {
        Plan::Mark(marked)
    } else {
        Plan::MarkAndRemove(marked)
    }
}

/// An object that something else than `metadata.finalizers` holds: marked once, without a grace period.
fn hold(kind: &dyn Kind, object: &Value, options: &DeleteOptions, now: Timestamp) -> Plan {
    if metadata::is_deleting(object) {
        return Plan::Wait;
    }
    let mut marked = object.clone();
    let finalizers = finalizers(kind, object, &with_dependents_first(options));
    if metadata::finalizers(object) != finalizers {
        set_finalizers(&mut marked, finalizers.into_iter().map(str::to_owned).collect());
    }
    metadata::set(&mut marked, "deletionTimestamp", metadata::seconds(now).into());
    kind.prepare_for_deletion(&mut marked);
    Plan::Mark(marked)
}

/// Such objects take it literally that dependents are not to be orphans: those go before them.
fn with_dependents_first(options: &DeleteOptions) -> DeleteOptions {
    let mut options = options.clone();
    if options.orphan_dependents == Some(false) {
        options.orphan_dependents = None;
        options.propagation = Some(Propagation::Foreground);
    }
    options
}

enum Grace {
    /// The object is not given any time.
    None,
    /// It is given so many seconds, counted from when deletion was first asked for.
    Seconds(i64),
    /// It has been given time already, and no less is asked for.
    Pending,
}

fn grace(kind: &dyn Kind, object: &Value, requested: Option<i64>) -> Grace {
    if metadata::is_deleting(object) {
        let Some(given) = metadata::grace_period_seconds(object).filter(|seconds| *seconds != 0) else {
            return Grace::None;
        };
        return match requested {
            Some(seconds) if seconds < given => Grace::Seconds(seconds),
            _ => Grace::Pending,
        };
    }
    match kind.deletion(object, requested) {
        Deletion::Immediate => Grace::None,
        Deletion::Graceful { grace_period_seconds } => Grace::Seconds(grace_period_seconds),
    }
}

/// The finalizers with those of garbage collection as the options, the object and the kind want them, in that order.
fn finalizers<'a>(kind: &dyn Kind, object: &'a Value, options: &DeleteOptions) -> Vec<&'a str> {
    let present = metadata::finalizers(object);
    let is_other = |finalizer: &&str| ![ORPHAN, FOREGROUND].contains(finalizer);
    if kind.default_propagation() == DefaultPropagation::Unsupported {
        return present.into_iter().filter(is_other).collect();
    }
    let asked = match options.orphan_dependents {
        Some(true) => Some(Propagation::Orphan),
        Some(false) => Some(Propagation::Background),
        None => options.propagation,
    };
    let by_object = || match () {
        () if present.contains(&ORPHAN) => Some(Propagation::Orphan),
        () if present.contains(&FOREGROUND) => Some(Propagation::Foreground),
        () => None,
    };
    let by_kind = match kind.default_propagation() {
        DefaultPropagation::Orphan => Propagation::Orphan,
        _ => Propagation::Background,
    };
    let wanted = match asked.or_else(by_object).unwrap_or(by_kind) {
        Propagation::Orphan => Some(ORPHAN),
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Background => None,
    };
    let others = present.iter().copied().filter(is_other);
    if wanted.is_some_and(|wanted| present.contains(&wanted)) {
        let stays = |finalizer: &&str| is_other(finalizer) || wanted == Some(*finalizer);
        return present.iter().copied().filter(stays).collect();
    }
    others.chain(wanted).collect()
}

fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        metadata::remove(object, "finalizers");
    } else {
        metadata::set(object, "finalizers", finalizers.into());
    }
}

/// The time of the mark is when the grace period is over.
fn mark_gracefully(object: &mut Value, grace_seconds: i64, now: Timestamp) {
    let asked_at = match metadata_str(object, "deletionTimestamp").parse::<Timestamp>() {
        Ok(over) => {
            let given = metadata::grace_period_seconds(object).unwrap_or(0);
            over - SignedDuration::from_secs(given)
        }
        Err(_) => {
            count_mark(object);
            now
        }
    };
    let over = asked_at + SignedDuration::from_secs(grace_seconds);
    metadata::set(object, "deletionTimestamp", metadata::seconds(over).into());
    metadata::set(object, "deletionGracePeriodSeconds", grace_seconds.into());
}

fn mark_at_once(object: &mut Value, now: Timestamp) {
    let marked_at = metadata_str(object, "deletionTimestamp").parse::<Timestamp>();
    if marked_at.is_err() {
        count_mark(object);
    }
    if marked_at.map_or(true, |at| at > now) {
        metadata::set(object, "deletionTimestamp", metadata::seconds(now).into());
    }
    metadata::set(object, "deletionGracePeriodSeconds", 0.into());
}

/// The mark counts as a change of the desired state, for objects that count such changes.
fn count_mark(object: &mut Value) {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    if generation.is_some_and(|generation| generation > 0) {
        metadata::count_generation(object);
    }
}

//! The small questions the generic algorithm asks of a kind, each with the answer most kinds give.

use std::time::Duration;

use meta::field::Path;
use meta::{ErrorList, GroupVersionKind, Status};
use schema::SchemaRef;
use serde_json::Value;

use crate::descriptor::Descriptor;
use crate::disabled::Disabled;
use crate::table::{Column, Row};

/// A kind: facts and behaviour together.
pub trait Kind: Strategy {
    /// Its facts.
    fn descriptor(&self) -> &Descriptor;

    /// The schema of its objects: that of the type table, unless who defined the kind says otherwise.
    fn schema(&self) -> SchemaRef<'_> {
        self.descriptor().schema
    }

    /// The OpenAPI schema by which a custom resource was defined.
    fn open_api(&self) -> Option<Value> {
        None
    }

    /// The fields that are taken from what a client writes, because their features are off.
    fn disabled_fields(&self) -> Disabled {
        Disabled::default()
    }

    /// Whether it is the kind of a custom resource. Those have no protobuf form, no strategic merge, and simpler routes.
    fn is_custom(&self) -> bool {
        false
    }
}

/// What happens to an object that is asked to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Removed at once (finalizers aside).
    Immediate,
    /// Marked, then removed by who looks after it, within that many seconds.
    Graceful {
        /// Seconds.
        grace_period_seconds: i64,
    },
}

/// What becomes of an object's dependents if who deletes it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultPropagation {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They stay without owner (`replicationcontrollers`, `jobs`).
    Orphan,
    /// The kind takes no part in garbage collection; what the client asks for is ignored (`events`).
    Unsupported,
}

/// How often a kind checks the metadata of a change itself, after the server has checked them as it does for every kind. It
/// shows in how often a problem of metadata is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataChecks {
    /// Times it compares them with the old ones.
    pub as_change: u8,
    /// Times it checks them as those of a new object.
    pub as_new: u8,
}

impl MetadataChecks {
    /// What the server checks is enough.
    pub const NONE: Self = Self {
        as_change: 0,
        as_new: 0,
    };
    /// As a change only.
    pub const AS_CHANGE: Self = Self {
        as_change: 1,
        as_new: 0,
    };
    /// As a new object only.
    pub const AS_NEW: Self = Self {
        as_change: 0,
        as_new: 1,
    };
    /// As a change, and as a new object.
    pub const BOTH: Self = Self {
        as_change: 1,
        as_new: 1,
    };
    /// As a new object, twice.
    pub const AS_NEW_TWICE: Self = Self {
        as_change: 0,
        as_new: 2,
    };
}

/// Behaviour of a kind. Objects are JSON trees already checked against the type table; a method may rely on every value
/// having the type the table gives it, and on nothing else.
pub trait Strategy: Send + Sync {
    /// Fills in what the client left out. Idempotent. Runs on everything that comes in, and on objects read from the store.
    fn default(&self, _object: &mut Value) {}

    /// Takes away what the schema does not know and says where that was, if unknown fields of the kind get that far: those of
    /// built-in kinds do not. Runs before [`Strategy::default`].
    fn prune(&self, _object: &mut Value) -> Vec<String> {
        Vec::new()
    }

    /// Whether objects of this kind lie in the store as another kind. Only then are the two conversions called. Of the kinds
    /// that share a storage prefix exactly one answers no.
    fn converts(&self) -> bool {
        false
    }

    /// Turns an object of this version into the version the store holds, `apiVersion` and `kind` included, where the same
    /// objects are served in more than one version or group (events, autoscalers). Runs last before a write.
    fn convert_to_stored(&self, _object: &mut Value) {}

    /// The way back, on every object read from the store.
    fn convert_from_stored(&self, _object: &mut Value) {}

    /// Turns an object that lies in the store in another version, as an older server left it or as upstream prefers to store
    /// it, into this version, `apiVersion` aside. Nothing is to be done where the versions differ in nothing else.
    fn upgrade_stored(&self, _object: &mut Value) {}

    /// What a client may not set on create is taken away; initial state is put in. The generic part (name, namespace, UID,
    /// creation time, generation 1) has been done by the caller. `status` has been dropped by the caller if there is a
    /// status subresource (but see [`Strategy::keeps_status_on_create`]).
    fn prepare_for_create(&self, _object: &mut Value) {}

    /// Whether a client may create an object with its status already filled in, as a kubelet does with its node.
    fn keeps_status_on_create(&self) -> bool {
        false
    }

    /// The kind that is named when an object is refused, where it is not its own: upstream names the one it was checked as.
    fn named_in_refusals(&self) -> Option<&'static GroupVersionKind> {
        None
    }

    /// Everything wrong with a new object, metadata aside.
    fn validate(&self, _object: &Value) -> ErrorList {
        ErrorList::new()
    }

    /// What is wrong with what an object asks to be given (a service's addresses): nothing is given then, and nothing else told.
    fn validate_wishes(&self, _new: &Value) -> ErrorList {
        ErrorList::new()
    }

    /// What a client may not change on update is put back. The caller restores `status` if there is a status subresource,
    /// and counts `metadata.generation` up if `spec` (see [`Strategy::counts_generation`]) changed.
    fn prepare_for_update(&self, _new: &mut Value, _old: &Value) {}

    /// Everything wrong with a change, metadata aside; includes what [`Strategy::validate`] finds, where upstream does so.
    fn validate_update(&self, new: &Value, _old: &Value) -> ErrorList {
        self.validate(new)
    }

    /// Warnings for the client on create (`old` is none) and update; nobody is warned who writes a part only.
    fn warnings(&self, _new: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }

    /// Warnings for who makes an object that are said before it is prepared, and even if it is refused.
    fn early_warnings(&self, _new: &Value) -> Vec<String> {
        Vec::new()
    }

    /// What clients are told at every request for this kind, because it will go: `v1 Endpoints is deprecated in v1.33+; ...`.
    fn deprecation(&self) -> Option<&str> {
        None
    }

    /// As [`Strategy::prepare_for_update`], for a subresource that is a part of the object (`status`,
    /// `ephemeralcontainers`, ...). The caller has already taken everything but the part from `old`, for `status`.
    fn prepare_part_for_update(&self, _subresource: &str, _new: &mut Value, _old: &Value) {}

    /// Notes in a part when it was changed, where the kind keeps that: `now` is in RFC 3339. Runs before
    /// [`Strategy::prepare_part_for_update`].
    fn stamp_part_update(&self, _subresource: &str, _new: &mut Value, _old: &Value, _now: &str) {}

    /// As [`Strategy::validate_update`], for a subresource that is a part of the object.
    fn validate_part_update(&self, _subresource: &str, _new: &Value, _old: &Value) -> ErrorList {
        ErrorList::new()
    }

    /// Upstream's message if `name` is not a valid name for this kind (`prefix` for a `generateName`). Most kinds' names are
    /// DNS subdomains.
    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::dns1123_subdomain_prefix(name)
        } else {
            meta::name::dns1123_subdomain(name)
        }
    }

    /// Whether an apply to the status of what is not there creates it.
    fn status_apply_creates(&self) -> bool {
        self.allows_create_on_update()
    }

    /// Whether the kind itself checks the metadata of a new object, before the server does.
    fn checks_metadata_of_new(&self) -> bool {
        true
    }

    /// Whether a name is made of a prefix for names, which is else taken as it is.
    fn generates_names(&self) -> bool {
        true
    }

    /// Whether an object that comes without a name, and without a prefix for one, gets any name.
    fn names_the_nameless(&self) -> bool {
        false
    }

    /// How often the kind itself checks the metadata of a change of the object (`subresource` empty) or of a part of it.
    fn metadata_checks(&self, subresource: &str) -> MetadataChecks {
        if subresource.is_empty() {
            MetadataChecks::BOTH
        } else {
            MetadataChecks::AS_CHANGE
        }
    }

    /// Whether a finalizer without a domain may be any word, as for custom resources and the kinds that describe the API.
    fn allows_any_finalizer(&self) -> bool {
        false
    }

    /// Whether a new object has the generation that the client gives it, rather than the first one.
    fn keeps_generation_on_create(&self) -> bool {
        false
    }

    /// Whether a PUT of an object that does not exist creates it.
    fn allows_create_on_update(&self) -> bool {
        false
    }

    /// Whether a PUT without a resourceVersion is taken.
    fn allows_unconditional_update(&self) -> bool {
        true
    }

    /// The object without what does not count as a change of desired state: objects whose images differ get the next
    /// generation. None: this kind keeps no generation. Most kinds with a generation answer [`spec_only`].
    fn generation_image<'a>(&self, _object: &'a Value) -> Option<Vec<&'a Value>> {
        None
    }

    /// Whether a change begins a new generation.
    fn begins_generation(&self, new: &Value, old: &Value) -> bool {
        self.generation_image(new) != self.generation_image(old)
    }

    /// Whether an empty list where none was begins a new generation too, as for the few kinds whose images upstream compares
    /// without regard to what they mean.
    fn tells_empty_from_none(&self) -> bool {
        false
    }

    /// Whether what is put back or taken away of a change by [`Strategy::prepare_for_update`] begins a new generation all the
    /// same.
    fn counts_what_is_dropped(&self) -> bool {
        false
    }

    /// Why nothing of this kind is made at present, if that is so.
    fn refuses_creation(&self) -> Option<&str> {
        None
    }

    /// How a delete goes, given the grace period the client asked for.
    fn deletion(&self, _object: &Value, _requested_grace_period_seconds: Option<i64>) -> Deletion {
        Deletion::Immediate
    }

    /// Upstream's refusal, if an object may never be deleted.
    fn validate_delete(&self, _object: &Value) -> Result<(), Status> {
        Ok(())
    }

    /// How the object shows that deletion was asked for, beside its `deletionTimestamp`: a namespace's phase.
    fn prepare_for_deletion(&self, _object: &mut Value) {}

    /// Whether something besides `metadata.finalizers` must go before a deleted object does: a namespace's `spec.finalizers`.
    /// Such an object is marked with a `deletionTimestamp` and no grace period.
    fn holds_deletion(&self, _object: &Value) -> bool {
        false
    }

    /// Whether a delete that removes the object answers with it, rather than with a Status.
    fn returns_deleted_object(&self) -> bool {
        false
    }

    /// Whether a delete under conditions that do not hold is refused in the words of the store, with the resource's name: some
    /// kinds compare before the generic part does.
    fn compares_before_deletion(&self) -> bool {
        false
    }

    /// What a client is told who does not say what is to become of dependents.
    fn silent_deletion_warning(&self) -> Option<&'static str> {
        None
    }

    /// What becomes of dependents if the client does not say.
    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::default()
    }

    /// How long an object is kept after its last write, for kinds that expire (`events`).
    fn time_to_live(&self) -> Option<Duration> {
        None
    }

    /// Paths that belong to other endpoints and so are not owned by who writes through this one (empty: the object itself):
    /// `status` for the object, `spec` for its status.
    fn reset_fields(&self, _subresource: &str) -> &'static [&'static str] {
        &[]
    }

    /// An annotation that stands for a field which upstream has only in its own form of the object: it is not among the
    /// metadata where only those are shown.
    fn annotation_of_a_field(&self) -> Option<&'static str> {
        None
    }

    /// Fields a field selector may name besides `metadata.name` and `metadata.namespace`, with this object's values. They are
    /// also read from an outline of the object, without metadata and with null in place of lists.
    fn selectable_fields(&self, _object: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The names of those fields.
    fn selectable_field_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a field selector may name the namespace, which it may for many kinds that have none.
    fn selects_namespaces(&self) -> bool {
        true
    }

    /// Whether upstream serves reads of any version from a cache, whole whatever their limit is.
    fn lists_any_version_whole(&self) -> bool {
        true
    }

    /// Upstream's message for a field selector that names another field.
    fn unknown_field_label(&self, label: &str) -> String {
        if self.selectable_field_names().is_empty() {
            format!("{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        } else {
            format!("field label not supported: {label}")
        }
    }

    /// Whether reads of a part of the object (`status`) may be shown as a table too.
    fn part_has_rows(&self, _subresource: &str) -> bool {
        true
    }

    /// Columns of the table `kubectl get` shows.
    fn columns(&self) -> Vec<Column> {
        crate::table::default_columns()
    }

    /// One object's row: as many cells as there are columns. `now` is seconds since the epoch, for ages.
    fn row(&self, object: &Value, now: i64) -> Row {
        crate::table::default_row(object, now)
    }
}

/// The generation image of a kind whose desired state is its `spec`.
pub fn spec_only(object: &Value) -> Option<Vec<&Value>> {
    Some(object.get("spec").into_iter().collect())
}

/// The path of an object's own fields, where validation starts.
pub fn root() -> Path {
    Path::root()
}

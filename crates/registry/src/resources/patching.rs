//! What a patch makes of an object, read as the object it says it is.

use std::collections::BTreeSet;

use meta::{GroupVersion, GroupVersionKind, Status};
use patch::{Patch, PatchError};
use schema::decode::{TypeMeta, type_meta};
use schema::{FieldValidation, SchemaRef};
use serde_json::{Map, Value};

use super::Resource;
use super::target::Target;
use crate::amend::amend;
use crate::context::RequestContext;
use crate::custom;

/// What says of what type an object is.
const IDENTITY: [&str; 2] = ["apiVersion", "kind"];

const METADATA: &str = "metadata";
const MANAGED_FIELDS: &str = "managedFields";

/// What of an object a patch is about.
struct Reach<'p> {
    /// The members; none for all.
    members: Option<BTreeSet<&'p str>>,
    /// Whether who owns what is none of its business. That is a good part of many objects.
    leaves_owners: bool,
}

impl Reach<'_> {
    /// An object of that alone.
    fn part_of(&self, object: &Value) -> Value {
        let (Some(members), Value::Object(fields)) = (&self.members, object) else {
            return object.clone();
        };
        let reached = |name: &str| members.contains(name) || IDENTITY.contains(&name);
        let part = fields.iter().filter(|(name, _)| reached(name));
        part.map(|(name, field)| (name.clone(), self.part_of_member(name, field)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn part_of_member(&self, name: &str, field: &Value) -> Value {
        match field {
            Value::Object(fields) if self.leaves_owners && name == METADATA => fields
                .iter()
                .filter(|(name, _)| *name != MANAGED_FIELDS)
                .map(|(name, field)| (name.clone(), field.clone()))
                .collect::<Map<_, _>>()
                .into(),
            field => field.clone(),
        }
    }

    /// Adds what the patch has left alone. It is made of `former`, which should be much like the object.
    fn complete(&self, part: &mut Value, object: &Value, former: &mut Value) {
        let (Some(members), Value::Object(part), Value::Object(fields)) = (&self.members, part, object)
        else {
            return;
        };
        if self.leaves_owners
            && let Some(Value::Object(metadata)) = part.get_mut(METADATA)
            && let Some(owners) = fields
                .get(METADATA)
                .and_then(|metadata| metadata.get(MANAGED_FIELDS))
        {
            let former = former
                .get_mut(METADATA)
                .and_then(|metadata| metadata.get_mut(MANAGED_FIELDS));
            metadata.insert(MANAGED_FIELDS.to_owned(), made_of(former, owners));
        }
        let rest = fields.iter().filter(|(name, _)| !members.contains(name.as_str()));
        part.extend(rest.map(|(name, field)| (name.clone(), made_of(former.get_mut(name), field))));
    }
}

/// A copy of a tree, for which another may be taken apart.
fn made_of(former: Option<&mut Value>, tree: &Value) -> Value {
    let mut copy = former.map(Value::take).unwrap_or_default();
    amend(&mut copy, tree);
    copy
}

impl Resource {
    pub(super) fn patched(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        patch: &Patch,
        old: &Value,
    ) -> Result<Value, Status> {
        if self.kind.is_custom() && self.is_own_kind(target) {
            return self.patched_custom(context, patch, old);
        }
        let schema = self.schema_of(target);
        let reach = self.reach_of(target, patch, old);
        let reached = reach.part_of(old);
        let patched = patch
            .apply_to(reached, schema)
            .map_err(|error| error.to_status())?;
        let Some(schema) = schema else { return Ok(patched) };
        let invalid = |why: &str| patch.invalid(old, Some(schema), why);
        let read = if patch.is_strategic() {
            self.read_tree(context, target, patched, schema)
        } else {
            let text = || patch.text(old, Some(schema));
            self.read_text(context, target, patched, schema, text)
        };
        let (mut new, problems) = read.map_err(|why| invalid(&why))?;
        judge(context, patch, problems, invalid)?;
        let mut former = self.shared.recent.former(old).unwrap_or_default();
        reach.complete(&mut new, old, &mut former);
        if self.is_own_kind(target) {
            self.kind.default(&mut new);
        }
        Ok(new)
    }

    /// What of an object has to be read anew once it is patched. What lies in the store as this kind was read before.
    fn reach_of<'p>(&self, target: &Target<'_>, patch: &'p Patch, old: &Value) -> Reach<'p> {
        let was_read = self.is_own_kind(target) && !self.kind.converts() && old.is_object();
        let members = if was_read { patch.members() } else { None };
        // Of what type an object is decides about all of it.
        let members = members.filter(|members| !IDENTITY.iter().any(|name| members.contains(name)));
        Reach {
            members,
            leaves_owners: patch.leaves_alone(METADATA, MANAGED_FIELDS),
        }
    }

    /// A patched custom resource is read as any object is: of what type it says it is, validation judges.
    fn patched_custom(&self, context: &RequestContext, patch: &Patch, old: &Value) -> Result<Value, Status> {
        let patched = patch.apply(old, None).map_err(|error| error.to_status())?;
        let invalid = |why: &str| patch.invalid(old, None, why);
        let said = said(&patched).map_err(|why| invalid(&why))?;
        if !said.kind.is_empty() && said.api_version.is_empty() {
            return Err(Status::internal(
                "Object 'apiVersion' is missing in 'object has no apiVersion field'",
            ));
        }
        let decoded = custom::decode(&*self.kind, patched);
        let (mut new, report) = decoded.map_err(|error| invalid(&error.to_string()))?;
        let problems = report.warnings().map(str::to_owned).collect();
        judge(context, patch, problems, invalid)?;
        self.kind.default(&mut new);
        Ok(new)
    }

    /// A strategic merge patch yields a tree of the target's kind, whatever that then says of itself.
    fn read_tree(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        patched: Value,
        schema: SchemaRef<'_>,
    ) -> Result<(Value, Vec<String>), String> {
        let decoded = schema::decode_tree(patched, schema, leniently(context));
        let (mut new, report) = decoded.map_err(|error| error.to_string())?;
        if let Some(fields) = new.as_object_mut() {
            state(fields, self.kind_of(target));
        }
        Ok((new, report.warnings().map(str::to_owned).collect()))
    }

    /// The other patches yield text, which is read as what it says it is. It may leave out its kind.
    fn read_text(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        patched: Value,
        own: SchemaRef<'_>,
        text: impl FnOnce() -> Result<String, PatchError>,
    ) -> Result<(Value, Vec<String>), String> {
        let wanted = self.kind_of(target);
        let said = said(&patched)?;
        let stated = stated_kind(&said, wanted)?;
        let schema = if stated == *wanted {
            own
        } else {
            schema::builtin(&stated).ok_or_else(|| unregistered(&stated))?
        };
        if said.api_version.is_empty() && stated == *wanted {
            return Ok(without_version(patched, wanted));
        }
        let decoded = match schema::decode_value(patched, schema, leniently(context)) {
            Ok((new, report)) if report.is_empty() => Ok((new, report)),
            // What is wrong is told in the order of the text, and of numbers as they stand there.
            found => text().map_or(found, |text| {
                schema::decode_json(text.as_bytes(), schema, leniently(context))
            }),
        };
        let (mut new, report) = decoded.map_err(|error| error.to_string())?;
        if stated != *wanted {
            return Err(unconvertible(&stated, wanted));
        }
        if let Some(fields) = new.as_object_mut() {
            state(fields, wanted);
        }
        Ok((new, report.warnings().map(str::to_owned).collect()))
    }
}

/// Unknown fields are collected unless nobody wants to know; that they may refuse the patch is decided later, when those of
/// the patch itself are known too.
fn leniently(context: &RequestContext) -> FieldValidation {
    match context.field_validation {
        FieldValidation::Ignore => FieldValidation::Ignore,
        FieldValidation::Warn | FieldValidation::Strict => FieldValidation::Warn,
    }
}

/// What field validation makes of unknown and duplicate fields in the patch and in what it yields.
fn judge(
    context: &RequestContext,
    patch: &Patch,
    of_object: Vec<String>,
    invalid: impl Fn(&str) -> Status,
) -> Result<(), Status> {
    let problems: Vec<&str> = patch
        .strict_problems()
        .iter()
        .chain(&of_object)
        .map(String::as_str)
        .collect();
    match context.field_validation {
        FieldValidation::Strict if !problems.is_empty() => Err(invalid(&format!(
            "strict decoding error: {}",
            problems.join(", ")
        ))),
        FieldValidation::Warn => {
            problems.iter().for_each(|problem| context.warnings.add(*problem));
            Ok(())
        }
        FieldValidation::Ignore | FieldValidation::Strict => Ok(()),
    }
}

/// What a patched object says it is.
fn said(patched: &Value) -> Result<TypeMeta, String> {
    if IDENTITY.iter().all(|name| patched[*name].is_string()) {
        return Ok(TypeMeta::of(patched));
    }
    let about = match patched {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "apiVersion" | "kind"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    };
    type_meta(about.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// The kind it is of, completed with what it must be.
fn stated_kind(said: &TypeMeta, wanted: &GroupVersionKind) -> Result<GroupVersionKind, String> {
    let version = if said.api_version.is_empty() {
        wanted.group_version()
    } else {
        GroupVersion::parse(&said.api_version)
            .ok_or_else(|| format!("unexpected GroupVersion string: {}", said.api_version))?
    };
    Ok(if said.kind.is_empty() {
        version.kind(wanted.kind.clone())
    } else {
        version.kind(said.kind.clone())
    })
}

/// Upstream reads an object that does not say its version as one of no version at all, of which it knows no field.
fn without_version(patched: Value, wanted: &GroupVersionKind) -> (Value, Vec<String>) {
    let mut fields = Map::new();
    let mut unknown = Vec::new();
    if let Value::Object(given) = patched {
        let names = given
            .keys()
            .filter(|name| !matches!(name.as_str(), "apiVersion" | "kind"));
        unknown.extend(names.map(|name| format!("unknown field {}", meta::quote(name))));
    }
    state(&mut fields, wanted);
    (fields.into(), unknown)
}

fn state(fields: &mut Map<String, Value>, kind: &GroupVersionKind) {
    fields.insert("apiVersion".to_owned(), kind.api_version().into());
    fields.insert("kind".to_owned(), kind.kind.as_ref().into());
}

fn unregistered(stated: &GroupVersionKind) -> String {
    let (kind, api_version) = (meta::quote(&stated.kind), meta::quote(&stated.api_version()));
    format!(
        "no kind {kind} is registered for version {api_version} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
    )
}

/// A patch does not change what an object is.
fn unconvertible(stated: &GroupVersionKind, wanted: &GroupVersionKind) -> String {
    let group = wanted.group.split('.').next().filter(|group| !group.is_empty());
    format!(
        "converting ({}.{}) to ({}.{}): unknown conversion",
        stated.version,
        stated.kind,
        group.unwrap_or("core"),
        wanted.kind
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_patch_leaves_alone_stays_as_it_is() {
        let owners = json!([{"manager": "m"}]);
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "managedFields": owners},
            "spec": {"x": 1}, "status": {},
        });
        let former = json!({"metadata": {"managedFields": [{"manager": "n"}]}, "spec": {"x": 2}});
        let identity = json!({"apiVersion": "v1", "kind": "Pod"});
        let with_metadata = |metadata: Value| {
            let mut part = identity.clone();
            part["metadata"] = metadata;
            part
        };
        for (members, leaves_owners, part) in [
            (None, true, object.clone()),
            (
                Some(vec!["metadata"]),
                false,
                with_metadata(object["metadata"].clone()),
            ),
            (
                Some(vec!["metadata", "x"]),
                true,
                with_metadata(json!({"name": "a"})),
            ),
            (Some(vec![]), true, identity.clone()),
        ] {
            let reach = Reach {
                members: members.map(BTreeSet::from_iter),
                leaves_owners,
            };
            let mut new = reach.part_of(&object);
            assert_eq!(new, part);
            reach.complete(&mut new, &object, &mut former.clone());
            assert_eq!(new, object, "{:?}", reach.members);
        }
    }

    #[test]
    fn an_object_without_version_keeps_no_field() {
        let wanted = GroupVersionKind::new("", "v1", "ConfigMap");
        let (object, unknown) =
            without_version(json!({"kind": "ConfigMap", "data": {}, "metadata": {}}), &wanted);
        assert_eq!(object, json!({"apiVersion": "v1", "kind": "ConfigMap"}));
        assert_eq!(
            unknown,
            [r#"unknown field "data""#, r#"unknown field "metadata""#]
        );
    }

    #[test]
    fn what_an_object_says_it_is_must_make_sense() {
        let wanted = GroupVersionKind::new("", "v1", "ConfigMap");
        let stated = |object| said(&object).and_then(|said| stated_kind(&said, &wanted));
        assert_eq!(stated(json!({"kind": "", "data": 5})), Ok(wanted.clone()));
        for (object, why) in [
            (
                json!({"apiVersion": "a/b/c"}),
                "unexpected GroupVersion string: a/b/c",
            ),
            (
                json!({"kind": 5}),
                "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
            ),
        ] {
            assert_eq!(stated(object), Err(why.to_owned()));
        }
    }
}

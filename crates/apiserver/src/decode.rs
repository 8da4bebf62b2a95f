//! Bodies to trees: which kind a body is, whether that kind is wanted here, and what is wrong with it in upstream's words.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use meta::{GroupVersion, GroupVersionKind, Reason, Status, quote};
use registry::custom::missing_kind;
use registry::{FieldValidation, Warnings};
use resource::Kind;
use schema::decode::{DecodeError, StrictReport, TypeMeta, decode_json, type_meta};
use schema::protobuf::Envelope;
use schema::{SchemaRef, YamlDocument, builtin, decode_protobuf};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::negotiate::Encoding;
use crate::respond::metadata::go_package;

/// Bytes of a body that a message shows.
const SHOWN_BYTES: usize = 30;

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its kind.
    pub kind: &'a GroupVersionKind,
    /// Its type.
    pub schema: SchemaRef<'a>,
    /// What to do about unknown and duplicate fields.
    pub validation: FieldValidation,
}

/// The encoding of a body; JSON if the client does not say.
pub fn encoding_of(call: &Call) -> Result<Encoding, Status> {
    let said = call.header(CONTENT_TYPE).unwrap_or_default();
    if said.is_empty() {
        return Ok(Encoding::Json);
    }
    encoding_named(said).ok_or_else(|| unknown_format(&Encoding::ALL.map(Encoding::media_type)))
}

/// The encoding of a media type, whatever its case and its parameters, as long as these can be read.
fn encoding_named(said: &str) -> Option<Encoding> {
    let mut parts = said.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let is_parameter = |part: &str| {
        part.split_once('=')
            .is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
    };
    let parameters = said.split_once(';').map_or("", |(_, rest)| rest.trim());
    // One semicolon at the end is one too many, and does no harm.
    let parameters = parameters.strip_suffix(';').unwrap_or(parameters);
    let readable = parameters.is_empty() || parts.filter(|part| !part.is_empty()).all(is_parameter);
    Encoding::of_media_type(&media_type).filter(|_| readable)
}

/// 415 that lists what would be understood.
pub fn unknown_format(media_types: &[&str]) -> Status {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        media_types.join(", ")
    );
    Status::failure(415, Reason::UNSUPPORTED_MEDIA_TYPE, message)
}

/// Decodes a body that must be of a kind.
pub fn decode(
    body: &Bytes,
    encoding: Encoding,
    wanted: Wanted<'_>,
    warnings: &Warnings,
) -> Result<Value, Status> {
    let read = Reader {
        body,
        encoding,
        wanted,
    };
    let (tree, report) = read.tree()?;
    for warning in report.warnings() {
        warnings.add(warning);
    }
    read.accept_version(tree.get("apiVersion").and_then(Value::as_str).unwrap_or_default())?;
    Ok(tree)
}

/// Decodes a body that must be a custom resource: any object of its version. Whether it is of the kind, validation says.
pub fn decode_custom(
    body: &Bytes,
    encoding: Encoding,
    kind: &dyn Kind,
    validation: FieldValidation,
    warnings: &Warnings,
) -> Result<Value, Status> {
    let read = Reader {
        body,
        encoding,
        wanted: Wanted {
            kind: &kind.descriptor().kind,
            schema: kind.schema(),
            validation,
        },
    };
    let mut said = read.type_meta().map_err(|error| read.unrecognized(&error))?;
    // Of custom resources upstream wants the names exactly.
    if encoding == Encoding::Json
        && names_itself_otherwise(body)
        && let Ok(object) = serde_json::from_slice(body)
    {
        said = TypeMeta::of(&object);
    }
    if said.kind.is_empty() {
        return Err(read.unrecognized(&read.missing_kind()));
    }
    let stated = read.complete(&said)?;
    let decoded = read.decode_as(kind.schema());
    let (tree, report) = decoded.map_err(|error| read.not_handled(&stated, &error.to_string()))?;
    for warning in report.warnings() {
        warnings.add(warning);
    }
    if said.api_version.is_empty() {
        return Err(read.other_version(""));
    }
    read.accept_version(&stated.api_version())?;
    Ok(tree)
}

/// Decodes options of a request, which any group version has; unknown fields do not matter.
pub fn decode_options(body: &Bytes, encoding: Encoding, kind: &GroupVersionKind) -> Result<Value, Status> {
    let schema = builtin(kind).ok_or_else(|| Status::internal(format_args!("{} is not known", kind.kind)))?;
    let wanted = Wanted {
        kind,
        schema,
        validation: FieldValidation::Ignore,
    };
    let read = Reader {
        body,
        encoding,
        wanted,
    };
    // What is wrong with options is told without saying of what.
    let said = read.type_meta().map_err(Status::bad_request)?;
    let stated = if said.api_version.is_empty() {
        kind.group_version()
    } else {
        GroupVersion::parse(&said.api_version).ok_or_else(|| {
            Status::bad_request(format!("unexpected GroupVersion string: {}", said.api_version))
        })?
    };
    if !said.kind.is_empty() && said.kind != *kind.kind {
        return Err(no_options(&stated.kind(said.kind.clone()), kind));
    }
    let (tree, _) = read
        .decode_as(schema)
        .map_err(|error| Status::bad_request(error.to_string()))?;
    Ok(tree)
}

/// 400 for an object of another kind where options are wanted.
fn no_options(found: &GroupVersionKind, wanted: &GroupVersionKind) -> Status {
    const KNOWN: [&str; 12] = [
        "APIGroup",
        "APIGroupList",
        "APIResourceList",
        "APIVersions",
        "CreateOptions",
        "GetOptions",
        "PartialObjectMetadata",
        "PartialObjectMetadataList",
        "PatchOptions",
        "Status",
        "Table",
        "UpdateOptions",
    ];
    Status::bad_request(if KNOWN.contains(&&*found.kind) {
        format!(
            "converting ({}.{}) to ({}.{}): unknown conversion",
            found.version, found.kind, wanted.version, wanted.kind
        )
    } else {
        unregistered(found)
    })
}

/// What upstream says of a kind it does not know.
fn unregistered(kind: &GroupVersionKind) -> String {
    let (name, version) = (quote(&kind.kind), quote(&kind.api_version()));
    format!(
        "no kind {name} is registered for version {version} in scheme {}",
        quote(SCHEME)
    )
}

struct Reader<'a> {
    body: &'a Bytes,
    encoding: Encoding,
    wanted: Wanted<'a>,
}

impl Reader<'_> {
    /// Almost every body is what it must be, and says so: decode it as that, and look closer only if it is not.
    fn tree(&self) -> Result<(Value, StrictReport), Status> {
        let decoded = self.decode_as(self.wanted.schema);
        match decoded {
            Ok((tree, report)) if self.is_wanted(&tree) && !self.may_say_more(&report) => Ok((tree, report)),
            Ok(_) | Err(_) => self.look_closer(),
        }
    }

    /// Whether the body may say once more what it is, in names of another case. A report would tell of these.
    fn may_say_more(&self, report: &StrictReport) -> bool {
        match (self.encoding, self.wanted.validation) {
            (Encoding::Json, FieldValidation::Ignore) => names_itself_otherwise(self.body),
            (Encoding::Json, _) => !report.is_empty() && names_itself_otherwise(self.body),
            _ => false,
        }
    }

    fn is_wanted(&self, tree: &Value) -> bool {
        let text = |name: &str| tree.get(name).and_then(Value::as_str).unwrap_or_default();
        let GroupVersionKind { group, version, kind } = self.wanted.kind;
        text("kind") == *kind
            && match text("apiVersion").split_once('/') {
                Some((g, v)) => g == *group && v == *version,
                None => group.is_empty() && text("apiVersion") == *version,
            }
    }

    fn look_closer(&self) -> Result<(Value, StrictReport), Status> {
        let said = self.type_meta().map_err(|error| self.unrecognized(&error))?;
        let kind = self.complete(&said)?;
        let schema = if kind == *self.wanted.kind || is_former(&kind, self.wanted.kind) {
            Some(self.wanted.schema)
        } else {
            self.registered(&kind)
        };
        let Some(schema) = schema else {
            let error = unregistered(&kind);
            return Err(self.not_handled(&kind, &error));
        };
        let decoded = self.decode_as(schema);
        // What only a strict decoder minds matters once the kind is the right one.
        if matches!(decoded, Ok(_) | Err(DecodeError::Strict(_))) {
            self.accept(&kind)?;
        }
        let (mut tree, report) = decoded.map_err(|error| self.not_handled(&kind, &error.to_string()))?;
        let kind = if is_former(&kind, self.wanted.kind) {
            self.wanted.kind.clone()
        } else {
            kind
        };
        if let Some(members) = tree.as_object_mut() {
            members.insert("kind".into(), kind.kind.as_ref().into());
            members.insert("apiVersion".into(), kind.api_version().into());
        }
        Ok((tree, report))
    }

    /// The schema of a kind that is not the wanted one. Two groups are served by servers of their own in upstream, which know
    /// of no others but the kinds that any group has.
    fn registered(&self, kind: &GroupVersionKind) -> Option<SchemaRef<'static>> {
        let wanted = self.wanted.kind;
        let stands_alone = matches!(&*wanted.group, "apiextensions.k8s.io" | "apiregistration.k8s.io");
        if OF_ANY_GROUP.contains(&&*kind.kind) {
            return builtin(&GroupVersionKind {
                kind: kind.kind.clone(),
                ..GroupVersionKind::new("", "v1", "")
            });
        }
        // What objects are shown as is nothing that can be sent.
        let known = kind.group != "meta.k8s.io" && (!stands_alone || kind.group == wanted.group);
        if known { builtin(kind) } else { None }
    }

    /// What the body says it is, completed with what it must be.
    fn complete(&self, said: &TypeMeta) -> Result<GroupVersionKind, Status> {
        let version = if said.api_version.is_empty() {
            self.wanted.kind.group_version()
        } else {
            GroupVersion::parse(&said.api_version).ok_or_else(|| {
                let error = format!("unexpected GroupVersion string: {}", said.api_version);
                self.unrecognized(&error)
            })?
        };
        let kind = if said.kind.is_empty() {
            self.wanted.kind.kind.clone()
        } else {
            said.kind.clone().into()
        };
        Ok(version.kind(kind))
    }

    /// Whether a decoded kind may stand where another one is wanted, its version aside.
    fn accept(&self, kind: &GroupVersionKind) -> Result<(), Status> {
        let wanted = self.wanted.kind;
        if is_former(kind, wanted) || kind.kind == wanted.kind && same_kinds(&kind.group, &wanted.group) {
            return Ok(());
        }
        let package = go_package(&wanted.group);
        let version = if OF_ANY_GROUP.contains(&&*kind.kind) {
            "v1"
        } else {
            &*kind.version
        };
        let error = format!(
            "converting ({version}.{}) to ({package}.{}): unknown conversion",
            kind.kind, wanted.kind
        );
        Err(self.not_handled(kind, &error))
    }

    fn accept_version(&self, found: &str) -> Result<(), Status> {
        if found == self.wanted.kind.api_version() {
            return Ok(());
        }
        Err(self.other_version(found))
    }

    fn other_version(&self, found: &str) -> Status {
        let expected = self.wanted.kind.api_version();
        Status::bad_request(format!(
            "the API version in the data ({found}) does not match the expected API version ({expected})"
        ))
    }

    /// Upstream shows the whole of an object that does not say what it is.
    fn missing_kind(&self) -> String {
        match self.encoding {
            Encoding::Yaml => {
                let document = YamlDocument::parse(self.body);
                missing_kind(
                    &document.map_or_else(|_| String::new(), |document| document.value().to_string()),
                )
            }
            Encoding::Json | Encoding::Protobuf => missing_kind(&String::from_utf8_lossy(self.body)),
        }
    }

    fn not_handled(&self, kind: &GroupVersionKind, error: &str) -> Status {
        let (version, expected) = (quote(&kind.version), &self.wanted.kind.kind);
        Status::bad_request(format!(
            "{} in version {version} cannot be handled as a {expected}: {error}",
            kind.kind
        ))
    }

    fn unrecognized(&self, error: &str) -> Status {
        let (expected, shown) = (&self.wanted.kind.kind, summary(self.body));
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {expected}): {error} ({shown})"
        ))
    }

    fn type_meta(&self) -> Result<TypeMeta, String> {
        match self.encoding {
            Encoding::Json => type_meta(self.body).map_err(|error| error.to_string()),
            Encoding::Yaml => match YamlDocument::parse(self.body)?.value() {
                Value::Null => Ok(TypeMeta::default()),
                object @ Value::Object(_) if self.wanted.schema.custom().is_some() => {
                    Ok(TypeMeta::of(object))
                }
                // Upstream reads it as JSON, whatever the case of names, and so do the words with which it is refused.
                Value::Object(fields) => {
                    type_meta(what_it_says(fields).to_string().as_bytes()).map_err(|error| error.to_string())
                }
                other => type_meta(other.to_string().as_bytes()).map_err(|error| error.to_string()),
            },
            Encoding::Protobuf => Envelope::parse(self.body)
                .map(|envelope| envelope.type_meta)
                .map_err(|error| error.to_string()),
        }
    }

    fn decode_as(&self, schema: SchemaRef<'_>) -> Result<(Value, StrictReport), DecodeError> {
        match self.encoding {
            Encoding::Json => decode_json(self.body, schema, self.validation()),
            Encoding::Yaml => YamlDocument::parse(self.body)
                .map_err(DecodeError::Syntax)?
                .decode(schema, self.validation()),
            // Unknown fields of protobuf are dropped without a word, by upstream too.
            Encoding::Protobuf => decode_protobuf(self.body, schema)
                .map(|tree| (tree, StrictReport::default()))
                .map_err(|error| DecodeError::Syntax(error.to_string())),
        }
    }

    fn validation(&self) -> schema::decode::FieldValidation {
        match self.wanted.validation {
            FieldValidation::Ignore => schema::decode::FieldValidation::Ignore,
            FieldValidation::Warn => schema::decode::FieldValidation::Warn,
            FieldValidation::Strict => schema::decode::FieldValidation::Strict,
        }
    }
}

/// Whether `kind` or `apiVersion` is in a text in letters of another case.
fn names_itself_otherwise(json: &[u8]) -> bool {
    let quotes = json.iter().enumerate().filter(|(_, byte)| **byte == b'"');
    let texts = quotes.map(|(at, _)| &json[at + 1..]);
    texts.into_iter().any(|text| {
        ["kind\"", "apiVersion\""].iter().any(|name| {
            let said = text.get(..name.len());
            said.is_some_and(|said| said.eq_ignore_ascii_case(name.as_bytes()) && said != name.as_bytes())
        })
    })
}

/// The fields with which an object says what it is, whatever the case of their names.
fn what_it_says(fields: &Map<String, Value>) -> Value {
    let says = |name: &str| name.eq_ignore_ascii_case("apiVersion") || name.eq_ignore_ascii_case("kind");
    let said = fields.iter().filter(|(name, _)| says(name));
    let said = said.map(|(name, text)| (name.clone(), text.clone()));
    Value::Object(said.collect())
}

/// Kinds that are the same in any group and version.
const OF_ANY_GROUP: [&str; 5] = [
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "Status",
];

/// Whether `found` is a version that clients may send though it is not served any more: of evictions, which are not stored.
fn is_former(found: &GroupVersionKind, wanted: &GroupVersionKind) -> bool {
    found.kind == "Eviction"
        && found.kind == wanted.kind
        && found.group == wanted.group
        && found.version == "v1beta1"
}

/// Whether kinds of the same name in two groups are one kind to upstream: some have moved, and events are in two groups.
fn same_kinds(group: &str, other: &str) -> bool {
    let both = [group, other];
    group == other
        || both.contains(&"extensions")
        || (both.contains(&"apps") && both.contains(&"autoscaling"))
        || (both.contains(&"") && both.contains(&"events.k8s.io"))
}

/// How upstream names the registry of its types in messages.
const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";

/// The beginning of a body, as messages show it: JSON as text, anything else in hexadecimal.
fn summary(body: &[u8]) -> String {
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    let more = if body.len() > SHOWN_BYTES { " ..." } else { "" };
    match body.first() {
        None => String::from("<empty>"),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => format!(
            "{}{more}",
            shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_kind_is_refused_before_its_fields() {
        let kind = GroupVersionKind::new("", "v1", "Event");
        let wanted = Wanted {
            kind: &kind,
            schema: builtin(&kind).expect("a built-in kind"),
            validation: FieldValidation::Strict,
        };
        let body = r#"{"apiVersion":"v1","kind":"Pod","involvedObject":{}}"#;
        let refused = decode(&body.into(), Encoding::Json, wanted, &Warnings::default());
        assert_eq!(
            refused.expect_err("another kind").message,
            "Pod in version \"v1\" cannot be handled as a Event: converting (v1.Pod) to (core.Event): unknown conversion"
        );
    }

    #[test]
    fn some_kinds_are_the_same_in_any_group() {
        let wanted_kind = GroupVersionKind::new("apps", "v1", "Deployment");
        for (version, kind, expected) in [
            ("v1", "Status", "converting (v1.Status) to (apps.Deployment)"),
            ("apps/v1", "Status", "converting (v1.Status) to (apps.Deployment)"),
            (
                "example.com/v2",
                "APIGroup",
                "converting (v1.APIGroup) to (apps.Deployment)",
            ),
            (
                "meta.k8s.io/v1",
                "Table",
                "no kind \"Table\" is registered for version \"meta.k8s.io/v1\"",
            ),
        ] {
            let body = format!(r#"{{"apiVersion":"{version}","kind":"{kind}","metadata":{{}}}}"#);
            let wanted = Wanted {
                kind: &wanted_kind,
                schema: builtin(&wanted_kind).expect("a built-in kind"),
                validation: FieldValidation::Strict,
            };
            let refused = decode(&body.into(), Encoding::Json, wanted, &Warnings::default());
            let message = refused.expect_err("another kind").message;
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_body_may_name_itself_in_other_letters() {
        let kind = GroupVersionKind::new("", "v1", "ConfigMap");
        for validation in [
            FieldValidation::Ignore,
            FieldValidation::Warn,
            FieldValidation::Strict,
        ] {
            let wanted = Wanted {
                kind: &kind,
                schema: builtin(&kind).expect("a built-in kind"),
                validation,
            };
            let body = r#"{"apiVersion":"v1","kind":"ConfigMap","Kind":"Secret"}"#;
            let refused = decode(&body.into(), Encoding::Json, wanted, &Warnings::default());
            let message = refused.expect_err("another kind").message;
            assert!(
                message.contains("converting (v1.Secret) to (core.ConfigMap)"),
                "{message}"
            );
        }
        assert!(!names_itself_otherwise(br#"{"apiVersion":"v1","kind":"Pod"}"#));
    }

    #[test]
    fn yaml_says_what_it_is_as_json_does() {
        let kind = GroupVersionKind::new("", "v1", "ConfigMap");
        for (body, expected) in [
            ("apiVersion: v1\nkind: ConfigMap\n", None),
            ("apiVersion: v1\nKIND: ConfigMap\n", None),
            (
                "apiVersion: v1\nKind: Secret\n",
                Some("converting (v1.Secret) to (core.ConfigMap)"),
            ),
            (
                "apiVersion: v1\nkind: on\n",
                Some("json: cannot unmarshal bool into Go struct field .kind of type string (6170"),
            ),
            (
                "apiVersion: 1\nkind: ConfigMap\n",
                Some("json: cannot unmarshal number into Go struct field .apiVersion of type string (6170"),
            ),
        ] {
            let wanted = Wanted {
                kind: &kind,
                schema: builtin(&kind).expect("a built-in kind"),
                validation: FieldValidation::Ignore,
            };
            let decoded = decode(&body.into(), Encoding::Yaml, wanted, &Warnings::default());
            let message = decoded.map(|_| ()).map_err(|status| status.message);
            match expected {
                None => assert_eq!(message, Ok(()), "{body}"),
                Some(part) => assert!(message.clone().is_err_and(|m| m.contains(part)), "{message:?}"),
            }
        }
    }

    #[test]
    fn evictions_may_be_of_their_former_version() {
        let wanted = GroupVersionKind::new("policy", "v1", "Eviction");
        for (version, kind, expected) in [
            ("policy/v1beta1", "Eviction", None),
            (
                "policy/v1beta2",
                "Eviction",
                Some("no kind \"Eviction\" is registered"),
            ),
            ("policy/v1beta1", "Other", Some("no kind \"Other\" is registered")),
        ] {
            let body = format!(r#"{{"apiVersion":"{version}","kind":"{kind}","metadata":{{"name":"a"}}}}"#);
            let wanted = Wanted {
                kind: &wanted,
                schema: builtin(&wanted).expect("a built-in kind"),
                validation: FieldValidation::Strict,
            };
            let decoded = decode(&body.into(), Encoding::Json, wanted, &Warnings::default());
            match expected {
                None => assert_eq!(decoded.expect("an eviction")["apiVersion"], "policy/v1"),
                Some(complaint) => {
                    let refused = decoded.expect_err("another kind");
                    assert!(refused.message.contains(complaint), "{}", refused.message);
                }
            }
        }
    }

    #[test]
    fn media_types_are_read_as_they_are_meant() {
        for (said, expected) in [
            ("application/json", Some(Encoding::Json)),
            ("application/JSON; charset=utf-8", Some(Encoding::Json)),
            ("Application/Yaml;", Some(Encoding::Yaml)),
            ("application/vnd.kubernetes.protobuf", Some(Encoding::Protobuf)),
            ("application/json;foo", None),
            ("application/json;foo=", None),
            ("application/json,application/yaml", None),
            ("application/*", None),
            ("text/json", None),
        ] {
            assert_eq!(encoding_named(said), expected, "{said}");
        }
    }
}

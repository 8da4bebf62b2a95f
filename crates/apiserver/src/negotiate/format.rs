//! The forms an answer may take, and the choice among them.

use meta::{Reason, Status};

use crate::negotiate::accept::{Accept, Range};

/// How bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

impl Encoding {
    /// In the order the server prefers them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Protobuf];

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// The `Content-Type` of a watch.
    pub const fn stream_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml;stream=watch",
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        }
    }

    /// The encoding of a media type without parameters.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.media_type() == media_type)
    }
}

/// Which version of `meta.k8s.io` a view is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewVersion {
    /// `meta.k8s.io/v1`.
    V1,
    /// `meta.k8s.io/v1beta1`.
    V1beta1,
}

impl ViewVersion {
    /// The `apiVersion`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What is shown of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// All of it.
    #[default]
    Whole,
    /// A row of a table.
    Table(ViewVersion),
    /// Its metadata.
    Metadata(ViewVersion),
    /// The metadata of a list of objects.
    MetadataList(ViewVersion),
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// How it is written.
    pub encoding: Encoding,
    /// What is shown.
    pub view: View,
    /// Whether people are to read it.
    pub pretty: bool,
}

/// What an endpoint can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whether the kind has a protobuf form.
    pub protobuf: bool,
    /// Whether the kind can be shown as a table.
    pub table: bool,
    /// Whether the answer is an object, which has metadata to show.
    pub metadata: bool,
    /// Whether the answer is a stream of events.
    pub stream: bool,
}

impl Offer {
    /// A document or Status: JSON, YAML and protobuf, no views.
    pub const DOCUMENT: Self = Self {
        protobuf: true,
        table: false,
        metadata: false,
        stream: false,
    };

    /// The first form the client accepts, in the client's order of preference, else the server's.
    pub fn negotiate(self, accept: Option<&str>) -> Result<Format, Status> {
        match accept.map(str::trim) {
            None | Some("" | "*/*" | "application/json") => Ok(Format::default()),
            Some(header) => {
                let accept = Accept::parse(header);
                let format = accept.ranges().iter().find_map(|range| self.first_match(range));
                match format {
                    Some(format) if self.stream && format.encoding == Encoding::Yaml => {
                        Err(not_acceptable(&STREAMS))
                    }
                    Some(format) => Ok(format),
                    None => Err(not_acceptable(&Encoding::ALL.map(Encoding::media_type))),
                }
            }
        }
    }

    fn first_match(self, range: &Range<'_>) -> Option<Format> {
        Encoding::ALL
            .into_iter()
            .filter(|e| range.covers(e.media_type()))
            .find_map(|e| self.format(e, range))
    }

    fn format(self, encoding: Encoding, range: &Range<'_>) -> Option<Format> {
        let mut format = Format {
            encoding,
            ..Format::default()
        };
        let (mut kind, mut group, mut version) = ("", "", "");
        for &(name, value) in &range.parameters {
            match name {
                "as" => kind = value,
                "g" => group = value,
                "v" => version = value,
                "stream" if value != "watch" => return None,
                "pretty" => format.pretty = value == "1",
                _ => {}
            }
        }
        format.view = self.view(kind, group, version, encoding)?;
        Some(format)
    }

    fn view(self, kind: &str, group: &str, version: &str, encoding: Encoding) -> Option<View> {
        if kind.is_empty() {
            if !(group.is_empty() && version.is_empty()) {
                return None;
            }
            return (self.protobuf || encoding != Encoding::Protobuf).then_some(View::Whole);
        }
        let version = match (group, version) {
            ("meta.k8s.io", "v1") => ViewVersion::V1,
            ("meta.k8s.io", "v1beta1") => ViewVersion::V1beta1,
            _ => return None,
        };
        match kind {
            "Table" => (self.table && encoding != Encoding::Protobuf).then_some(View::Table(version)),
            "PartialObjectMetadata" => self.metadata.then_some(View::Metadata(version)),
            "PartialObjectMetadataList" => self.metadata.then_some(View::MetadataList(version)),
            _ => None,
        }
    }
}

/// The forms of a stream of events. As upstream does it, the form of one object is chosen first, and refused if it is none of these.
const STREAMS: [&str; 2] = [
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];

/// 406 that lists what would be acceptable.
pub fn not_acceptable(media_types: &[&str]) -> Status {
    Status::failure(
        406,
        Reason::NOT_ACCEPTABLE,
        format!(
            "only the following media types are accepted: {}",
            media_types.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Offer = Offer {
        protobuf: true,
        table: true,
        metadata: true,
        stream: false,
    };
    const WATCH: Offer = Offer {
        stream: true,
        ..OBJECT
    };
    const CUSTOM: Offer = Offer {
        protobuf: false,
        ..OBJECT
    };

    fn check(offer: Offer, accept: &str, encoding: Encoding, view: View) {
        let format = offer.negotiate(Some(accept)).expect("an acceptable form");
        assert_eq!((format.encoding, format.view), (encoding, view), "{accept}");
    }

    fn refused(offer: Offer, accept: &str) -> String {
        offer
            .negotiate(Some(accept))
            .expect_err("nothing acceptable")
            .message
    }

    #[test]
    fn encodings_are_chosen() {
        check(OBJECT, "", Encoding::Json, View::Whole);
        check(OBJECT, "application/*", Encoding::Json, View::Whole);
        check(OBJECT, "application/yaml", Encoding::Yaml, View::Whole);
        check(
            OBJECT,
            "text/html, application/yaml;q=0.9, application/json;q=0.5",
            Encoding::Yaml,
            View::Whole,
        );
        check(
            OBJECT,
            "application/vnd.kubernetes.protobuf,application/json",
            Encoding::Protobuf,
            View::Whole,
        );
        check(
            CUSTOM,
            "application/vnd.kubernetes.protobuf,application/json",
            Encoding::Json,
            View::Whole,
        );
    }

    #[test]
    fn views_are_chosen() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        check(OBJECT, kubectl, Encoding::Json, View::Table(ViewVersion::V1));
        check(Offer::DOCUMENT, kubectl, Encoding::Json, View::Whole);
        check(
            OBJECT,
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Encoding::Protobuf,
            View::MetadataList(ViewVersion::V1),
        );
        let protobuf_first =
            "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io, application/json";
        check(OBJECT, protobuf_first, Encoding::Json, View::Whole);
    }

    #[test]
    fn nothing_acceptable_is_406() {
        let all = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        assert_eq!(refused(OBJECT, "text/html"), all);
        assert_eq!(refused(OBJECT, "application/cbor"), all);
        assert_eq!(refused(OBJECT, "application/json;stream=other"), all);
        assert_eq!(refused(OBJECT, "application/json;v=v1"), all);
        assert_eq!(
            refused(Offer::DOCUMENT, "application/json;as=Table;v=v1;g=meta.k8s.io"),
            all
        );
        assert_eq!(refused(CUSTOM, "application/vnd.kubernetes.protobuf"), all);
        assert_eq!(
            refused(WATCH, "application/json;as=Table;v=v9;g=meta.k8s.io"),
            all
        );
        assert_eq!(
            refused(WATCH, "application/json;q=0.5, application/yaml"),
            "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        );
    }

    #[test]
    fn watches_are_streams() {
        check(
            WATCH,
            "application/json;stream=watch",
            Encoding::Json,
            View::Whole,
        );
        check(
            WATCH,
            "application/vnd.kubernetes.protobuf;stream=watch,application/json",
            Encoding::Protobuf,
            View::Whole,
        );
    }
}

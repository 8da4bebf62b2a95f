//! What Kubernetes says of its types and fields, for OpenAPI and `kubectl explain`.
//!
//! The texts are those of the library `k8s-openapi`, taken out of it while pintle is built. The program carries them
//! packed; they are unpacked for as long as documents are made of them.

use std::io::{self, Read};
use std::ops::Range;

use flate2::read::ZlibDecoder;
use schema::openapi::Describe;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptions"));

const UNIT: char = '\u{1f}';
const RECORD: char = '\u{1e}';

/// The texts, unpacked.
#[derive(Debug)]
pub struct Descriptions {
    text: String,
    /// Where the records are: ordered by type and field, as the build script writes them.
    records: Vec<Range<usize>>,
}

impl Descriptions {
    /// Unpacks the texts.
    ///
    /// # Errors
    /// If the program itself is damaged.
    pub fn unpack() -> io::Result<Self> {
        let mut text = String::new();
        ZlibDecoder::new(PACKED).read_to_string(&mut text)?;
        let mut start = 0;
        let ends = text.match_indices(RECORD).map(|(end, _)| end);
        let records = ends
            .map(|end| std::mem::replace(&mut start, end + 1)..end)
            .collect();
        Ok(Self { text, records })
    }

    /// Type, field and text of a record.
    fn parts(&self, record: &Range<usize>) -> Option<(&str, &str, &str)> {
        let mut parts = self.text[record.clone()].splitn(3, UNIT);
        Some((parts.next()?, parts.next()?, parts.next()?))
    }
}

impl Describe for Descriptions {
    fn of_type(&self, name: &str) -> Option<&str> {
        self.of_field(name, "")
    }

    fn of_field(&self, type_name: &str, field: &str) -> Option<&str> {
        let key = Some((type_name, field));
        let key_of = |record| self.parts(record).map(|(name, field, _)| (name, field));
        let place = self
            .records
            .binary_search_by(|record| key_of(record).cmp(&key))
            .ok()?;
        self.parts(&self.records[place]).map(|(_, _, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_fields_are_described() {
        let descriptions = Descriptions::unpack().expect("built well");
        for name in [
            "io.k8s.api.core.v1.Pod",
            "io.k8s.api.core.v1.Container",
            "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
            "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
            "io.k8s.apimachinery.pkg.api.resource.Quantity",
            "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
            "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec",
        ] {
            assert!(
                descriptions.of_type(name).is_some_and(|text| !text.is_empty()),
                "{name}"
            );
        }
        let of_image = descriptions.of_field("io.k8s.api.core.v1.Container", "image");
        assert!(
            of_image.is_some_and(|text| text.contains("image")),
            "{of_image:?}"
        );
        assert_eq!(
            descriptions.of_field("io.k8s.api.core.v1.Container", "nothing"),
            None
        );
        assert_eq!(descriptions.of_type("io.k8s.api.core.v1.Nothing"), None);
    }
}

//! What patches and apply see of a structural schema.

use super::*;
use crate::reference::{ListType, Shape};

#[test]
fn positions_know_shapes_lists_and_keys() {
    let widget = widget();
    let root = widget.position();
    let spec = root.field("spec").expect("a field");
    let shape = |name: &str| spec.field(name).expect("a field").shape();
    assert_eq!(root.shape(), Shape::Object);
    for (name, expected) in [
        ("size", Shape::Int64),
        ("color", Shape::String),
        ("ratio", Shape::Float64),
        ("port", Shape::Free),
        ("list", Shape::List),
        ("granular", Shape::Map),
        ("nested", Shape::Object),
        ("free", Shape::Free),
        ("template", Shape::Free),
    ] {
        assert_eq!(shape(name), expected, "{name}");
    }
    let map_list = spec.field("mapList").expect("a field");
    assert_eq!(map_list.list_type(), ListType::Map);
    assert_eq!(
        map_list.list_map_keys().iter().collect::<Vec<_>>(),
        ["name", "kind"]
    );
    let kind = map_list
        .element()
        .and_then(|item| item.field("kind"))
        .expect("a field");
    assert_eq!(kind.default_value(), Some(json!("Plain")));
    assert_eq!(spec.field("list").expect("a field").list_type(), ListType::Atomic);
    assert!(spec.field("atomicMap").expect("a field").is_atomic());
    assert!(spec.field("unknown").is_none());
}

#[test]
fn metadata_is_the_same_everywhere() {
    let widget = widget();
    let root = widget.position();
    let template = root
        .field("spec")
        .and_then(|spec| spec.field("template"))
        .expect("a field");
    for position in [root, template] {
        let metadata = position.field("metadata").expect("a field");
        assert_eq!(
            metadata.openapi_name().as_deref(),
            Some("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
        );
    }
    assert_eq!(
        template.field("anything").map(|field| field.shape()),
        Some(Shape::Free)
    );
    assert_eq!(root.zero(), json!({}));
}

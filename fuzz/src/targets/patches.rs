//! Patches of every type, on objects of built-in kinds.

use patch::{Patch, PatchType};
use serde_json::Value;

use super::Target;
use super::schemas::{kind, objects};

/// Two bytes say which type of patch the rest is, and for which object. A patch that was applied may be refused, and the
/// object that is patched is always one.
pub const PATCHES: Target = Target {
    name: "patches",
    run,
    seeds,
};

fn run(data: &[u8]) {
    let [which, number, body @ ..] = data else { return };
    let patch_type = match which % 3 {
        0 => PatchType::Json,
        1 => PatchType::Merge,
        _ => PatchType::Strategic,
    };
    let Ok(patch) = Patch::parse(patch_type, body) else {
        return;
    };
    let objects = objects();
    let number = usize::from(*number) % objects.len();
    let object: Value = serde_json::from_slice(&objects[number]).expect("it was written just now");
    let Ok(patched) = patch.apply(&object, Some(kind(number))) else {
        return;
    };
    if patch_type == PatchType::Merge && patched.is_object() {
        let again = patch.apply(&patched, Some(kind(number)));
        assert_eq!(
            again.ok(),
            Some(patched),
            "a merge patch does nothing the second time"
        );
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let bodies: [(u8, &str); 8] = [
        (
            0,
            r#"[{"op":"add","path":"/metadata/labels/x","value":"y"},{"op":"test","path":"/kind","value":"Pod"}]"#,
        ),
        (
            0,
            r#"[{"op":"move","from":"/metadata/labels","path":"/metadata/annotations/~1a~0b"}]"#,
        ),
        (
            0,
            r#"[{"op":"copy","from":"/spec","path":"/x"},{"op":"remove","path":"/spec/containers/0"}]"#,
        ),
        (
            1,
            r#"{"metadata":{"labels":{"app":null,"z":"1"}},"spec":{"containers":[]}}"#,
        ),
        (
            2,
            r#"{"spec":{"containers":[{"name":"c","image":"j"},{"name":"d","$patch":"replace"}]}}"#,
        ),
        (
            2,
            r#"{"spec":{"$setElementOrder/containers":[{"name":"d"},{"name":"c"}],"containers":[{"name":"d"}]}}"#,
        ),
        (
            2,
            r#"{"metadata":{"$retainKeys":["name"],"$deleteFromPrimitiveList/finalizers":["f"]}}"#,
        ),
        (
            2,
            r#"{"spec":{"volumes":[{"$patch":"delete","name":"v"}],"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#,
        ),
    ];
    let seeds = bodies
        .iter()
        .flat_map(|(which, body)| (0..2).map(move |object| [&[*which, object], body.as_bytes()].concat()));
    seeds.collect()
}

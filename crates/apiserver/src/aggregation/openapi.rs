//! Version 2 documents of OpenAPI: the part of one that is about some paths, and one taken into another.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where shared pieces of a document stand, and what references to them begin with.
const SHARED: [(&str, &str); 2] = [("definitions", "#/definitions/"), ("parameters", "#/parameters/")];
/// Kinds of which a definition is; where it is that of several, documents tell of different ones.
const KINDS: &str = "x-kubernetes-group-version-kind";

/// The paths of a document below a prefix, with the shared pieces they need.
pub fn of_paths(document: &Value, prefix: &str) -> Value {
    let all = document["paths"].as_object().into_iter().flatten();
    let paths: Map<String, Value> = all
        .filter(|(path, _)| path.starts_with(prefix))
        .map(|(path, item)| (path.clone(), item.clone()))
        .collect();
    let mut part = json!({"paths": paths});
    if let Some(info) = document.get("info") {
        part["info"] = info.clone();
    }
    let mut wanted = references(&part["paths"]);
    while let Some(reference) = wanted.pop() {
        let Some((section, name)) = split(&reference) else {
            continue;
        };
        let Some(piece) = document[section].get(name) else {
            continue;
        };
        if part[section].get(name).is_none() {
            wanted.extend(references(piece));
            if part[section].is_null() {
                part[section] = json!({});
            }
            part[section][name] = piece.clone();
        }
    }
    part
}

/// Takes a part into a document. Paths that are there stay as they are; a shared piece that is there in another form comes in
/// under a name of its own.
pub fn merge(document: &mut Value, part: &Value) {
    let mut part = part.clone();
    let renamed = conflicts(document, &part);
    if !renamed.is_empty() {
        rename(&mut part, &renamed);
    }
    for (section, start) in SHARED {
        let pieces = part.get_mut(section).map(Value::take).unwrap_or_default();
        let Value::Object(pieces) = pieces else {
            continue;
        };
        let there = members(document, section);
        for (name, piece) in pieces {
            let new_name = renamed.get(&format!("{start}{name}"));
            let name = new_name
                .and_then(|new| new.strip_prefix(start))
                .map_or(name, str::to_owned);
            match there.get_mut(&name) {
                Some(known) => add_kinds(known, &piece),
                None => {
                    there.insert(name, piece);
                }
            }
        }
    }
    let Some(Value::Object(paths)) = part.get_mut("paths").map(Value::take) else {
        return;
    };
    let there = members(document, "paths");
    for (path, item) in paths {
        there.entry(path).or_insert(item);
    }
}

/// The members of a section, which is there afterwards.
fn members<'a>(document: &'a mut Value, section: &str) -> &'a mut Map<String, Value> {
    let Value::Object(sections) = document else {
        *document = json!({});
        return members(document, section);
    };
    let found = sections.entry(section).or_insert_with(|| json!({}));
    if !found.is_object() {
        *found = json!({});
    }
    found.as_object_mut().expect("it was made one")
}

/// References to pieces that stand in the document in another form, and what they are to be.
fn conflicts(document: &Value, part: &Value) -> BTreeMap<String, String> {
    let mut renamed = BTreeMap::new();
    for (section, start) in SHARED {
        let there = &document[section];
        for (name, piece) in part[section].as_object().into_iter().flatten() {
            if there.get(name).is_none_or(|known| is_same(known, piece)) {
                continue;
            }
            let mut names = (2..).map(|number| format!("{name}_v{number}"));
            let is_good = |new: &String| {
                part[section].get(new).is_none() && there.get(new).is_none_or(|known| is_same(known, piece))
            };
            if let Some(new) = names.find(is_good) {
                renamed.insert(format!("{start}{name}"), format!("{start}{new}"));
            }
        }
    }
    renamed
}

/// Whether two pieces differ in nothing but the kinds they are of.
fn is_same(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return one == other;
    };
    let rest = |members: &Map<String, Value>| {
        let members = members.iter().filter(|(name, _)| *name != KINDS);
        members
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    rest(one) == rest(other)
}

fn add_kinds(known: &mut Value, piece: &Value) {
    let known = known.get_mut(KINDS).and_then(Value::as_array_mut);
    let (Some(known), Some(more)) = (known, piece[KINDS].as_array()) else {
        return;
    };
    for kind in more {
        if !known.contains(kind) {
            known.push(kind.clone());
        }
    }
}

fn split(reference: &str) -> Option<(&'static str, &str)> {
    SHARED
        .into_iter()
        .find_map(|(section, start)| Some((section, reference.strip_prefix(start)?)))
}

/// All that a value refers to.
fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.push(reference.clone());
            }
            members.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

fn rename(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(new) = renamed.get(reference)
            {
                reference.clone_from(new);
            }
            members.values_mut().for_each(|value| rename(value, renamed));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, renamed)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other() -> Value {
        json!({
            "paths": {
                "/apis/": {},
                "/apis/a.example/v1/": {"get": {"schema": {"$ref": "#/definitions/List"}}},
                "/apis/a.example/v1/things": {"parameters": [{"$ref": "#/parameters/pretty"}]},
            },
            "definitions": {
                "List": {"items": {"$ref": "#/definitions/Thing"}},
                "Thing": {"type": "object", KINDS: [{"kind": "Thing"}]},
                "Unused": {},
            },
            "parameters": {"pretty": {"in": "query"}, "unused": {}},
        })
    }

    #[test]
    fn a_part_has_what_its_paths_need() {
        let mut whole = other();
        whole["info"] = json!({"title": "Others"});
        let part = of_paths(&whole, "/apis/a.example/v1/");
        assert_eq!(part["info"], whole["info"]);
        let names = |section: &str| -> Vec<String> {
            part[section]
                .as_object()
                .expect("there")
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(
            names("paths"),
            ["/apis/a.example/v1/", "/apis/a.example/v1/things"]
        );
        assert_eq!(names("definitions"), ["List", "Thing"]);
        assert_eq!(names("parameters"), ["pretty"]);
    }

    #[test]
    fn what_is_there_stays_and_what_differs_gets_a_new_name() {
        let mut document = json!({
            "paths": {"/apis/a.example/v1/": {"own": true}},
            "definitions": {
                "List": {"own": true},
                "Thing": {"type": "object", KINDS: [{"kind": "Other"}]},
            },
        });
        let part = of_paths(&other(), "/apis/a.example/v1/");
        merge(&mut document, &part);
        assert_eq!(document["paths"]["/apis/a.example/v1/"], json!({"own": true}));
        assert_eq!(document["definitions"]["List"], json!({"own": true}));
        assert_eq!(
            document["definitions"]["List_v2"],
            json!({"items": {"$ref": "#/definitions/Thing"}})
        );
        assert_eq!(
            document["definitions"]["Thing"][KINDS],
            json!([{"kind": "Other"}, {"kind": "Thing"}])
        );
        assert_eq!(document["parameters"]["pretty"], json!({"in": "query"}));
        let before = document.clone();
        merge(&mut document, &part);
        assert_eq!(document, before, "the same again changes nothing");
    }
}

//! A version 3 document of OpenAPI, made out of a version 2 one: for servers that have no other.

use serde_json::{Map, Value, json};

const SHARED_PARAMETERS: &str = "#/parameters/";
const DEFINITIONS: &str = "#/definitions/";
const SCHEMAS: &str = "#/components/schemas/";
/// The methods of a path.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// What a parameter has beside its schema.
const OF_PARAMETERS: [&str; 5] = ["name", "in", "description", "required", "allowEmptyValue"];

/// The document in version 3. `title` is that of one that has none.
pub fn of_v2(document: &Value, title: &str) -> Value {
    let shared = &document["parameters"];
    let items = document["paths"].as_object().into_iter().flatten();
    let paths: Map<String, Value> = items
        .map(|(path, item)| (path.clone(), path_item(item, shared)))
        .collect();
    let definitions = document["definitions"].as_object().into_iter().flatten();
    let schemas: Map<String, Value> = definitions
        .map(|(name, definition)| (name.clone(), schema(definition)))
        .collect();
    let info = match &document["info"] {
        Value::Null => json!({"title": title, "version": "unversioned"}),
        info => info.clone(),
    };
    json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})
}

fn path_item(item: &Value, shared: &Value) -> Value {
    let mut made = Map::new();
    for (name, value) in item.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "parameters" => parameters(value, shared).collect(),
            method if METHODS.contains(&method) => operation(value, shared),
            _ => value.clone(),
        };
        made.insert(name.clone(), value);
    }
    made.into()
}

fn operation(operation: &Value, shared: &Value) -> Value {
    let mut made = Map::new();
    for (name, value) in operation.as_object().into_iter().flatten() {
        match name.as_str() {
            // Who asks proves who it is, whatever it asks.
            "consumes" | "produces" | "schemes" | "security" => {}
            "parameters" => {
                let others: Vec<Value> = parameters(value, shared).collect();
                if !others.is_empty() {
                    made.insert(name.clone(), others.into());
                }
                if let Some(body) = body(value, shared) {
                    made.insert(
                        "requestBody".to_owned(),
                        request_body(body, &operation["consumes"]),
                    );
                }
            }
            "responses" => {
                let responses = value.as_object().into_iter().flatten();
                let responses: Map<String, Value> = responses
                    .map(|(code, answer)| (code.clone(), response(answer, &operation["produces"])))
                    .collect();
                made.insert(name.clone(), responses.into());
            }
            _ => {
                made.insert(name.clone(), value.clone());
            }
        }
    }
    made.into()
}

/// Parameters where they are meant, those that stand elsewhere too.
fn resolved<'a>(list: &'a Value, shared: &'a Value) -> impl Iterator<Item = &'a Value> {
    let all = list.as_array().into_iter().flatten();
    all.map(|parameter| {
        let reference = parameter["$ref"].as_str();
        let name = reference.and_then(|reference| reference.strip_prefix(SHARED_PARAMETERS));
        name.and_then(|name| shared.get(name)).unwrap_or(parameter)
    })
}

fn body<'a>(list: &'a Value, shared: &'a Value) -> Option<&'a Value> {
    resolved(list, shared).find(|parameter| parameter["in"] == "body")
}

/// All but the body.
fn parameters<'a>(list: &'a Value, shared: &'a Value) -> impl Iterator<Item = Value> {
    let others = resolved(list, shared).filter(|parameter| parameter["in"] != "body");
    others.map(parameter)
}

fn parameter(parameter: &Value) -> Value {
    let mut made = Map::new();
    let mut of_schema = Map::new();
    for (name, value) in parameter.as_object().into_iter().flatten() {
        if OF_PARAMETERS.contains(&name.as_str()) || name.starts_with("x-") {
            made.insert(name.clone(), value.clone());
        } else if name != "collectionFormat" {
            of_schema.insert(name.clone(), value.clone());
        }
    }
    made.insert("schema".to_owned(), of_schema.into());
    made.into()
}

fn request_body(body: &Value, consumes: &Value) -> Value {
    let mut made = json!({"content": content(&body["schema"], consumes)});
    for name in ["description", "required"] {
        if let Some(value) = body.get(name) {
            made[name] = value.clone();
        }
    }
    made
}

fn response(answer: &Value, produces: &Value) -> Value {
    let mut made = json!({"description": answer["description"].as_str().unwrap_or_default()});
    if let Some(schema) = answer.get("schema") {
        made["content"] = content(schema, produces);
    }
    made
}

/// A schema in each of the forms in which it travels.
fn content(of: &Value, media_types: &Value) -> Value {
    let media_types = media_types
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let content: Map<String, Value> = media_types
        .map(|media_type| (media_type.to_owned(), json!({"schema": schema(of)})))
        .collect();
    content.into()
}

/// A schema whose references lead to where schemas stand now. What is said beside one needs the two to be put together.
fn schema(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut made: Map<String, Value> = members
                .iter()
                .filter(|(name, value)| *name != "$ref" || !value.is_string())
                .map(|(name, value)| (name.clone(), schema(value)))
                .collect();
            let reference = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = reference.and_then(|reference| reference.strip_prefix(DEFINITIONS)) {
                let reference = json!({"$ref": format!("{SCHEMAS}{name}")});
                if made.is_empty() {
                    return reference;
                }
                made.insert("allOf".to_owned(), json!([reference]));
            }
            made.into()
        }
        Value::Array(items) => items.iter().map(schema).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_told_anew() {
        let v2 = json!({
            "swagger": "2.0",
            "info": {"title": "Things", "version": "v1"},
            "paths": {"/apis/a.example/v1/things/{name}": {
                "parameters": [{"$ref": "#/parameters/pretty"}],
                "patch": {
                    "operationId": "patchThing", "consumes": ["application/a", "application/b"], "produces": ["application/a"],
                    "schemes": ["https"], "x-kubernetes-action": "patch",
                    "parameters": [
                        {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Thing"}},
                        {"name": "force", "in": "query", "type": "boolean", "uniqueItems": true},
                    ],
                    "responses": {
                        "200": {"description": "OK", "schema": {"$ref": "#/definitions/Thing"}},
                        "401": {"description": "Unauthorized"},
                    },
                },
            }},
            "parameters": {"pretty": {"name": "pretty", "in": "query", "description": "p", "type": "string"}},
            "definitions": {"Thing": {"type": "object", "properties": {
                "spec": {"description": "s", "$ref": "#/definitions/Spec"},
                "$ref": {"type": "string"},
                "all": {"type": "array", "items": {"$ref": "#/definitions/Spec"}},
            }}, "Spec": {"type": "object"}},
        });
        let thing = json!({"schema": {"$ref": "#/components/schemas/Thing"}});
        let v3 = json!({
            "openapi": "3.0.0",
            "info": {"title": "Things", "version": "v1"},
            "paths": {"/apis/a.example/v1/things/{name}": {
                "parameters": [{"name": "pretty", "in": "query", "description": "p", "schema": {"type": "string"}}],
                "patch": {
                    "operationId": "patchThing", "x-kubernetes-action": "patch",
                    "parameters": [{"name": "force", "in": "query", "schema": {"type": "boolean", "uniqueItems": true}}],
                    "requestBody": {"required": true, "content": {"application/a": thing, "application/b": thing}},
                    "responses": {
                        "200": {"description": "OK", "content": {"application/a": thing}},
                        "401": {"description": "Unauthorized"},
                    },
                },
            }},
            "components": {"schemas": {"Thing": {"type": "object", "properties": {
                "spec": {"description": "s", "allOf": [{"$ref": "#/components/schemas/Spec"}]},
                "$ref": {"type": "string"},
                "all": {"type": "array", "items": {"$ref": "#/components/schemas/Spec"}},
            }}, "Spec": {"type": "object"}}},
        });
        assert_eq!(of_v2(&v2, ""), v3);
    }

    #[test]
    fn a_document_needs_a_title() {
        assert_eq!(of_v2(&json!({}), "a.example/v1")["info"]["title"], "a.example/v1");
    }
}

//! The operations of one path.

use serde_json::{Map, Value};

use super::Dialect;
use super::component::Component;
use super::operation::Operation;
use super::parameter::Parameter;

/// A path and what can be done there.
#[derive(Clone, Debug)]
pub(super) struct PathItem<'a> {
    pub path: String,
    operations: Vec<Operation<'a>>,
}

impl<'a> PathItem<'a> {
    /// A path with operations; none if nothing can be done there.
    pub fn new(path: String, mut operations: Vec<Operation<'a>>) -> Option<Self> {
        operations.sort_by_key(|operation| operation.method);
        for operation in &mut operations {
            operation.parameters.sort_unstable();
        }
        (!operations.is_empty()).then_some(Self { path, operations })
    }

    /// The schemas its operations refer to.
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> {
        self.operations.iter().flat_map(Operation::components)
    }

    /// As a document has it: what all operations have as parameters stands beside them.
    pub fn render(&self, dialect: Dialect) -> Value {
        let common = self.common_parameters();
        let mut item: Map<String, Value> = self
            .operations
            .iter()
            .map(|operation| {
                let key = operation.method.as_str().to_owned();
                (key, operation.render(dialect, &common))
            })
            .collect();
        if !common.is_empty() {
            let parameters: Vec<Value> = common.iter().map(|parameter| parameter.render(dialect)).collect();
            item.insert("parameters".to_owned(), parameters.into());
        }
        Value::Object(item)
    }

    fn common_parameters(&self) -> Vec<Parameter> {
        let Some((first, rest)) = self.operations.split_first() else {
            return Vec::new();
        };
        let is_common = |parameter: &&Parameter| {
            rest.iter()
                .all(|operation| operation.parameters.contains(parameter))
        };
        first.parameters.iter().filter(is_common).copied().collect()
    }
}

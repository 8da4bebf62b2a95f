//! Loops.

use super::Evaluator;
use crate::error::EvaluationError;
use crate::functions::Answer;
use crate::syntax::tree::Comprehension;
use crate::value::Value;

impl<'p, 'v> Evaluator<'p, '_, 'v> {
    pub(super) fn fold(&mut self, fold: &'p Comprehension) -> Answer<'v> {
        let outer = std::mem::replace(&mut self.stepping, false);
        let depth = self.scopes.len();
        let value = self.folding(fold);
        self.scopes.truncate(depth);
        self.stepping = outer;
        value
    }

    fn folding(&mut self, fold: &'p Comprehension) -> Answer<'v> {
        let range = self.expr(&fold.range)?;
        let initial = match self.expr(&fold.initial) {
            Err(error) if error.is_final() => return Err(error),
            value => value,
        };
        self.scopes.push((&fold.accumulator, initial));
        let gathered = self.scopes.len() - 1;
        let pairs: Vec<(Value<'v>, Option<Value<'v>>)> = match (&range, fold.second.is_some()) {
            (Value::List(list), false) => list.iter().map(|element| (element, None)).collect(),
            (Value::List(list), true) => list
                .iter()
                .enumerate()
                .map(|(place, element)| (Value::Int(place as i64), Some(element)))
                .collect(),
            (Value::Map(map), false) => map.keys().iter().map(|key| (key.value(), None)).collect(),
            (Value::Map(map), true) => {
                let mut pairs = Vec::new();
                for key in map.keys() {
                    pairs.push((key.value(), map.get(&key)?));
                }
                pairs
            }
            (other, _) => return Err(not_iterable(other)),
        };
        for (first, second) in pairs {
            self.scopes.push((&fold.variable, Ok(first)));
            if let (Some(name), Some(value)) = (&fold.second, second) {
                self.scopes.push((name, Ok(value)));
            }
            let go_on = self.expr(&fold.condition)?;
            if matches!(go_on, Value::Bool(false)) {
                self.scopes.truncate(gathered + 1);
                break;
            }
            self.stepping = true;
            let step = self.expr(&fold.step);
            self.stepping = false;
            self.scopes.truncate(gathered + 1);
            match step {
                Err(error) if error.is_final() => return Err(error),
                step => self.scopes[gathered].1 = step,
            }
        }
        self.expr(&fold.result)
    }
}

fn not_iterable(value: &Value<'_>) -> EvaluationError {
    let name = match value {
        Value::Null => "Null",
        Value::Bool(_) => "Bool",
        Value::Int(_) => "Int",
        Value::Uint(_) => "Uint",
        Value::Double(_) => "Double",
        Value::String(_) => "String",
        Value::Bytes(_) => "Bytes",
        Value::Duration(_) => "Duration",
        Value::Timestamp(_) => "Timestamp",
        _ => "Value",
    };
    EvaluationError::failed(format!("got 'types.{name}', expected iterable type"))
}

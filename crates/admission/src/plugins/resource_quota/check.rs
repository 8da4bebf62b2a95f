//! Whether a quota has as much left, in upstream's words.

use kinds::quota::{Amounts, unspecified};
use meta::Quantity;
use meta::object::name;
use serde_json::{Map, Value};

fn amount(amounts: &Value, name: &str) -> Option<Quantity> {
    amounts.get(name)?.as_str()?.parse().ok()
}

fn hard(quota: &Value) -> impl Iterator<Item = &str> {
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    hard.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// What of the amounts the quota limits.
pub(super) fn limited(quota: &Value, mut asked: Amounts) -> Amounts {
    let limited: Vec<&str> = hard(quota).collect();
    asked.retain(|name, _| limited.contains(&name.as_str()));
    asked
}

/// Whether the pod says how much it needs of all that the quota limits.
pub(super) fn specified(quota: &Value, pod: &Value) -> Result<(), String> {
    match unspecified(pod, hard(quota)) {
        None => Ok(()),
        Some(why) => Err(format!("failed quota: {}: {why}", name(quota))),
    }
}

/// Takes the amounts, all of which it limits, from the quota.
pub(super) fn spend(quota: &mut Value, asked: &Amounts) -> Result<(), String> {
    let status = &quota["status"];
    let unknown: Vec<&str> = asked
        .keys()
        .filter(|name| amount(&status["used"], name).is_none())
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let (quota, unknown) = (name(quota), unknown.join(","));
        return Err(format!("status unknown for quota: {quota}, resources: {unknown}"));
    }
    let used = |name: &str| amount(&status["used"], name).unwrap_or_default();
    let most = |name: &str| amount(&status["hard"], name).unwrap_or_default();
    let exceeded: Vec<(&String, Quantity)> = asked
        .iter()
        .filter(|(name, asked)| used(name) + **asked > most(name))
        .map(|(name, asked)| (name, *asked))
        .collect();
    if !exceeded.is_empty() {
        let listed = |of: &dyn Fn(&str, Quantity) -> Quantity| {
            let texts = exceeded
                .iter()
                .map(|(name, asked)| format!("{name}={}", of(name, *asked)));
            texts.collect::<Vec<_>>().join(",")
        };
        return Err(format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            name(quota),
            listed(&|_, asked| asked),
            listed(&|name, _| used(name)),
            listed(&|name, _| most(name)),
        ));
    }
    let sums: Vec<(String, String)> = asked
        .iter()
        .map(|(name, asked)| (name.clone(), (used(name) + *asked).to_string()))
        .collect();
    for (name, sum) in sums {
        quota["status"]["used"][name.as_str()] = sum.into();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_granted_is_counted() {
        let mut quota = json!({"status": {"hard": {"cpu": "1"}, "used": {"cpu": "200m"}}});
        let asked: Amounts = [("cpu".to_owned(), "300m".parse().unwrap())].into();
        assert_eq!(spend(&mut quota, &asked), Ok(()));
        assert_eq!(quota["status"]["used"]["cpu"], "500m");
        spend(&mut quota, &asked).unwrap();
        assert!(spend(&mut quota, &asked).is_err());
        assert_eq!(quota["status"]["used"]["cpu"], "800m");
    }
}

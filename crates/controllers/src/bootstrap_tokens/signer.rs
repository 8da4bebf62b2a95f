//! What a joining node is told of the cluster carries the signature of each token that may sign.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{ConfigMap, Secret};
use client::{Client, Informer, ListOptions, WorkQueue, run_workers};
use jiff::Timestamp;

use super::signature::detached;
use super::{end, is_token, secrets, text};
use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "bootstrap-signer";
const NAMESPACE: &str = "kube-public";
const CONFIG_MAP: &str = "cluster-info";
const CONTENT: &str = "kubeconfig";
const SIGNATURE: &str = "jws-kubeconfig-";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let secrets = secrets(&context);
    let only_ours = ListOptions::fields(format!("metadata.name={CONFIG_MAP}"));
    let maps = context.informers().selected::<ConfigMap>(only_ours);
    let queue: WorkQueue<()> = WorkQueue::new();
    let to = queue.clone();
    secrets.on_change(move |_| to.add(()));
    let to = queue.clone();
    maps.on_change(move |change| {
        let ours = change
            .new
            .as_ref()
            .filter(|map| map.metadata.namespace.as_deref() == Some(NAMESPACE));
        if ours.is_some() {
            to.add(());
        }
    });
    secrets.synced().await;
    maps.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |()| {
        let (client, secrets, maps) = (client.clone(), secrets.clone(), maps.clone());
        async move { reconcile(&client, &secrets, &maps).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    secrets: &Informer<Secret>,
    maps: &Informer<ConfigMap>,
) -> Result<Outcome, ControllerError> {
    let Some(map) = maps.store().get(NAMESPACE, CONFIG_MAP) else {
        return Ok(Outcome::Done);
    };
    let now = Timestamp::now();
    let tokens = secrets.store().list();
    let again = tokens
        .iter()
        .filter_map(|token| end(token))
        .filter_map(|end| Duration::try_from(end.duration_since(now)).ok())
        .filter(|left| !left.is_zero())
        .min();
    if let Some(data) = plan(&map, &tokens, now) {
        let changed = ConfigMap {
            data: Some(data),
            ..ConfigMap::clone(&map)
        };
        let result = client.replace(&changed).await;
        optional(result).map_err(doing("sign what joining nodes are told"))?;
    }
    Ok(again.map_or(Outcome::Done, Outcome::After))
}

/// The map's content as it should be; none if it is so.
fn plan(map: &ConfigMap, tokens: &[Arc<Secret>], now: Timestamp) -> Option<BTreeMap<String, String>> {
    let data = map.data.clone().unwrap_or_default();
    let content = data.get(CONTENT)?;
    let mut wanted: BTreeMap<String, String> = data
        .iter()
        .filter(|(key, _)| !key.starts_with(SIGNATURE))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for token in tokens.iter().filter(|token| may_sign(token, now)) {
        let (id, secret) = (text(token, "token-id"), text(token, "token-secret"));
        wanted.insert(format!("{SIGNATURE}{id}"), detached(content, id, secret));
    }
    (wanted != data).then_some(wanted)
}

fn may_sign(token: &Secret, now: Timestamp) -> bool {
    let (id, secret) = (text(token, "token-id"), text(token, "token-secret"));
    let name = format!("bootstrap-token-{id}");
    is_token(token)
        && token.metadata.deletion_timestamp.is_none()
        && token.metadata.name.as_ref() == Some(&name)
        && !id.is_empty()
        && !secret.is_empty()
        && text(token, "usage-bootstrap-signing") == "true"
        && end(token).is_none_or(|end| end > now)
}

#[cfg(test)]
mod tests {
    use super::super::testing::token;
    use super::*;

    fn map(data: &[(&str, &str)]) -> ConfigMap {
        let data = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ConfigMap {
            data: Some(data.collect()),
            ..ConfigMap::default()
        }
    }

    fn check(data: &[(&str, &str)], fields: &[(&str, &str)], expected: Option<&[&str]>) {
        let tokens = [Arc::new(token("abcdef", fields))];
        let planned = plan(&map(data), &tokens, Timestamp::from_second(60).unwrap());
        let keys = planned
            .as_ref()
            .map(|data| data.keys().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(keys.as_deref(), expected, "{data:?} {fields:?}");
    }

    #[test]
    fn tokens_that_may_sign_do() {
        let may = ("usage-bootstrap-signing", "true");
        let signed = ["jws-kubeconfig-abcdef", "kubeconfig"];
        check(&[("kubeconfig", "c")], &[may], Some(&signed));
        check(&[("kubeconfig", "c")], &[], None);
        check(
            &[("kubeconfig", "c")],
            &[may, ("expiration", "1970-01-01T00:00:10Z")],
            None,
        );
        check(&[], &[may], None);
        let old = [("kubeconfig", "c"), ("jws-kubeconfig-gone00", "s")];
        check(&old, &[], Some(&["kubeconfig"]));
    }

    #[test]
    fn a_map_that_is_signed_is_not_written_again() {
        let tokens = [Arc::new(token("abcdef", &[("usage-bootstrap-signing", "true")]))];
        let map = map(&[("kubeconfig", "c")]);
        let data = plan(&map, &tokens, Timestamp::UNIX_EPOCH);
        let signed = ConfigMap { data, ..map };
        assert_eq!(plan(&signed, &tokens, Timestamp::UNIX_EPOCH), None);
    }
}

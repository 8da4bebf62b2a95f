//! What servers over one datastore must agree on: the cluster's authorities and keys, and its networks. The first server puts
//! them into the datastore, sealed with the servers' token; the others take them from there before they make certificates of
//! their own.

mod rotation;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use cluster::token::{JoinToken, TokenError};
use jiff::Timestamp;
use pki::sealed::{self, SealError};
use pki::{ClusterSecrets, Layout, PkiError};
use serde::{Deserialize, Serialize};
use store::{Key, Outcome, StateStore, StoreError, Transaction};

use super::options::ServerOptions;
pub use rotation::reseal;

/// Where it lies: beside what upstream keeps, not in it.
const KEY: &str = "/pintle/bootstrap";
/// What the seal is bound to.
const PURPOSE: &str = "pintle cluster";

/// Why servers do not agree. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// No token, now or at an earlier start.
    #[error(
        "servers that share a datastore need the same token; give --token, for a further server what the file node-token of \
         the first says"
    )]
    NoToken,
    /// The token is none.
    #[error("the token cannot be used")]
    Token(#[source] TokenError),
    /// The token is another cluster's, or wrong.
    #[error(
        "the token is not the one of the cluster in the datastore; give --token as the file node-token of another of its \
         servers says it, or another --datastore-endpoint"
    )]
    WrongToken,
    /// No server has put anything there.
    #[error("the datastore holds nothing under {KEY}: no servers have agreed on anything there")]
    NothingAgreed,
    /// What lies in the datastore is damaged, or newer.
    #[error("what the datastore holds under {KEY} cannot be used: {0}")]
    Sealed(String),
    /// The data directory is another cluster's.
    #[error(
        "{path} belongs to another cluster than the one in the datastore; give another --data-dir, or another \
         --datastore-endpoint"
    )]
    OtherCluster {
        /// The file that differs.
        path: PathBuf,
    },
    /// The networks differ.
    #[error("--{option} is {ours} here and {theirs} in the cluster; all servers need the same")]
    Differs {
        /// The option.
        option: String,
        /// Its value here.
        ours: String,
        /// What the cluster was made with.
        theirs: String,
    },
    /// Keys cannot be made, read or written.
    #[error("the cluster's keys cannot be used")]
    Pki(#[from] PkiError),
    /// The datastore does not answer.
    #[error("the datastore cannot be used")]
    Store(#[from] StoreError),
}

/// What is agreed on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Agreed {
    secrets: ClusterSecrets,
    /// Options that must be the same, by name.
    settings: BTreeMap<String, String>,
}

/// Takes the cluster's secrets from the datastore into the data directory, or puts them there if this server is the first.
/// `kept` is the token of an earlier start.
pub(super) async fn agree(
    store: &dyn StateStore,
    options: &ServerOptions,
    kept: Option<&str>,
) -> Result<(), AgreementError> {
    let text = options.token.as_deref().or(kept).ok_or(AgreementError::NoToken)?;
    let token = JoinToken::parse(text).map_err(AgreementError::Token)?;
    let layout = Layout::in_folder(&options.data_dir);
    let agreed = match read(store).await? {
        Some(sealed) => open(&token, &sealed)?,
        None => propose(store, options, &layout, &token).await?,
    };
    if !token.trusts(&agreed.secrets.authority()?) {
        return Err(AgreementError::WrongToken);
    }
    if let Some(path) = agreed.secrets.foreign_file(&layout)? {
        return Err(AgreementError::OtherCluster { path });
    }
    compare(&settings(options), &agreed.settings)?;
    agreed.secrets.write(&layout)?;
    Ok(())
}

async fn read(store: &dyn StateStore) -> Result<Option<Bytes>, StoreError> {
    Ok(store.get(&Key::from(KEY), None).await?.map(|held| held.value))
}

/// Of several servers that start at the same time, one is the first.
async fn propose(
    store: &dyn StateStore,
    options: &ServerOptions,
    layout: &Layout,
    token: &JoinToken,
) -> Result<Agreed, AgreementError> {
    let proposed = Agreed {
        secrets: ClusterSecrets::of(layout, Timestamp::now())?,
        settings: settings(options),
    };
    // A whole token names the cluster it is for.
    if !token.trusts(&proposed.secrets.authority()?) {
        return Err(AgreementError::WrongToken);
    }
    let sealed = seal(token, &proposed)?;
    match store.commit(Transaction::create(KEY.into(), sealed)).await? {
        Outcome::Committed { .. } => Ok(proposed),
        Outcome::Conflict { .. } => match read(store).await? {
            Some(sealed) => open(token, &sealed),
            None => Err(AgreementError::Sealed(String::from("it was removed meanwhile"))),
        },
    }
}

fn seal(token: &JoinToken, agreed: &Agreed) -> Result<Bytes, AgreementError> {
    let unusable = |error: &dyn std::error::Error| AgreementError::Sealed(error.to_string());
    let text = serde_json::to_vec(agreed).map_err(|error| unusable(&error))?;
    let sealed = sealed::seal(&token.token.bearer(), PURPOSE, &text).map_err(|error| unusable(&error))?;
    Ok(sealed.into())
}

fn open(token: &JoinToken, sealed: &[u8]) -> Result<Agreed, AgreementError> {
    let text = sealed::open(&token.token.bearer(), PURPOSE, sealed).map_err(|error| match error {
        SealError::Passphrase => AgreementError::WrongToken,
        error => AgreementError::Sealed(error.to_string()),
    })?;
    // What the parser says of a secret text is not for the log.
    let unreadable = |_| AgreementError::Sealed(String::from("its content is not understood"));
    serde_json::from_slice(&text).map_err(unreadable)
}

/// Options that would tear the cluster apart if they differed.
fn settings(options: &ServerOptions) -> BTreeMap<String, String> {
    let settings = [
        ("cluster-cidr", options.cluster_cidr.to_string()),
        ("cluster-domain", options.cluster_domain.clone()),
        ("service-cidr", options.service_cidr.to_string()),
        (
            "service-node-port-range",
            options.service_node_port_range.to_string(),
        ),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

fn compare(ours: &BTreeMap<String, String>, agreed: &BTreeMap<String, String>) -> Result<(), AgreementError> {
    let mut pairs = ours
        .iter()
        .filter_map(|(name, value)| Some((name, value, agreed.get(name)?)));
    match pairs.find(|(_, ours, theirs)| ours != theirs) {
        None => Ok(()),
        Some((option, ours, theirs)) => Err(AgreementError::Differs {
            option: option.clone(),
            ours: ours.clone(),
            theirs: theirs.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use store::{MemoryStore, Revision};

    use super::*;

    pub(super) fn options(data_dir: &Path, token: &str) -> ServerOptions {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = data_dir.to_owned();
        options.token = Some(token.to_owned()).filter(|token| !token.is_empty());
        options
    }

    pub(super) fn authority(data_dir: &Path) -> Option<String> {
        std::fs::read_to_string(Layout::in_folder(data_dir).certificate("ca")).ok()
    }

    struct Folders(Vec<tempfile::TempDir>);

    impl Folders {
        fn new(count: usize) -> Self {
            let folder = |_| tempfile::tempdir().expect("folder");
            Self((0..count).map(folder).collect())
        }

        fn path(&self, index: usize) -> &Path {
            self.0[index].path()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn servers_that_start_together_make_one_cluster() {
        let store: Arc<MemoryStore> = Arc::default();
        let folders = Folders::new(3);
        let all = (0..3).map(|index| {
            let (store, options) = (store.clone(), options(folders.path(index), "secret"));
            tokio::spawn(async move { agree(&*store, &options, None).await })
        });
        for done in all.collect::<Vec<_>>() {
            done.await.expect("no panic").expect("agreed");
        }
        let first = authority(folders.path(0)).expect("written");
        for index in 1..3 {
            assert_eq!(authority(folders.path(index)).as_ref(), Some(&first));
        }
        let held = store.get(&KEY.into(), None).await.expect("read").expect("there");
        let text = String::from_utf8_lossy(&held.value).into_owned();
        assert!(!text.contains("PRIVATE") && !text.contains("secret"), "{text}");
        // Later starts need no token: it was kept.
        agree(&*store, &options(folders.path(0), ""), Some("secret"))
            .await
            .expect("agreed");
    }

    #[tokio::test]
    async fn who_does_not_belong_is_refused_and_nothing_changes() {
        let store = MemoryStore::new();
        let folders = Folders::new(3);
        agree(&store, &options(folders.path(0), "secret"), None)
            .await
            .expect("agreed");
        let revision = store.current_revision();
        assert_eq!(revision, Revision::new(1));

        let other = ClusterSecrets::of(&Layout::in_memory(), Timestamp::now()).expect("made");
        other.write(&Layout::in_folder(folders.path(1))).expect("written");
        let mut other_range = options(folders.path(2), "secret");
        other_range.service_cidr = "10.99.0.0/16".parse().expect("a range");
        let hash = "0".repeat(64);
        let cases = [
            (options(folders.path(2), ""), "need the same token"),
            (options(folders.path(2), "wrong"), "the token is not the one"),
            (
                options(folders.path(2), &format!("K10{hash}::abcdef.0123456789abcdef")),
                "the token is not the one",
            ),
            (
                options(folders.path(1), "secret"),
                "ca.crt belongs to another cluster",
            ),
            (
                other_range,
                "--service-cidr is 10.99.0.0/16 here and 10.43.0.0/16 in the cluster",
            ),
        ];
        for (options, message) in cases {
            let error = agree(&store, &options, None)
                .await
                .expect_err("refused")
                .to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(store.current_revision(), revision);
        assert_eq!(authority(folders.path(2)), None);
    }

    #[tokio::test]
    async fn a_server_that_has_a_cluster_brings_it_along() {
        let store = MemoryStore::new();
        let folders = Folders::new(2);
        let own = ClusterSecrets::of(&Layout::in_memory(), Timestamp::now()).expect("made");
        own.write(&Layout::in_folder(folders.path(0))).expect("written");
        for index in 0..2 {
            agree(
                &store,
                &options(folders.path(index), "abcdef.0123456789abcdef"),
                None,
            )
            .await
            .expect("agreed");
        }
        assert_eq!(authority(folders.path(0)), authority(folders.path(1)));
    }
}

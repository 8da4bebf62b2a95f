//! `pintle token rotate`: another token in the place of the server's own.

use std::path::Path;

use clap::Args;
use client::error::optional;
use client::k8s_openapi::api::core::v1::Secret;
use client::{Client, DeleteOptions};
use cluster::token::JoinToken;

use super::{NAME_PREFIX, NAMESPACE, NODE_TOKEN, authority_hash, generate, secret};
use crate::commands::CommandError;
use crate::commands::cluster::ClusterOptions;
use crate::server::{DatastoreOptions, connect_etcd, reseal};

/// Another token in the place of the server's own.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The new token; default: one is made.
    new_token: Option<String>,
    /// The etcd that the cluster's state is kept in, if it is.
    #[command(flatten)]
    datastore: DatastoreOptions,
}

impl Rotate {
    /// The new token counts before the old one ends, and what breaks off can be repeated.
    pub(super) async fn run(self, cluster: &ClusterOptions) -> Result<(), CommandError> {
        let (data_dir, shared) = (&cluster.data_dir, !self.datastore.endpoints.is_empty());
        let old = kept(data_dir)?;
        if !shared && !cluster::data_dir::store(data_dir).exists() {
            return Err(CommandError::SharedToken(data_dir.clone()));
        }
        let (client, config) = cluster.client()?;
        let new = JoinToken {
            authority_hash: Some(authority_hash(&config)?),
            token: match &self.new_token {
                Some(text) => JoinToken::parse(text).map_err(CommandError::NewToken)?.token,
                None => generate()?,
            },
        };
        if new.token.id() == old.token.id() {
            return Err(CommandError::SameToken(new.token.id().to_owned()));
        }
        let wanted = secret(
            &new.token,
            std::time::Duration::ZERO,
            None,
            jiff::Timestamp::now(),
        );
        let made = client.create(NAMESPACE, &wanted).await;
        made.map_err(CommandError::api("cannot make the new token"))?;
        if shared && let Err(error) = self.reseal(&old, &new).await {
            forget(&client, &new).await?;
            return Err(error);
        }
        let path = data_dir.join(NODE_TOKEN);
        pki::file::write(&path, &format!("{new}\n"), true)
            .map_err(CommandError::pki("cannot keep the new token"))?;
        forget(&client, &old).await?;
        println!("{new}");
        if shared {
            eprintln!(
                "the other servers of this cluster need it at their next start: --token, or their file {NODE_TOKEN}"
            );
        }
        Ok(())
    }

    async fn reseal(&self, old: &JoinToken, new: &JoinToken) -> Result<(), CommandError> {
        let store = connect_etcd(&self.datastore).await;
        let store = store.map_err(CommandError::Datastore)?;
        reseal(&store, old, new).await.map_err(CommandError::Agreement)
    }
}

/// The token that the server keeps.
fn kept(data_dir: &Path) -> Result<JoinToken, CommandError> {
    let path = data_dir.join(NODE_TOKEN);
    match std::fs::read_to_string(&path) {
        Ok(text) => JoinToken::parse(&text).map_err(CommandError::NewToken),
        Err(source) => Err(CommandError::NoCluster { path, source }),
    }
}

async fn forget(client: &Client, token: &JoinToken) -> Result<(), CommandError> {
    let name = format!("{NAME_PREFIX}{}", token.token.id());
    let gone = client
        .delete::<Secret>(NAMESPACE, &name, &DeleteOptions::default())
        .await;
    optional(gone)
        .map(drop)
        .map_err(CommandError::api("cannot delete a token"))
}

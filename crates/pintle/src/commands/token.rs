//! `pintle token`: the tokens with which nodes join.

mod rotate;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use client::config::ClientConfig;
use client::k8s_openapi::ByteString;
use client::k8s_openapi::api::core::v1::{Endpoints, Secret};
use client::{Client, DeleteOptions, ListOptions, Scope};
use cluster::token::{BootstrapToken, JoinToken, token_secret};
use jiff::{SignedDuration, Timestamp};

use super::CommandError;
use super::cluster::{ClusterOptions, wait_for};
use super::table;
use crate::flags::duration;

const NAMESPACE: Scope<'static> = Scope::Namespace("kube-system");
/// What the names of the secrets begin with; the token's ID follows.
const NAME_PREFIX: &str = "bootstrap-token-";
/// The server writes its own token there, below the data directory.
const NODE_TOKEN: &str = "node-token";
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";

/// Manage the tokens with which nodes join.
#[derive(Debug, Args)]
pub struct TokenCommand {
    #[command(flatten)]
    cluster: ClusterOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token that counts for a while.
    Create(Create),
    /// List the tokens there are.
    #[command(alias = "ls")]
    List,
    /// Delete tokens, given in full or by what stands before the dot.
    #[command(alias = "rm")]
    Delete {
        #[arg(required = true, value_name = "TOKEN")]
        tokens: Vec<String>,
    },
    /// Print the server's own token, which counts for ever.
    #[command(alias = "server")]
    Show,
    /// Put a new token in the place of the server's own.
    Rotate(rotate::Rotate),
    /// Print a new token without telling any cluster of it.
    Generate,
}

#[derive(Debug, Args)]
struct Create {
    /// The token; default: a new one.
    token: Option<String>,
    /// How long it counts; 0 for ever.
    #[arg(long, default_value = "24h0m0s", value_name = "DURATION", value_parser = ttl)]
    ttl: std::time::Duration,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Print the whole command that joins a node.
    #[arg(long)]
    print_join_command: bool,
}

fn ttl(text: &str) -> Result<std::time::Duration, String> {
    duration(text).ok_or_else(|| format!("time: invalid duration {text:?}"))
}

impl TokenCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        match self.action {
            Action::Create(create) => wait_for(create.run(&self.cluster)),
            Action::List => wait_for(list(&self.cluster)),
            Action::Delete { tokens } => wait_for(delete(&self.cluster, &tokens)),
            Action::Rotate(rotate) => wait_for(rotate.run(&self.cluster)),
            Action::Show => show(&self.cluster),
            Action::Generate => {
                println!("{}", generate()?.bearer());
                Ok(())
            }
        }
    }
}

fn generate() -> Result<BootstrapToken, CommandError> {
    BootstrapToken::generate().ok_or(CommandError::Randomness)
}

fn show(cluster: &ClusterOptions) -> Result<(), CommandError> {
    let path = cluster.data_dir.join(NODE_TOKEN);
    let text = std::fs::read_to_string(&path).map_err(|source| CommandError::NoCluster { path, source })?;
    print!("{text}");
    Ok(())
}

impl Create {
    async fn run(self, cluster: &ClusterOptions) -> Result<(), CommandError> {
        let token = match &self.token {
            Some(text) => BootstrapToken::parse(text).ok_or_else(|| CommandError::Token(text.clone()))?,
            None => generate()?,
        };
        let (client, config) = cluster.client()?;
        let secret = secret(&token, self.ttl, self.description.as_deref(), Timestamp::now());
        let made = client.create(NAMESPACE, &secret).await;
        made.map_err(CommandError::api("cannot make the token"))?;
        let join = JoinToken {
            authority_hash: Some(authority_hash(&config)?),
            token,
        };
        if self.print_join_command {
            let server = server(&client, &config).await?;
            println!("pintle agent --server {server} --token {join}");
        } else {
            println!("{join}");
        }
        Ok(())
    }
}

fn secret(
    token: &BootstrapToken,
    ttl: std::time::Duration,
    description: Option<&str>,
    now: Timestamp,
) -> Secret {
    let expires_at = SignedDuration::try_from(ttl)
        .ok()
        .filter(|ttl| !ttl.is_zero())
        .and_then(|ttl| now.checked_add(ttl).ok());
    let mut secret: Secret =
        serde_json::from_value(token_secret(token, expires_at)).expect("a token's secret is a Secret");
    if let Some(text) = description {
        let data = secret.data.get_or_insert_default();
        data.insert(String::from("description"), ByteString(text.into()));
    }
    secret
}

fn authority_hash(config: &ClientConfig) -> Result<String, CommandError> {
    let pem = String::from_utf8_lossy(&config.certificate_authority);
    let authority = pki::Certificate::from_pem(&pem);
    let authority = authority.map_err(CommandError::pki("cannot read the cluster's authority"))?;
    Ok(authority.public_key_hash())
}

/// Where other machines reach the API, as the cluster itself has it; else as this machine does.
async fn server(client: &Client, config: &ClientConfig) -> Result<String, CommandError> {
    let endpoints: Result<Endpoints, _> = client.get(Scope::Namespace("default"), "kubernetes").await;
    let endpoints = client::error::optional(endpoints)
        .map_err(CommandError::api("cannot ask where the server is"))?
        .unwrap_or_default();
    let subset = endpoints.subsets.into_iter().flatten().next().unwrap_or_default();
    let address = subset.addresses.into_iter().flatten().next();
    let port = subset.ports.into_iter().flatten().next();
    Ok(match address.zip(port) {
        Some((address, port)) if address.ip.contains(':') => {
            format!("https://[{}]:{}", address.ip, port.port)
        }
        Some((address, port)) => format!("https://{}:{}", address.ip, port.port),
        None => config.server.clone(),
    })
}

async fn list(cluster: &ClusterOptions) -> Result<(), CommandError> {
    let (client, _) = cluster.client()?;
    let only_tokens = ListOptions::fields(format!("type={SECRET_TYPE}"));
    let secrets = client.list::<Secret>(NAMESPACE, &only_tokens).await;
    let secrets = secrets.map_err(CommandError::api("cannot list the tokens"))?;
    let now = Timestamp::now();
    let rows: Vec<_> = secrets.items.iter().map(|secret| row(secret, now)).collect();
    print!("{}", table::render(TITLES, &rows));
    Ok(())
}

const TITLES: [&str; 6] = ["TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"];

/// A token's row; its secret part is not shown.
fn row(secret: &Secret, now: Timestamp) -> [String; 6] {
    let data: BTreeMap<&str, String> = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), String::from_utf8_lossy(&value.0).into_owned()))
        .collect();
    let text = |key: &str| data.get(key).cloned().unwrap_or_default();
    let expires = text("expiration");
    let ttl = match expires.parse::<Timestamp>() {
        Ok(at) if at <= now => String::from("<expired>"),
        Ok(at) => table::span(at.as_second() - now.as_second()),
        Err(_) if expires.is_empty() => String::from("<forever>"),
        Err(_) => String::from("<invalid>"),
    };
    let usages: Vec<&str> = data
        .iter()
        .filter(|(_, value)| *value == "true")
        .filter_map(|(key, _)| key.strip_prefix("usage-bootstrap-"))
        .collect();
    let or_never = if expires.is_empty() {
        String::from("<never>")
    } else {
        expires
    };
    [
        format!("{}.<secret>", text("token-id")),
        ttl,
        or_never,
        usages.join(","),
        text("description"),
        text("auth-extra-groups"),
    ]
}

async fn delete(cluster: &ClusterOptions, tokens: &[String]) -> Result<(), CommandError> {
    let (client, _) = cluster.client()?;
    for token in tokens {
        let id = id(token).ok_or_else(|| CommandError::Token(token.clone()))?;
        let name = format!("{NAME_PREFIX}{id}");
        match client
            .delete::<Secret>(NAMESPACE, &name, &DeleteOptions::default())
            .await
        {
            Err(error) if error.is_not_found() => {
                return Err(CommandError::Missing(format!("token with the ID {id:?}")));
            }
            done => done.map_err(CommandError::api("cannot delete the token"))?,
        }
        println!("token {id} deleted");
    }
    Ok(())
}

/// The ID of a token that is given whole, bare, or by its ID alone.
fn id(text: &str) -> Option<String> {
    if let Ok(JoinToken {
        token,
        authority_hash,
    }) = JoinToken::parse(text)
        && (authority_hash.is_some() || text.contains('.'))
    {
        return Some(token.id().to_owned());
    }
    let is_id = text.len() == 6 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    is_id.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_token_is_known_by_its_id() {
        for (text, wanted) in [
            ("abcdef", Some("abcdef")),
            ("abcdef.0123456789abcdef", Some("abcdef")),
            (&format!("K10{HASH}::abcdef.0123456789abcdef"), Some("abcdef")),
            ("ABCDEF", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(id(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn rows_tell_how_long_a_token_counts() {
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").expect("a token");
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let day = std::time::Duration::from_secs(86_400);
        let made = secret(&token, day, Some("for the attic"), now);
        let row_at = |second: i64| {
            row(
                &made,
                Timestamp::from_second(now.as_second() + second).expect("a time"),
            )
        };
        assert_eq!(
            row_at(0)[..5],
            [
                "abcdef.<secret>",
                "1d",
                "2026-01-02T00:00:00Z",
                "authentication,signing",
                "for the attic"
            ]
        );
        assert_eq!(row_at(86_400)[1], "<expired>");
        let for_ever = row(&secret(&token, std::time::Duration::ZERO, None, now), now);
        assert_eq!(for_ever[1..3], ["<forever>", "<never>"]);
    }
}

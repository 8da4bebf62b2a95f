//! `pintle history`: what an object was, and who changed what.

mod change;
mod difference;

use clap::{Args, ValueEnum};
use client::Client;
use serde::Deserialize;
use serde_json::Value;

use super::CommandError;
use super::cluster::{ClusterOptions, wait_for};
use crate::server::HISTORY_PATH;
use change::Change;

/// List the revisions of an object that the store still holds: when, by whom, and what was changed.
#[derive(Debug, Args)]
pub struct HistoryCommand {
    #[command(flatten)]
    cluster: ClusterOptions,
    /// The object: `deploy/web`, or `deploy web`.
    #[arg(required = true, num_args = 1..=2, value_name = "RESOURCE/NAME")]
    object: Vec<String>,
    /// Its namespace.
    #[arg(long, short, default_value = "default", value_name = "NAME")]
    namespace: String,
    /// Print the object as it was at this revision.
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,
    /// How it is printed.
    #[arg(long, short, value_name = "FORM", value_enum)]
    output: Option<Form>,
    /// Show the values of Secrets.
    #[arg(long)]
    show_secrets: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Yaml,
    Json,
}

/// What the server says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    resource: String,
    held_since: u64,
    revisions: Vec<Revision>,
    left_off: usize,
}

/// An object at a revision; none if it was deleted.
#[derive(Deserialize)]
struct Revision {
    revision: u64,
    object: Option<Value>,
}

const SECRETS: &str = "secrets";

impl HistoryCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        let (resource, name) = self.object()?;
        let mut history = wait_for(async {
            let (client, _) = self.cluster.client()?;
            ask(&client, &resource, &self.namespace, &name).await
        })?;
        if history.resource == SECRETS && !self.show_secrets {
            let objects = history
                .revisions
                .iter_mut()
                .filter_map(|revision| revision.object.as_mut());
            change::redact(objects);
        }
        match (self.revision, self.output) {
            (None, None) => {
                print!("{}", describe(&history));
                Ok(())
            }
            (revision, form) => print_one(&history, revision, form.unwrap_or(Form::Yaml)),
        }
    }

    fn object(&self) -> Result<(String, String), CommandError> {
        let parts = match self.object.as_slice() {
            [both] => both.split_once('/'),
            [resource, name] => Some((resource.as_str(), name.as_str())),
            _ => None,
        };
        let named = parts.filter(|(resource, name)| !resource.is_empty() && !name.is_empty());
        let (resource, name) = named.ok_or_else(|| CommandError::ObjectName(self.object.join(" ")))?;
        Ok((resource.to_owned(), name.to_owned()))
    }
}

async fn ask(client: &Client, resource: &str, namespace: &str, name: &str) -> Result<History, CommandError> {
    let query = [("resource", resource), ("namespace", namespace), ("name", name)];
    let path = client::path::with_query(HISTORY_PATH.to_owned(), &query);
    let answer = client.get_as(&path, "application/json").await;
    answer.map_err(CommandError::api("the history cannot be had"))
}

fn describe(history: &History) -> String {
    let mut text = String::new();
    if history.left_off > 0 {
        text += &format!("({} older revisions are left off)\n", history.left_off);
    }
    let mut previous: Option<&Value> = None;
    for (place, revision) in history.revisions.iter().enumerate() {
        // What came before the oldest revision held is not known.
        let is_known = place > 0 || (history.left_off == 0 && revision.revision > history.held_since);
        let change = Change::between(previous, revision.object.as_ref(), is_known);
        text += &change.describe(revision.revision);
        previous = revision.object.as_ref();
    }
    text
}

fn print_one(history: &History, revision: Option<u64>, form: Form) -> Result<(), CommandError> {
    // At a revision between two of the object's own it was what the earlier one made of it.
    let at = |wanted: u64| history.revisions.iter().rfind(|found| found.revision <= wanted);
    let found = match revision {
        Some(wanted) => at(wanted),
        None => history.revisions.last(),
    };
    let object = found.and_then(|found| found.object.as_ref());
    let missing = || match revision {
        Some(wanted) => CommandError::Missing(format!(
            "object at revision {wanted} in what the store still holds"
        )),
        None => CommandError::Missing(String::from(
            "object any more; name one of its revisions with --revision",
        )),
    };
    let object = object.ok_or_else(missing)?;
    let text = match form {
        Form::Yaml => serde_saphyr::to_string(object).map_err(|error| error.to_string()),
        Form::Json => serde_json::to_string_pretty(object).map_err(|error| error.to_string()),
    };
    println!("{}", text.map_err(CommandError::Unprintable)?.trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_history_reads_from_the_oldest_on() {
        let object = |replicas: u64, manager: &str, time: &str| {
            json!({
                "metadata": {"name": "web", "managedFields": [
                    {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:spec": {}}},
                ]},
                "spec": {"replicas": replicas},
            })
        };
        let history = History {
            resource: String::from("deployments.apps"),
            held_since: 5,
            left_off: 0,
            revisions: vec![
                Revision {
                    revision: 4,
                    object: Some(object(1, "kubectl-create", "2026-01-01T00:00:00Z")),
                },
                Revision {
                    revision: 9,
                    object: Some(object(3, "kubectl", "2026-01-01T00:01:00Z")),
                },
                Revision {
                    revision: 11,
                    object: None,
                },
                Revision {
                    revision: 12,
                    object: Some(object(1, "helm", "2026-01-01T00:02:00Z")),
                },
            ],
        };
        let wanted = "revision 4   as it was when history begins\n\
            revision 9   2026-01-01T00:01:00Z   kubectl\n    spec.replicas: 1 -> 3\n\
            revision 11   deleted\n\
            revision 12   2026-01-01T00:02:00Z   created by helm\n";
        assert_eq!(describe(&history), wanted);
    }
}

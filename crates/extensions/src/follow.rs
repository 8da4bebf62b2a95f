//! Keeps what is served in step with the definitions there are.
//!
//! Every server does so by itself, and all of them write the same into the definitions: who comes second finds it done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use admission::Cluster;
use meta::Status;
use registry::{ListOptions, Object, Registry, WatchEvent, WatchOptions, Watcher, WeakRegistry};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::api_services;
use crate::conditions;
use crate::definition::{Condition, Definition, Names};
use crate::deletion;
use crate::plan::{self, Ending, Verdict};
use crate::serving::Serving;
use crate::structure::{self, NON_STRUCTURAL};
use crate::writer::{DEFINITIONS, built_in, context, now};

/// After the store failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Serves what is established, and from then on, until the token fires, follows the definitions.
///
/// # Errors
/// If the definitions cannot be read.
pub async fn follow(
    registry: &Registry,
    cluster: &Arc<dyn Cluster>,
    shutdown: &CancellationToken,
) -> Result<(), Status> {
    let mut follower = Follower {
        registry: registry.downgrade(),
        cluster: Arc::clone(cluster),
        shutdown: shutdown.clone(),
        known: BTreeMap::new(),
        due: BTreeSet::new(),
        api_services: None,
    };
    let watcher = follower.catch_up(registry).await?;
    follower.serve_established(registry).await;
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(follower.run(watcher)));
    Ok(())
}

/// A definition and what has become of it here.
struct Known {
    /// As it is in the cache.
    object: Arc<Object>,
    /// Without schemas.
    definition: Definition,
    /// What is told of its schemas, where these are not structural.
    structure: Option<Condition>,
    /// The generation of which that has been told: another server may see it otherwise, and has the last word then.
    told_structure_of: Option<i64>,
    serving: Option<Serving>,
    /// Whether its objects are being deleted.
    is_ending: bool,
}

struct Follower {
    registry: WeakRegistry,
    /// Where the Services of webhooks are.
    cluster: Arc<dyn Cluster>,
    shutdown: CancellationToken,
    known: BTreeMap<String, Known>,
    /// Names of definitions to look at.
    due: BTreeSet<String>,
    /// The API services that are known to be there; none before they have been looked at.
    api_services: Option<api_services::Served>,
}

impl Follower {
    /// Reads all definitions, and gives the watch that goes on from there.
    async fn catch_up(&mut self, registry: &Registry) -> Result<Watcher, Status> {
        let definitions = built_in(registry, &DEFINITIONS)?;
        let page = definitions.list(None, &ListOptions::default()).await?;
        let there: BTreeSet<&str> = page.items.iter().map(|object| object.name()).collect();
        let gone: Vec<String> = self
            .known
            .keys()
            .filter(|name| !there.contains(name.as_str()))
            .cloned()
            .collect();
        for name in gone {
            self.forget(registry, &name);
        }
        for object in &page.items {
            self.note(Arc::clone(object));
        }
        let options = WatchOptions {
            resource_version: page.resource_version(),
            ..WatchOptions::default()
        };
        definitions.watch(None, &options).await
    }

    /// What was established before is served before the server is ready.
    async fn serve_established(&mut self, registry: &Registry) {
        for known in self.known.values_mut() {
            if known.definition.is("Established") {
                let names = known.definition.status.accepted_names.clone();
                match known.begin(registry, &self.cluster, &names).await {
                    Ok(serving) => known.serving = Some(serving),
                    Err(status) => not_served(&known.definition, &status),
                }
            }
        }
    }

    async fn run(mut self, mut watcher: Watcher) {
        loop {
            let Ok(registry) = self.registry.upgrade() else {
                return;
            };
            let is_done = self.do_due(&registry).await;
            drop(registry);
            let next = watcher.next();
            let event = if is_done {
                next.await
            } else {
                match tokio::time::timeout(RETRY_AFTER, next).await {
                    Ok(event) => event,
                    Err(_) => continue,
                }
            };
            match event {
                Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => self.note(object),
                Some(WatchEvent::Deleted(object)) => {
                    let Ok(registry) = self.registry.upgrade() else {
                        return;
                    };
                    self.forget(&registry, object.name());
                }
                Some(WatchEvent::Bookmark { .. }) => {}
                Some(WatchEvent::Error(_)) | None => match self.catch_up_again().await {
                    Some(anew) => watcher = anew,
                    None => return,
                },
            }
        }
    }

    /// However long the store is away: until then what was known last is served.
    async fn catch_up_again(&mut self) -> Option<Watcher> {
        loop {
            let registry = self.registry.upgrade().ok()?;
            match self.catch_up(&registry).await {
                Ok(watcher) => return Some(watcher),
                Err(status) => {
                    tracing::warn!(error = status.message, "definitions are not followed at present")
                }
            }
            drop(registry);
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Takes in a definition as it is now.
    fn note(&mut self, object: Arc<Object>) {
        let name = object.name().to_owned();
        let definition = match Definition::read(&object.tree()) {
            Ok(definition) => definition,
            Err(error) => {
                tracing::error!(%error, definition = name, "a definition cannot be read");
                return;
            }
        };
        self.due.insert(name.clone());
        match self.known.get_mut(&name) {
            Some(known) if known.definition.metadata.uid == definition.metadata.uid => {
                if known.definition.spec_digest != definition.spec_digest {
                    known.structure = structure::judge(&definition);
                }
                known.object = object;
                known.definition = definition.without_schemas();
            }
            before => {
                let serving = before.and_then(|known| known.serving.take());
                let known = Known {
                    object,
                    structure: structure::judge(&definition),
                    told_structure_of: None,
                    definition: definition.without_schemas(),
                    serving,
                    is_ending: false,
                };
                self.known.insert(name, known);
            }
        }
    }

    /// A definition has gone, and its names are free.
    fn forget(&mut self, registry: &Registry, name: &str) {
        let Some(gone) = self.known.remove(name) else {
            return;
        };
        if let Some(serving) = gone.serving {
            registry.withdraw(serving.resource());
        }
        let group = &gone.definition.spec.group;
        let waiting = self.known.iter().filter(|(_, known)| {
            known.definition.spec.group == *group && !known.definition.is("NamesAccepted")
        });
        let waiting: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
        self.due.extend(waiting);
    }

    /// Looks at what is due; says whether nothing is left to be tried again.
    async fn do_due(&mut self, registry: &Registry) -> bool {
        for name in std::mem::take(&mut self.due) {
            if let Err(status) = self.reconcile(registry, &name).await {
                tracing::warn!(error = status.message, definition = name, "a definition waits");
                self.due.insert(name);
            }
        }
        if let Err(status) = self.sync_api_services(registry).await {
            tracing::warn!(error = status.message, "API services wait");
            return false;
        }
        self.due.is_empty()
    }

    async fn reconcile(&mut self, registry: &Registry, name: &str) -> Result<(), Status> {
        let Some(mut verdict) = self.judge(name) else {
            return Ok(());
        };
        let Some(known) = self.known.get_mut(name) else {
            return Ok(());
        };
        if let Err(refusal) = known.serve(registry, &self.cluster, &verdict).await {
            if !matches!(refusal.code, 409 | 422) {
                return Err(refusal);
            }
            // It would not help to try again.
            not_served(&known.definition, &refusal);
            verdict.refuse(&refusal.message);
        }
        if !known.definition.is_terminating() {
            return known.tell(registry, &verdict).await;
        }
        self.end(name);
        Ok(())
    }

    fn judge(&self, name: &str) -> Option<Verdict> {
        let definition = &self.known.get(name)?.definition;
        let others = self.known.iter().filter(|(other, known)| {
            other.as_str() != name && known.definition.spec.group == definition.spec.group
        });
        Some(plan::judge(
            definition,
            others.map(|(_, known)| &known.definition),
        ))
    }

    fn end(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let ending = plan::ending(&known.definition);
        if known.is_ending || ending == Ending::None {
            return;
        }
        known.is_ending = true;
        let work = deletion::Ending {
            registry: self.registry.clone(),
            name: name.to_owned(),
            uid: known.definition.metadata.uid.clone(),
            resource: match &known.serving {
                Some(serving) => serving.resource().clone(),
                None => known.definition.resource(),
            },
        };
        let shutdown = self.shutdown.clone();
        tokio::spawn(shutdown.run_until_cancelled_owned(async move {
            match ending {
                Ending::DeleteObjects => work.run().await,
                Ending::LetGo | Ending::None => work.let_go_unused().await,
            }
        }));
    }

    /// Makes API services of what is served now, and deletes those of what is not.
    async fn sync_api_services(&mut self, registry: &Registry) -> Result<(), Status> {
        let present = match &mut self.api_services {
            Some(present) => present,
            none => none.insert(api_services::present(registry).await?),
        };
        let served = self.known.values().filter(|known| known.serving.is_some());
        let wanted = api_services::served(served.map(|known| &known.definition));
        for (group, version) in wanted.difference(&present.clone()) {
            api_services::add(registry, group, version).await?;
            present.insert((group.clone(), version.clone()));
        }
        for (group, version) in present.clone().difference(&wanted) {
            api_services::remove(registry, group, version).await?;
            present.remove(&(group.clone(), version.clone()));
        }
        Ok(())
    }
}

impl Known {
    async fn begin(
        &self,
        registry: &Registry,
        cluster: &Arc<dyn Cluster>,
        names: &Names,
    ) -> Result<Serving, Status> {
        let whole = Definition::read(&self.object.tree()).map_err(Status::internal)?;
        Serving::begin(registry, cluster, &whole, names).await
    }

    /// Serves the definition's objects as it has them now, if it is entitled to that.
    async fn serve(
        &mut self,
        registry: &Registry,
        cluster: &Arc<dyn Cluster>,
        verdict: &Verdict,
    ) -> Result<(), Status> {
        if let Some(serving) = &self.serving {
            if serving.is_of(&self.definition, &verdict.names) {
                serving.set_going(self.definition.is_terminating());
                return Ok(());
            }
            if !verdict.is_served {
                registry.withdraw(serving.resource());
                self.serving = None;
            }
        }
        if verdict.is_served {
            let begun = self.begin(registry, cluster, &verdict.names).await;
            self.serving = Some(begun?);
        }
        Ok(())
    }

    /// Writes into the definition what has become of it.
    async fn tell(&mut self, registry: &Registry, verdict: &Verdict) -> Result<(), Status> {
        let mut object = self.object.tree();
        let mut changes = conditions::put(&mut object, &verdict.conditions, &now());
        let generation = Some(self.definition.metadata.generation);
        let tells_structure = self.told_structure_of < generation && self.put_structure(&mut object);
        changes |= tells_structure;
        if !changes && verdict.names == self.definition.status.accepted_names {
            return Ok(());
        }
        object["status"]["acceptedNames"] = json!(verdict.names);
        let definitions = built_in(registry, &DEFINITIONS)?;
        let name = &self.definition.metadata.name;
        match definitions.update(&context(), "", name, "status", object).await {
            // Somebody was faster, and the watch will tell what they did.
            Err(status) if !status.is_conflict() && !status.is_not_found() => Err(status),
            Err(_) => Ok(()),
            Ok(_) => {
                if tells_structure {
                    self.told_structure_of = generation;
                }
                Ok(())
            }
        }
    }

    /// Puts in whether the schemas are structural; says whether that changes anything.
    fn put_structure(&self, object: &mut Value) -> bool {
        match &self.structure {
            Some(condition) => conditions::put(object, std::slice::from_ref(condition), &now()),
            None => conditions::take_away(object, NON_STRUCTURAL),
        }
    }
}

fn not_served(definition: &Definition, status: &Status) {
    let definition = &definition.metadata.name;
    tracing::error!(error = status.message, definition, "a definition is not served");
}

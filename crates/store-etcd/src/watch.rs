//! Watches that outlive connections and members: a place in history, and a session with some member that is made anew, from
//! that place, whenever it breaks.
//!
//! A progress mark says that everything up to a revision has been delivered. etcd answers that question since certain
//! versions ([`Version::tells_progress`](crate::version::Version::tells_progress)). From an older one the session asks for
//! the changes of all keys: as every revision changes some key, it knows by itself how far it is.

mod assembly;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use store::{Event, ProgressRequester, Revision, StoreError, WatchBatch, WatchRequest, WatchStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::connections::Pauses;
use crate::etcd_store::Shared;
use crate::failure::Failure;
use crate::pages;
use assembly::{Assembly, Told};
use session::Session;

/// How often a member is asked for a mark again that it has not given: it gives none while it reads history for the watch, or
/// if it is behind the others. It does not tell when that changes.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Opens a watch. Its place in history is fixed when this returns.
pub(crate) async fn open(shared: Arc<Shared>, request: WatchRequest) -> Result<WatchStream, StoreError> {
    // To etcd a start of zero means now. It begins with revision 1, so that the first change is the second: whoever waits for
    // one of the first would never hear that it has all.
    let start = request.start.map(|start| start.max(Revision::new(2)));
    if let Some(start) = start {
        if request.start.is_some_and(|start| start < shared.compacted()) {
            return Err(shared.compacted_error(request.start.unwrap_or(start)));
        }
        ensure_held(&shared, start).await?;
    }
    let progress = Arc::new(Progress {
        shared: shared.clone(),
        wanted: AtomicU64::new(0),
        changed: Notify::new(),
    });
    let requester = progress.clone();
    let mut cursor = Cursor {
        next: start.map_or(0, Revision::get),
        reached: 0,
        assembly: Assembly::default(),
        session: None,
        asked_at: None,
        shared,
        request,
        progress,
    };
    cursor.begin().await?;
    let batches = stream::unfold(Some(cursor), async |cursor| {
        let mut cursor = cursor?;
        let batch = cursor.next_batch().await;
        let goes_on = batch.is_ok().then_some(cursor);
        Some((batch, goes_on))
    });
    Ok(WatchStream::new(
        batches.boxed(),
        ProgressRequester::new(move || requester.request()),
    ))
}

/// Refuses a start that is compacted: etcd itself would grant the watch and end it afterwards.
async fn ensure_held(shared: &Shared, start: Revision) -> Result<(), StoreError> {
    if start > shared.current() {
        return Ok(());
    }
    let request = etcd_rpc::message::RangeRequest {
        key: shared.namespace.key(b"\0"),
        count_only: true,
        revision: crate::answer::signed(start.get()),
        ..etcd_rpc::message::RangeRequest::default()
    };
    match pages::range(&shared.connections, request).await {
        Ok(_) | Err(Failure::Future) => Ok(()),
        Err(failure) => Err(shared.read_error(failure, start)),
    }
}

/// Whether somebody asked for a progress mark.
struct Progress {
    shared: Arc<Shared>,
    /// The revision that the mark must reach; 0 if none was asked for.
    wanted: AtomicU64,
    changed: Notify,
}

impl Progress {
    fn request(&self) {
        // At least 1: somebody asked, even of an etcd nobody has heard of yet.
        let current = self.shared.current().get().max(1);
        self.wanted.fetch_max(current, Ordering::AcqRel);
        self.changed.notify_one();
    }
}

/// A watch.
struct Cursor {
    shared: Arc<Shared>,
    request: WatchRequest,
    progress: Arc<Progress>,
    /// The first revision that was not delivered yet; 0 until etcd has said what is current.
    next: u64,
    /// Everything up to here has been delivered.
    reached: u64,
    assembly: Assembly,
    session: Option<Session>,
    /// When the member was last asked for a mark that it has not given yet.
    asked_at: Option<Instant>,
}

/// What happened while the watch waited.
enum Happened {
    Message(Option<etcd_rpc::message::WatchResponse>),
    MarkWanted,
}

impl Cursor {
    /// The first session. Fails if no member grants one in time.
    async fn begin(&mut self) -> Result<(), StoreError> {
        let within = self.shared.connections.timeouts.total;
        match timeout(within, self.ensure_session(Some(within))).await {
            Ok(begun) => begun,
            Err(_) => Err(StoreError::Unavailable(
                "no member of etcd grants a watch in time".to_owned(),
            )),
        }
    }

    async fn next_batch(&mut self) -> Result<WatchBatch, StoreError> {
        loop {
            if let Some(mark) = self.mark() {
                return Ok(mark);
            }
            self.ensure_session(None).await?;
            match self.wait().await {
                Happened::MarkWanted => {}
                Happened::Message(None) => self.session = None,
                Happened::Message(Some(message)) => {
                    if let Some(batch) = self.take(message)? {
                        return Ok(batch);
                    }
                }
            }
        }
    }

    /// The mark that was asked for, if it can be given.
    fn mark(&mut self) -> Option<WatchBatch> {
        let wanted = self.progress.wanted.load(Ordering::Acquire);
        if wanted == 0 || self.reached < wanted {
            return None;
        }
        let answered = self
            .progress
            .wanted
            .compare_exchange(wanted, 0, Ordering::AcqRel, Ordering::Acquire);
        // Somebody has asked for more in between, and gets it in the next round.
        answered.is_ok().then(|| {
            self.asked_at = None;
            self.batch(Vec::new())
        })
    }

    fn batch(&self, events: Vec<Event>) -> WatchBatch {
        WatchBatch {
            revision: Revision::new(self.reached),
            events,
        }
    }

    /// Waits for a message, or for somebody to ask for a mark, and has the member asked when it is time.
    async fn wait(&mut self) -> Happened {
        let is_mark_wanted = self.progress.wanted.load(Ordering::Acquire) != 0;
        let Some(session) = &mut self.session else {
            return Happened::MarkWanted;
        };
        let mut ask_in = None;
        if is_mark_wanted && session.tells_progress {
            let due = self.asked_at.map(|asked| asked + ASK_AGAIN_AFTER);
            ask_in = due.map(|due| due.saturating_duration_since(Instant::now()));
            if ask_in.is_none_or(|ask_in| ask_in.is_zero()) {
                session.ask_for_progress();
                self.asked_at = Some(Instant::now());
                ask_in = Some(ASK_AGAIN_AFTER);
            }
        }
        tokio::select! {
            message = session.message() => Happened::Message(message),
            () = self.progress.changed.notified() => Happened::MarkWanted,
            () = sleep(ask_in.unwrap_or_default()), if ask_in.is_some() => Happened::MarkWanted,
        }
    }

    /// Takes a message of the session.
    fn take(&mut self, message: etcd_rpc::message::WatchResponse) -> Result<Option<WatchBatch>, StoreError> {
        if self.shared.connections.hear(&message).is_err() {
            self.session = None;
            return Ok(None);
        }
        let believes_marks = self
            .session
            .as_ref()
            .is_some_and(|session| session.tells_progress);
        match self.assembly.add(message, believes_marks) {
            Told::Nothing => {}
            Told::Progress(revision) => self.advance(revision),
            Told::Compacted(oldest) => {
                let requested = Revision::new(self.next);
                self.shared.note_compacted(Revision::new(oldest));
                return Err(self.shared.compacted_error(requested));
            }
            Told::Refused(reason) => return Err(StoreError::Unavailable(reason)),
            Told::Ended(reason) => {
                tracing::debug!(
                    reason,
                    "a member of etcd has ended a watch, which goes on elsewhere"
                );
                self.session = None;
            }
            Told::Events(events) => return Ok(self.deliver(events)),
        }
        Ok(None)
    }

    fn deliver(&mut self, events: Vec<etcd_rpc::message::Event>) -> Option<WatchBatch> {
        let last = events.last()?.kv.as_ref()?.mod_revision;
        let compacted = self.shared.compacted();
        let mut events: Vec<Event> = events
            .into_iter()
            .filter_map(|event| self.shared.namespace.event(event))
            .filter(|event| event.revision().get() >= self.next && self.request.range.contains(event.key()))
            .collect();
        for event in &mut events {
            // What was before the oldest revision that can be read is forgotten, even if etcd still knows it.
            if !self.request.previous || event.revision() <= compacted {
                event.forget_previous();
            }
        }
        // etcd has them in the order of the transaction's operations.
        events.sort_by(|one, other| (one.revision(), one.key()).cmp(&(other.revision(), other.key())));
        self.advance(crate::answer::unsigned(last));
        (!events.is_empty()).then(|| self.batch(events))
    }

    fn advance(&mut self, revision: u64) {
        self.reached = self.reached.max(revision);
        self.next = self.next.max(revision + 1);
    }

    /// Makes a session if there is none, with one member after the other, for ever or as long as told.
    async fn ensure_session(&mut self, within: Option<Duration>) -> Result<(), StoreError> {
        if self.session.is_some() {
            return Ok(());
        }
        self.assembly = Assembly::default();
        self.asked_at = None;
        let connections = &self.shared.connections;
        let deadline = within.map(|within| Instant::now() + within);
        let mut pauses = Pauses::new(connections.members().len());
        loop {
            let (index, member) = connections.preferred();
            let address = &member.address;
            let failure = match Session::open(&self.shared, member, &self.request, self.next).await {
                Ok((session, current)) => {
                    self.next = if self.next == 0 { current + 1 } else { self.next };
                    self.reached = self.reached.max(current.min(self.next - 1));
                    self.session = Some(session);
                    return Ok(());
                }
                Err(Failure::Compacted) => return Err(self.shared.compacted_error(Revision::new(self.next))),
                Err(failure) => failure,
            };
            connections.pass_over(index);
            let pause = pauses.after_failure();
            let is_late = deadline.is_some_and(|deadline| Instant::now() + pause >= deadline);
            if is_late || !failure.may_try_again(true) {
                return Err(failure.at(address).of_read());
            }
            tracing::debug!(endpoint = %address, ?failure, "an etcd member grants no watch, the next is asked");
            sleep(pause).await;
        }
    }
}

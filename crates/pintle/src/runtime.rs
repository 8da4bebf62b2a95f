//! The runtime of a process that works until a signal ends it.

use std::io;
use std::time::Duration;

/// How long what still runs when the work has ended may take: a thread in a system call, as one that reads a file from a dead
/// disk, would keep the process for ever.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Works to the end, on all processors.
pub fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(END_WITHIN);
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_that_never_ends_does_not_keep_the_process() {
        let (sender, receiver) = mpsc::channel::<()>();
        let ended = block_on(async move {
            let (started, starts) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let _ = started.send(());
                receiver.recv()
            });
            starts.await.expect("it starts");
            7
        });
        assert_eq!(ended.expect("there is a runtime"), 7);
        // Only now may it end.
        drop(sender);
    }
}

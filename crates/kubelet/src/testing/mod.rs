//! What tests need: a machine of their own with a real container runtime, or an API server in memory.

mod api;
mod busybox;
mod node;

pub use api::FakeApi;
pub use busybox::{BUSYBOX, write_busybox_image};
pub use node::{Node, cgroup_parent};

/// Waits until something holds that tells nobody when it does.
pub async fn eventually<T>(what: &str, check: impl Fn() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = check() {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{what} did not come");
}

//! How much may be sent before the peer says that it has taken it.

use tokio::sync::Semaphore;

/// What both sides allow before anything was said.
pub const DEFAULT_WINDOW: u32 = 64 << 10;

/// Windows have 31 bits.
const MAX_WINDOW: usize = 0x7fff_ffff;

/// A window to send in.
pub struct Window(Semaphore);

impl Window {
    pub fn new(bytes: u32) -> Self {
        Self(Semaphore::new(bytes as usize))
    }

    /// Waits until something may be sent, and takes so much of it, `wanted` bytes at most. Zero once closed.
    pub async fn take(&self, wanted: usize) -> usize {
        if wanted == 0 {
            return 0;
        }
        let Ok(first) = self.0.acquire().await else {
            return 0;
        };
        first.forget();
        // What others take in between is theirs.
        let more = self.0.available_permits().min(wanted - 1);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        match self.0.try_acquire_many(more) {
            Ok(permits) => {
                permits.forget();
                1 + more as usize
            }
            Err(_) => 1,
        }
    }

    /// Gives bytes back that were taken and not sent.
    pub fn give_back(&self, bytes: usize) {
        self.0.add_permits(bytes);
    }

    /// Lets so much more be sent; false if the window would be larger than windows are.
    pub fn grow(&self, bytes: u32) -> bool {
        let fits = self.0.available_permits() + bytes as usize <= MAX_WINDOW;
        if fits {
            self.0.add_permits(bytes as usize);
        }
        fits
    }

    /// Nothing more will be sent.
    pub fn close(&self) {
        self.0.close();
    }
}

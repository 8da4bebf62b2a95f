//! The key that signs service-account tokens, made in the background: an RSA key takes longer to make than a whole server
//! takes to start.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::thread;

use crate::cluster_secrets::TOKEN_KEY;
use crate::error::PkiError;
use crate::key::Key;
use crate::layout::Layout;

type Making = Box<dyn FnOnce() -> Result<Key, String> + Send>;

/// A key that is there, or soon will be. Cloning is cheap.
#[derive(Clone)]
pub struct TokenKey(Arc<LazyLock<Result<Key, String>, Making>>);

impl TokenKey {
    /// The key of a layout; begins to make it if there is none.
    pub(crate) fn ensure(layout: &Layout) -> Result<Self, PkiError> {
        let path = layout.key(TOKEN_KEY);
        if let Some(text) = layout.read(&path)? {
            return Ok(Self::from(
                Key::from_pem(&text).map_err(|error| error.in_file(&path))?,
            ));
        }
        let layout = layout.clone();
        let made = Self::later(move || {
            // Written before anyone can sign with it: a token must not outlive its key.
            let key = Key::generate_rsa()?;
            layout.write(&layout.public_key(TOKEN_KEY), &key.public_pem(), false)?;
            layout.write(&path, &key.to_pem()?, true)?;
            Ok(key)
        });
        let background = made.clone();
        thread::spawn(move || background.get().is_ok());
        Ok(made)
    }

    fn later(make: impl FnOnce() -> Result<Key, PkiError> + Send + 'static) -> Self {
        let make: Making = Box::new(|| make().map_err(|error| error.to_string()));
        Self(Arc::new(LazyLock::new(make)))
    }

    /// The key. Waits while it is being made, which happens once in the life of a cluster.
    pub fn get(&self) -> Result<&Key, PkiError> {
        self.0
            .as_ref()
            .as_ref()
            .map_err(|error| PkiError::Key(error.clone()))
    }
}

impl From<Key> for TokenKey {
    fn from(key: Key) -> Self {
        Self::later(|| Ok(key))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

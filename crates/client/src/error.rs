//! Why a call to the API failed.

use meta::Status;

use crate::transport::TransportError;

/// Why a call to the API failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a failure.
    #[error("the server answered {}: {}", .0.code, .0.message)]
    Status(Box<Status>),
    /// No answer came, or it broke off.
    #[error("cannot reach the server")]
    Transport(#[source] TransportError),
    /// The answer is not what the API promises.
    #[error("cannot read the answer to {request}")]
    Decode {
        /// Method and path.
        request: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The request could not be put into words.
    #[error("cannot encode the request")]
    Encode(#[source] serde_json::Error),
    /// The request's path or headers are not valid.
    #[error("cannot build the request")]
    Request(#[from] http::Error),
}

impl Error {
    /// The server's Status, if it answered with one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(Status::is_not_found)
    }

    /// Whether someone else wrote the object in between.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(Status::is_conflict)
    }

    /// Whether an object of that name exists.
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(Status::is_already_exists)
    }

    /// Whether the server no longer holds the version asked for.
    pub fn is_expired(&self) -> bool {
        self.status().is_some_and(Status::is_expired)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Turns "not found" into none.
pub fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

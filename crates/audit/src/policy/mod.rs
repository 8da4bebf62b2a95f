//! The audit policy: how much is written about which request. The first rule that is about a request decides.

mod matching;
mod read;

use auth::Attributes;

pub use read::{PolicyError, Unknown};

/// How much is written about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// Who, what and when.
    Metadata,
    /// Also what the request brings.
    Request,
    /// Also what is answered.
    RequestResponse,
}

impl Level {
    /// All levels, the lowest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Metadata, Self::Request, Self::RequestResponse];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is known who asks for what.
    RequestReceived,
    /// The head of the answer is there; only of requests that may last, and of those that were not authenticated.
    ResponseStarted,
    /// The answer is there.
    ResponseComplete,
    /// It broke down.
    Panic,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 4] = [
        Self::RequestReceived,
        Self::ResponseStarted,
        Self::ResponseComplete,
        Self::Panic,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// What is to be written about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// How much.
    pub level: Level,
    /// Stages of which nothing is written.
    pub omit_stages: Vec<Stage>,
    /// Whether objects are written without their managed fields.
    pub omit_managed_fields: bool,
}

/// A policy that was read and is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    /// For a request that no rule is about.
    otherwise: Treatment,
}

/// One rule. What is empty is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    treatment: Treatment,
    users: Vec<String>,
    groups: Vec<String>,
    verbs: Vec<String>,
    resources: Vec<Resources>,
    namespaces: Vec<String>,
    paths: Vec<String>,
}

/// Resources of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resources {
    /// Empty for the core group, `*` for all.
    group: String,
    /// `pods`, `pods/log`, `pods/*`, `*/scale`, `*`; empty for all.
    resources: Vec<String>,
    /// Empty for all.
    names: Vec<String>,
}

impl Policy {
    /// What is to be written about a request. Where `is_known` is false, nobody was authenticated, and its user means nothing.
    pub fn treatment(&self, request: &Attributes<'_>, is_known: bool) -> &Treatment {
        let rule = self.rules.iter().find(|rule| rule.is_about(request, is_known));
        rule.map_or(&self.otherwise, |rule| &rule.treatment)
    }
}

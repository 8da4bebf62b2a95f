//! Which state a list or a watch asks for: what `resourceVersion`, its match and the continue token mean together.

use meta::Status;
use meta::field::{FieldError, Path};

use crate::continue_token::ContinueToken;
use crate::fault;
use crate::options::{ListOptions, WatchOptions};

const EXACT: &str = "Exact";

/// Which state to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// Everything committed before the request.
    MostRecent,
    /// Whatever is at hand.
    Any,
    /// That revision or a later one.
    NotOlderThan(u64),
    /// That very revision.
    Exact(u64),
}

/// A list as it was asked for. That the options do not contradict each other, who reads them from a request has made sure of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListPlan {
    pub(crate) consistency: Consistency,
    /// The first key, below the storage prefix and namespace; none for the first page.
    pub(crate) start: Option<String>,
    /// The most objects to answer with; none for all.
    pub(crate) limit: Option<usize>,
}

impl ListPlan {
    /// Reads the options of a list. Lists of whatever is at hand come whole if upstream serves them from its cache (`whole`).
    pub(crate) fn new(options: &ListOptions, whole: bool) -> Result<Self, Status> {
        let limit = usize::try_from(options.limit).ok().filter(|limit| *limit > 0);
        if !options.continue_token.is_empty() {
            return Self::next_page(options, limit);
        }
        let revision = version_of_list(&options.resource_version)?;
        let consistency = match (options.resource_version_match.as_str(), revision) {
            (_, None) => Consistency::MostRecent,
            (_, Some(0)) if options.resource_version == "0" => Consistency::Any,
            // Zero in other words (`00`) is to upstream's store the present.
            (_, Some(0)) => Consistency::MostRecent,
            (EXACT, Some(revision)) => Consistency::Exact(revision),
            ("", Some(revision)) if limit.is_some() => Consistency::Exact(revision),
            (_, Some(revision)) => Consistency::NotOlderThan(revision),
        };
        let (limit, consistency) = match (consistency, limit, whole) {
            (Consistency::Any, _, true) => (None, Consistency::Any),
            // The pages that follow are of a known version.
            (Consistency::Any, Some(_), false) => (limit, Consistency::MostRecent),
            (other, limit, _) => (limit, other),
        };
        Ok(Self {
            consistency,
            start: None,
            limit,
        })
    }

    fn next_page(options: &ListOptions, limit: Option<usize>) -> Result<Self, Status> {
        let token = ContinueToken::decode(&options.continue_token)?;
        if !matches!(options.resource_version.as_str(), "" | "0") {
            let problem = "specifying resource version is not allowed when using continue";
            return Err(Status::bad_request(problem));
        }
        Ok(Self {
            consistency: token.revision.map_or(Consistency::MostRecent, Consistency::Exact),
            start: Some(token.start),
            limit,
        })
    }
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchStart {
    /// With the present state as events; for none, everything committed before the request, else that revision or later.
    State {
        not_older_than: Option<u64>,
        /// Whether a bookmark says where the state ends.
        marked: bool,
    },
    /// After everything committed before the request.
    MostRecent,
    /// After that revision.
    After(u64),
}

impl WatchStart {
    /// Reads the options of a watch.
    pub(crate) fn new(options: &WatchOptions) -> Result<Self, Status> {
        let revision = parse_version(&options.resource_version)?;
        Ok(match (options.send_initial_events, revision) {
            (Some(true), not_older_than) => Self::State {
                not_older_than,
                marked: options.allow_bookmarks,
            },
            (None, None | Some(0)) => Self::State {
                not_older_than: revision,
                marked: false,
            },
            (Some(false), None | Some(0)) => Self::MostRecent,
            (_, Some(revision)) => Self::After(revision),
        })
    }
}

/// Reads the version of a get or a watch; none if it is empty. Upstream takes what is none for a fault of its own.
pub(crate) fn parse_version(text: &str) -> Result<Option<u64>, Status> {
    read_version(text).map_err(|problem| fault::plain(500, problem))
}

/// Reads the version of a list, which is refused if it is none.
pub(crate) fn version_of_list(text: &str) -> Result<Option<u64>, Status> {
    read_version(text).map_err(|problem| Status::bad_request(format!("invalid resource version: {problem}")))
}

fn read_version(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse_uint(text).map(Some).map_err(|problem| {
        let error = FieldError::invalid(&Path::new("resourceVersion"), text, &problem);
        error.to_string()
    })
}

/// Reads a number as the server's own language does, with its words if it cannot.
pub(crate) fn parse_uint(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let problem = if digits {
        "value out of range"
    } else {
        "invalid syntax"
    };
    let parsed = text.parse().ok().filter(|_| digits);
    parsed.ok_or_else(|| format!("strconv.ParseUint: parsing {text:?}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(version: &str, wanted: &str, limit: u64) -> Result<ListPlan, Status> {
        let options = options(version, wanted, limit);
        ListPlan::new(&options, true)
    }

    fn options(version: &str, wanted: &str, limit: u64) -> ListOptions {
        ListOptions {
            resource_version: version.to_owned(),
            resource_version_match: wanted.to_owned(),
            limit,
            ..ListOptions::default()
        }
    }

    #[test]
    fn what_upstream_does_not_cache_comes_in_pages() {
        for (whole, limit, expected) in [
            (true, 5, (Consistency::Any, None)),
            (false, 5, (Consistency::MostRecent, Some(5))),
            (false, 0, (Consistency::Any, None)),
        ] {
            let plan = ListPlan::new(&options("0", "", limit), whole).expect("accepted");
            assert_eq!((plan.consistency, plan.limit), expected);
        }
    }

    #[test]
    fn versions_and_matches_say_which_state_is_listed() {
        use Consistency::{Any, Exact, MostRecent, NotOlderThan};
        let cases = [
            ("", "", 0, MostRecent),
            ("", "", 5, MostRecent),
            ("0", "", 0, Any),
            ("0", "", 5, Any),
            ("0", "NotOlderThan", 0, Any),
            ("00", "", 5, MostRecent),
            ("00", "Exact", 0, MostRecent),
            ("7", "", 0, NotOlderThan(7)),
            ("7", "", 5, Exact(7)),
            ("7", "NotOlderThan", 5, NotOlderThan(7)),
            ("7", "Exact", 0, Exact(7)),
        ];
        for (version, wanted, limit, expected) in cases {
            let plan = list(version, wanted, limit).expect("accepted");
            assert_eq!(plan.consistency, expected, "{version:?} {wanted:?} {limit}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused_in_upstreams_words() {
        let cases = [
            ("x", "invalid syntax"),
            ("-1", "invalid syntax"),
            ("18446744073709551616", "value out of range"),
        ];
        for (version, problem) in cases {
            let status = list(version, "", 0).expect_err("refused");
            let expected = format!(
                "invalid resource version: resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: {problem}"
            );
            assert_eq!((status.code, status.message), (400, expected));
        }
    }

    #[test]
    fn watches_begin_where_they_are_told() {
        let start = |version: &str, initial, bookmarks| {
            WatchStart::new(&WatchOptions {
                resource_version: version.to_owned(),
                send_initial_events: initial,
                resource_version_match: initial.map_or("", |_| "NotOlderThan").to_owned(),
                allow_bookmarks: bookmarks,
                ..WatchOptions::default()
            })
            .expect("accepted")
        };
        let state = |not_older_than, marked| WatchStart::State {
            not_older_than,
            marked,
        };
        assert_eq!(start("", None, true), state(None, false));
        assert_eq!(start("0", None, false), state(Some(0), false));
        assert_eq!(start("5", None, false), WatchStart::After(5));
        assert_eq!(start("", Some(true), true), state(None, true));
        assert_eq!(start("5", Some(true), false), state(Some(5), false));
        assert_eq!(start("", Some(false), true), WatchStart::MostRecent);
        assert_eq!(start("5", Some(false), true), WatchStart::After(5));
    }
}

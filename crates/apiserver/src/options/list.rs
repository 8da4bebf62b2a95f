//! Options of gets, lists and watches.

use std::time::Duration;

use meta::field::Path;
use meta::{ErrorList, FieldError, FieldSelector, LabelSelector, Status};
use registry::{GetOptions, ListOptions, WatchOptions};

use crate::options::number::integer;
use crate::options::refuse;
use crate::query::{Query, is_true};

const NOT_OLDER_THAN: &str = "NotOlderThan";

/// Options of a get.
pub fn get_options(query: &Query) -> GetOptions {
    GetOptions {
        resource_version: text(query, "resourceVersion"),
    }
}

/// Options of a list.
pub fn list_options(query: &Query) -> Result<ListOptions, Status> {
    let limit = integer(query.first("limit"))?.unwrap_or(0);
    integer(query.first("timeoutSeconds"))?;
    let options = ListOptions {
        label_selector: text(query, "labelSelector"),
        field_selector: text(query, "fieldSelector"),
        resource_version: text(query, "resourceVersion"),
        resource_version_match: text(query, "resourceVersionMatch"),
        limit: u64::try_from(limit).unwrap_or(0),
        continue_token: text(query, "continue"),
    };
    let mut errors = ErrorList::new();
    check_match(query, &mut errors);
    if query.has("sendInitialEvents") {
        let why = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden(&Path::new("sendInitialEvents"), why));
    }
    if !errors.is_empty() {
        check_selectors(&options.label_selector, &options.field_selector)?;
    }
    refuse("ListOptions", &errors)?;
    Ok(options)
}

/// Options of a watch. `default_timeout` is how long it lasts if the client does not say.
pub fn watch_options(query: &Query, default_timeout: Duration) -> Result<WatchOptions, Status> {
    integer(query.first("limit"))?;
    let seconds = integer(query.first("timeoutSeconds"))?.unwrap_or(0);
    let timeout = match u64::try_from(seconds) {
        Ok(0) | Err(_) => default_timeout,
        Ok(seconds) => Duration::from_secs(seconds),
    };
    let options = WatchOptions {
        label_selector: text(query, "labelSelector"),
        field_selector: text(query, "fieldSelector"),
        resource_version: text(query, "resourceVersion"),
        resource_version_match: text(query, "resourceVersionMatch"),
        allow_bookmarks: query.flag("allowWatchBookmarks"),
        send_initial_events: query.first("sendInitialEvents").map(is_true),
        timeout: Some(timeout),
    };
    let mut errors = ErrorList::new();
    check_watch(&options, query, &mut errors);
    if !errors.is_empty() {
        check_selectors(&options.label_selector, &options.field_selector)?;
    }
    refuse("ListOptions", &errors)?;
    Ok(options)
}

/// What is no selector is told before contradictions among the options.
fn check_selectors(labels: &str, fields: &str) -> Result<(), Status> {
    LabelSelector::parse(labels).map_err(|error| Status::bad_request(error.to_string()))?;
    FieldSelector::parse(fields).map_err(|error| Status::bad_request(error.to_string()))?;
    Ok(())
}

fn text(query: &Query, name: &str) -> String {
    query.first(name).unwrap_or_default().to_owned()
}

const NOT_WITH_CONTINUE: &str = "resourceVersionMatch is forbidden when continue is provided";

fn given<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.first(name).filter(|text| !text.is_empty())
}

fn check_match(query: &Query, errors: &mut ErrorList) {
    let path = Path::new("resourceVersionMatch");
    let Some(wanted) = given(query, "resourceVersionMatch") else {
        return;
    };
    let mut forbid = |why: &str| errors.push(FieldError::forbidden(&path, why));
    if given(query, "resourceVersion").is_none() {
        forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if given(query, "continue").is_some() {
        forbid(NOT_WITH_CONTINUE);
    }
    if wanted == "Exact" && query.first("resourceVersion") == Some("0") {
        forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    if !matches!(wanted, "Exact" | NOT_OLDER_THAN) {
        let supported = ["Exact", NOT_OLDER_THAN, ""];
        errors.push(FieldError::not_supported(&path, wanted, &supported));
    }
}

fn check_watch(options: &WatchOptions, query: &Query, errors: &mut ErrorList) {
    let path = Path::new("resourceVersionMatch");
    let wanted = options.resource_version_match.as_str();
    let mut forbid = |why: &str| errors.push(FieldError::forbidden(&path, why));
    if options.send_initial_events.is_some() && wanted != NOT_OLDER_THAN {
        forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if !wanted.is_empty() {
        if options.send_initial_events.is_none() {
            forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        }
        if wanted != NOT_OLDER_THAN {
            errors.push(FieldError::not_supported(&path, wanted, &[NOT_OLDER_THAN]));
        }
    }
    // A watch of the oldest kind begins with the present state too, and is judged as if it had said so.
    let begins_with_state =
        options.send_initial_events.is_none() && matches!(options.resource_version.as_str(), "" | "0");
    if given(query, "continue").is_some() && (!wanted.is_empty() || begins_with_state) {
        errors.push(FieldError::forbidden(&path, NOT_WITH_CONTINUE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<ListOptions, Status> {
        list_options(&Query::parse(Some(query)))
    }

    fn watch(query: &str) -> Result<WatchOptions, Status> {
        watch_options(&Query::parse(Some(query)), Duration::from_secs(1800))
    }

    #[test]
    fn lists_are_limited_and_continued() {
        let options = list("limit=500&continue=abc&labelSelector=a%3Db").expect("options");
        assert_eq!((options.limit, options.continue_token.as_str()), (500, "abc"));
        assert_eq!(options.label_selector, "a=b");
        assert_eq!(list("limit=").expect_err("no number").code, 400);
        let error = list("limit=abc").expect_err("no number");
        assert_eq!(
            (error.code, error.message.as_str()),
            (400, "strconv.ParseInt: parsing \"abc\": invalid syntax")
        );
    }

    #[test]
    fn matches_are_checked() {
        for (query, expected) in [
            (
                "resourceVersionMatch=Exact",
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            (
                "resourceVersionMatch=Exact&resourceVersion=0",
                "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ),
            (
                "resourceVersionMatch=Some&resourceVersion=5",
                "Unsupported value: \"Some\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
            ),
        ] {
            let found = list(query).expect_err("a refusal").message;
            assert_eq!(
                found,
                format!("ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: {expected}")
            );
        }
        assert!(list("resourceVersionMatch=Exact&resourceVersion=5").is_ok());
        assert_eq!(list("sendInitialEvents=true").expect_err("a refusal").code, 422);
    }

    #[test]
    fn contradictions_of_a_watch_are_all_told() {
        let requires = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        let unless = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        let supported =
            "resourceVersionMatch: Unsupported value: \"Exact\": supported values: \"NotOlderThan\"";
        let with_continue =
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided";
        for (query, expected) in [
            ("sendInitialEvents=true", vec![requires]),
            (
                "sendInitialEvents=false&resourceVersionMatch=Exact",
                vec![requires, supported],
            ),
            (
                "resourceVersionMatch=Exact&resourceVersion=5",
                vec![unless, supported],
            ),
            ("resourceVersionMatch=NotOlderThan", vec![unless]),
            (
                "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x",
                vec![with_continue],
            ),
            ("continue=x", vec![with_continue]),
        ] {
            let found = watch(query).expect_err("a refusal").message;
            let told = match expected.as_slice() {
                [only] => (*only).to_owned(),
                all => format!("[{}]", all.join(", ")),
            };
            assert_eq!(
                found,
                format!("ListOptions.meta.k8s.io \"\" is invalid: {told}"),
                "{query}"
            );
        }
        for query in [
            "continue=x&resourceVersion=5",
            "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=5",
        ] {
            assert!(watch(query).is_ok(), "{query}");
        }
    }

    #[test]
    fn watches_may_begin_with_the_present_state() {
        let options =
            watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
        assert_eq!(options.expect("options").send_initial_events, Some(true));
        assert_eq!(watch("sendInitialEvents=true").expect_err("a refusal").code, 422);
        assert_eq!(
            watch("resourceVersionMatch=NotOlderThan")
                .expect_err("a refusal")
                .code,
            422
        );
        assert_eq!(
            watch("timeoutSeconds=5").expect("options").timeout,
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            watch("timeoutSeconds=0").expect("options").timeout,
            Some(Duration::from_secs(1800))
        );
    }
}

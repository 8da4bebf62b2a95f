//! Keeps what happens again and again from becoming ever more Events: much about one object is dropped, and many messages
//! for the same reason become one.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{EventType, Occurrence};

/// So many events about an object are written at once ...
const BURST: f64 = 25.0;
/// ... and then one in so many seconds.
const REFILL_SECONDS: f64 = 300.0;
/// So many different messages for one reason are written; further ones share one Event.
const MAX_SIMILAR: usize = 10;
/// Messages are forgotten when the reason was not given for this long.
const SIMILAR_SECONDS: i64 = 600;
const COMBINED: &str = "(combined from similar events): ";
/// Objects and reasons remembered.
const MAX_REMEMBERED: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct About {
    api_kind: String,
    namespace: String,
    uid: String,
    name: String,
}

struct Bucket {
    left: f64,
    at: Timestamp,
}

#[derive(Default)]
struct Messages {
    known: HashSet<String>,
    at: Timestamp,
}

/// What was told lately.
#[derive(Default)]
pub(super) struct Correlator {
    buckets: HashMap<About, Bucket>,
    similar: HashMap<(About, EventType, String), Messages>,
}

impl Correlator {
    /// Puts an occurrence in the series that it counts in. False if there was too much about its object already.
    pub(super) fn take(&mut self, occurrence: &mut Occurrence) -> bool {
        let series = &mut occurrence.series;
        let about = About {
            api_kind: series.api_kind.clone(),
            namespace: series.namespace.clone(),
            uid: series.uid.clone(),
            name: series.name.clone(),
        };
        if self.is_combined(
            &about,
            series.kind,
            &series.reason,
            &occurrence.message,
            occurrence.at,
        ) {
            series.message = None;
            occurrence.message.insert_str(0, COMBINED);
        }
        self.has_room(about, occurrence.at)
    }

    fn is_combined(
        &mut self,
        about: &About,
        kind: EventType,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> bool {
        if self.similar.len() >= MAX_REMEMBERED {
            self.similar.clear();
        }
        let key = (about.clone(), kind, reason.to_owned());
        let messages = self.similar.entry(key).or_default();
        if now.as_second() - messages.at.as_second() > SIMILAR_SECONDS {
            messages.known.clear();
        }
        messages.at = now;
        if messages.known.contains(message) {
            return false;
        }
        if messages.known.len() + 1 >= MAX_SIMILAR {
            return true;
        }
        messages.known.insert(message.to_owned());
        false
    }

    fn has_room(&mut self, about: About, now: Timestamp) -> bool {
        if self.buckets.len() >= MAX_REMEMBERED {
            self.buckets.clear();
        }
        let bucket = self
            .buckets
            .entry(about)
            .or_insert(Bucket { left: BURST, at: now });
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.left = (bucket.left + passed / REFILL_SECONDS).min(BURST);
        bucket.at = now;
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::super::Series;
    use super::*;

    fn occurrence(name: &str, message: &str, second: i64) -> Occurrence {
        Occurrence {
            regarding: ObjectReference::default(),
            series: Series {
                api_kind: "Pod".to_owned(),
                namespace: "default".to_owned(),
                uid: name.to_owned(),
                name: name.to_owned(),
                field_path: String::new(),
                kind: EventType::Warning,
                reason: "Unhealthy".to_owned(),
                message: Some(message.to_owned()),
            },
            message: message.to_owned(),
            at: Timestamp::from_second(1_700_000_000 + second).unwrap(),
        }
    }

    #[test]
    fn much_about_one_object_is_dropped_and_of_others_not() {
        let mut correlator = Correlator::default();
        let mut is_told = |name: &str, second: i64| correlator.take(&mut occurrence(name, "no", second));
        assert_eq!((0..100).filter(|_| is_told("a", 0)).count(), 25);
        assert!(is_told("b", 0));
        assert!(!is_told("a", 200));
        assert!(is_told("a", 300));
        assert!(!is_told("a", 301));
    }

    #[test]
    fn many_messages_for_one_reason_become_one() {
        let mut correlator = Correlator::default();
        let mut told = |message: &str, second: i64| {
            let mut occurrence = occurrence("a", message, second);
            assert!(correlator.take(&mut occurrence));
            (occurrence.message, occurrence.series.message)
        };
        let apart = |message: &str| (message.to_owned(), Some(message.to_owned()));
        for number in 0..9 {
            let message = format!("try {number}");
            assert_eq!(told(&message, number), apart(&message));
        }
        let combined = "(combined from similar events): try 9".to_owned();
        assert_eq!(told("try 9", 9), (combined, None));
        assert_eq!(told("try 3", 10), apart("try 3"));
        assert_eq!(told("try 11", 1000), apart("try 11"));
    }
}

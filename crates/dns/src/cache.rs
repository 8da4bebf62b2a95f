//! Answers of other servers, kept for a while.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::forward::Question;

/// Answers kept at once; the one that ends first makes room.
const MAX_ENTRIES: usize = 2048;
/// Answers with more records are not kept.
const MAX_RECORDS: usize = 64;
/// No answer is kept longer, whatever it says.
const LONGEST_TTL: u32 = 30;

/// Answers of other servers, kept for a while.
#[derive(Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// When each ends; the number tells apart those that end together.
    ends: BTreeMap<(Instant, u64), Key>,
    next_number: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    name: Name,
    record_type: RecordType,
    checking_disabled: bool,
    dnssec_ok: bool,
}

struct Entry {
    message: Message,
    came: Instant,
    end: (Instant, u64),
}

impl Key {
    fn of(question: &Question) -> Self {
        Self {
            name: question.query.name().to_lowercase(),
            record_type: question.query.query_type(),
            checking_disabled: question.checking_disabled,
            dnssec_ok: question.dnssec_ok,
        }
    }
}

impl Cache {
    /// The answer to a question, if it is still good; its records say how long they still are.
    pub(crate) fn get(&self, question: &Question) -> Option<Message> {
        let state = self.state.lock();
        let entry = state.entries.get(&Key::of(question))?;
        if entry.end.0 <= Instant::now() {
            return None;
        }
        let age = u32::try_from(entry.came.elapsed().as_secs()).unwrap_or(u32::MAX);
        let mut message = entry.message.clone();
        let records = message
            .answers
            .iter_mut()
            .chain(&mut message.authorities)
            .chain(&mut message.additionals);
        for record in records {
            record.decrement_ttl(age);
        }
        Some(message)
    }

    /// Keeps an answer as long as it says, if it may be kept.
    pub(crate) fn put(&self, question: &Question, message: &Message) {
        let Some(ttl) = ttl_seconds(message).filter(|&ttl| ttl > 0) else {
            return;
        };
        let (key, now) = (Key::of(question), Instant::now());
        let mut state = self.state.lock();
        state.remove(&key);
        if state.entries.len() >= MAX_ENTRIES
            && let Some((_, first)) = state.ends.pop_first()
        {
            state.entries.remove(&first);
        }
        state.next_number += 1;
        let end = (now + Duration::from_secs(ttl.into()), state.next_number);
        state.ends.insert(end, key.clone());
        let entry = Entry {
            message: message.clone(),
            came: now,
            end,
        };
        state.entries.insert(key, entry);
    }
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some(old) = self.entries.remove(key) {
            self.ends.remove(&old.end);
        }
    }
}

/// Seconds an answer may be kept: those of its shortest record. That nothing is there may be kept as long as the SOA says.
fn ttl_seconds(message: &Message) -> Option<u32> {
    let code = message.metadata.response_code;
    if message.metadata.truncation || !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return None;
    }
    if message.all_sections().count() > MAX_RECORDS {
        return None;
    }
    let is_negative = code == ResponseCode::NXDomain || message.answers.is_empty();
    let shortest = if is_negative {
        let soa = message.authorities.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
            _ => None,
        });
        // Without a SOA, nobody said that it may be kept.
        message
            .answers
            .iter()
            .map(|record| record.ttl)
            .chain([soa?])
            .min()
    } else {
        message.all_sections().map(|record| record.ttl).min()
    };
    shortest.map(|ttl| ttl.min(LONGEST_TTL))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::{OpCode, Query};
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::SOA;

    use super::*;

    fn question(name: &str) -> Question {
        Question {
            query: Query::query(Name::from_ascii(name).unwrap(), RecordType::A),
            checking_disabled: false,
            dnssec_ok: false,
        }
    }

    fn answer(ttls: &[u32]) -> Message {
        let mut message = Message::response(1, OpCode::Query);
        for &ttl in ttls {
            let data = RData::from(Ipv4Addr::LOCALHOST);
            message.add_answer(Record::from_rdata(Name::root(), ttl, data));
        }
        message
    }

    fn negative(ttl: u32, minimum: u32) -> Message {
        let mut message = answer(&[]);
        message.metadata.response_code = ResponseCode::NXDomain;
        let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, minimum);
        message.add_authority(Record::from_rdata(Name::root(), ttl, RData::SOA(soa)));
        message
    }

    #[test]
    fn how_long_answers_are_kept() {
        assert_eq!(ttl_seconds(&answer(&[20, 10])), Some(10));
        assert_eq!(ttl_seconds(&answer(&[3600])), Some(LONGEST_TTL));
        assert_eq!(ttl_seconds(&answer(&[])), None);
        assert_eq!(ttl_seconds(&negative(20, 7)), Some(7));
        assert_eq!(ttl_seconds(&negative(5, 7)), Some(5));
        assert_eq!(ttl_seconds(&answer(&[30; 100])), None);
        let mut failed = answer(&[20]);
        failed.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(ttl_seconds(&failed), None);
        let mut cut = answer(&[20]);
        cut.metadata.truncation = true;
        assert_eq!(ttl_seconds(&cut), None);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_age_and_end() {
        let cache = Cache::default();
        cache.put(&question("A.example."), &answer(&[20]));
        tokio::time::advance(Duration::from_secs(5)).await;
        let got = cache.get(&question("a.EXAMPLE.")).unwrap();
        assert_eq!(got.answers[0].ttl, 15);
        let mut other = question("a.example.");
        other.dnssec_ok = true;
        assert!(cache.get(&other).is_none());
        tokio::time::advance(Duration::from_secs(15)).await;
        assert!(cache.get(&question("a.example.")).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_what_is_kept() {
        let cache = Cache::default();
        cache.put(&question("short.example."), &answer(&[1]));
        for index in 0..MAX_ENTRIES {
            cache.put(&question(&format!("n{index}.example.")), &answer(&[20]));
        }
        cache.put(&question("n0.example."), &answer(&[20]));
        let state = cache.state.lock();
        assert_eq!(
            (state.entries.len(), state.ends.len()),
            (MAX_ENTRIES, MAX_ENTRIES)
        );
        drop(state);
        assert!(cache.get(&question("short.example.")).is_none());
        assert!(cache.get(&question("n7.example.")).is_some());
    }
}

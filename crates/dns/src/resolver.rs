//! Answers to requests, from the cluster's names or from elsewhere.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record};
use ipnet::IpNet;
use parking_lot::RwLock;

use crate::cache::Cache;
use crate::forward::{ForwardError, Forwarder, Question};
use crate::lookup::{Found, Lookup};
use crate::request::Request;
use crate::response;
use crate::zone::Zone;

/// A chain of names that lead to names is followed so far.
const MAX_ALIASES: usize = 8;

/// Answers requests.
pub(crate) struct Resolver {
    pub(crate) zone: RwLock<Zone>,
    origin: Name,
    ttl: u32,
    own_networks: Vec<IpNet>,
    service_addresses: Vec<IpAddr>,
    forwarder: Forwarder,
    cache: Cache,
    is_ready: AtomicBool,
    /// Changes of the zone so far.
    serial: AtomicU32,
    /// By how much the next answer's records are turned.
    turn: AtomicUsize,
}

/// What can be said at once.
pub(crate) enum AtOnce {
    Answer(Message),
    /// Others must be asked; these records come first.
    Ask(Vec<Record>, Question),
}

impl Resolver {
    pub(crate) fn new(
        origin: Name,
        ttl: u32,
        own_networks: Vec<IpNet>,
        service_addresses: Vec<IpAddr>,
        forwarder: Forwarder,
    ) -> Self {
        Self {
            zone: RwLock::default(),
            origin,
            ttl,
            own_networks,
            service_addresses,
            forwarder,
            cache: Cache::default(),
            is_ready: AtomicBool::new(false),
            serial: AtomicU32::new(1),
            turn: AtomicUsize::new(0),
        }
    }

    /// A new one like it, with other servers to ask.
    #[cfg(test)]
    pub(crate) fn with_forwarder(&self, forwarder: Forwarder) -> Self {
        Self::new(
            self.origin.clone(),
            self.ttl,
            self.own_networks.clone(),
            self.service_addresses.clone(),
            forwarder,
        )
    }

    /// All Services are known.
    pub(crate) fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Changes the zone.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Zone)) {
        change(&mut self.zone.write());
        self.serial.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer, as far as it can be given without asking others.
    pub(crate) fn at_once(&self, request: &Request) -> AtOnce {
        let record_type = request.query.query_type();
        let mut name = request.query.name().clone();
        let mut path = Vec::new();
        let zone = self.zone.read();
        let lookup = self.lookup(&zone);
        for _ in 0..MAX_ALIASES {
            let found = lookup.find(&name, record_type);
            let is_ours = found.is_some();
            match found {
                // What is not there may just not be known yet.
                _ if is_ours && !self.is_ready() => return AtOnce::Answer(failed(request)),
                None => return AtOnce::Ask(path, self.question(request, name)),
                Some(Found::Alias { record, target }) => {
                    path.push(record);
                    name = target;
                }
                Some(found) => return AtOnce::Answer(self.own_answer(request, path, found)),
            }
        }
        AtOnce::Answer(failed(request))
    }

    fn lookup<'a>(&'a self, zone: &'a Zone) -> Lookup<'a> {
        Lookup {
            zone,
            origin: &self.origin,
            ttl: self.ttl,
            serial: self.serial.load(Ordering::Relaxed),
            own_networks: &self.own_networks,
            service_addresses: &self.service_addresses,
        }
    }

    fn question(&self, request: &Request, name: Name) -> Question {
        let mut query = Query::query(name, request.query.query_type());
        query.set_query_class(request.query.query_class());
        Question {
            query,
            checking_disabled: request.checking_disabled,
            dnssec_ok: request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
        }
    }

    fn own_answer(&self, request: &Request, path: Vec<Record>, found: Found) -> Message {
        let mut message = response::to(request, ResponseCode::NoError);
        message.metadata.authoritative = true;
        message.add_answers(path);
        match found {
            Found::Records {
                mut answers,
                additionals,
            } => {
                // Clients take the first address: each should get another.
                let by = self.turn.fetch_add(1, Ordering::Relaxed) % answers.len().max(1);
                answers.rotate_left(by);
                message.add_answers(answers);
                message.add_additionals(additionals);
            }
            Found::NoData(soa) => {
                message.add_authority(soa);
            }
            Found::NoName(soa) => {
                message.metadata.response_code = ResponseCode::NXDomain;
                message.add_authority(soa);
            }
            // The caller follows these.
            Found::Alias { record, .. } => {
                message.add_answer(record);
            }
        }
        message
    }

    /// The answer of others; the records of `path` come first.
    pub(crate) async fn ask(&self, request: &Request, path: Vec<Record>, question: &Question) -> Message {
        match self.ask_cached(question).await {
            Ok(found) => of_others(request, path, found),
            Err(error) => {
                tracing::debug!(name = %question.query.name(), %error, "no answer from other DNS servers");
                failed(request)
            }
        }
    }

    async fn ask_cached(&self, question: &Question) -> Result<Message, ForwardError> {
        if let Some(message) = self.cache.get(question) {
            return Ok(message);
        }
        let message = self.forwarder.ask(question).await?;
        self.cache.put(question, &message);
        Ok(message)
    }
}

fn failed(request: &Request) -> Message {
    response::to(request, ResponseCode::ServFail)
}

fn of_others(request: &Request, path: Vec<Record>, found: Message) -> Message {
    let mut message = response::to(request, found.metadata.response_code);
    message.metadata.authoritative = !path.is_empty();
    message.metadata.authentic_data = path.is_empty() && found.metadata.authentic_data;
    message.add_answers(path);
    message.add_answers(found.answers);
    message.add_authorities(found.authorities);
    message.add_additionals(found.additionals);
    message
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::RecordType;
    use proptest::prelude::*;

    use super::*;
    use crate::request::{Received, read};
    use crate::resolv_conf::ResolvConf;
    use crate::testing::{service, slice};

    fn resolver() -> Resolver {
        let forwarder = Forwarder::new(ResolvConf::fixed(Vec::new()));
        let networks = vec!["10.0.0.0/8".parse().unwrap()];
        let resolver = Resolver::new(
            "cluster.local.".parse().unwrap(),
            30,
            networks,
            Vec::new(),
            forwarder,
        );
        resolver.change(|zone| {
            zone.change_service(None, Some(&service("web", "10.43.0.1")));
            zone.change_service(None, Some(&service("db", "None")));
            let endpoints = [("10.42.0.2", "db-0"), ("10.42.0.3", "")];
            zone.change_slice(None, Some(&Arc::new(slice("db-x", "db", &endpoints))));
        });
        resolver.set_ready();
        resolver
    }

    fn label() -> impl Strategy<Value = Vec<u8>> {
        let known = [
            "web",
            "db",
            "db-0",
            "a",
            "svc",
            "pod",
            "dns",
            "ns",
            "_main",
            "_tcp",
            "10-1-2-3",
            "-",
            "_",
            "2",
            "0",
            "42",
            "10",
            "in-addr",
            "ip6",
            "arpa",
            "dns-version",
        ];
        prop_oneof![
            4 => proptest::sample::select(known.map(|text| text.as_bytes().to_vec()).to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 1..20),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_name_of_the_cluster_has_an_answer(
            labels in proptest::collection::vec(label(), 0..7),
            is_ours: bool,
            record_type in 0u16..300,
        ) {
            let mut name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            if is_ours {
                name = name.append_domain(&"Cluster.Local.".parse().unwrap()).unwrap();
            }
            name.set_fqdn(true);
            let mut query = Message::new(7, MessageType::Query, OpCode::Query);
            query.add_query(Query::query(name, RecordType::from(record_type)));
            let Received::Request(request) = read(&query.to_vec().unwrap()) else {
                return Ok(());
            };
            if let AtOnce::Answer(message) = resolver().at_once(&request) {
                let bytes = response::encode(message, response::limit(&request));
                let answer = Message::from_vec(&bytes).unwrap();
                prop_assert!(bytes.len() <= response::limit(&request));
                prop_assert_eq!(answer.metadata.id, 7);
                prop_assert_eq!(&answer.queries, &query.queries);
                let code = answer.metadata.response_code;
                prop_assert!(matches!(code, ResponseCode::NoError | ResponseCode::NXDomain), "{:?}", code);
                prop_assert!(!answer.answers.is_empty() || answer.authorities.len() == 1);
            } else {
                prop_assert!(!is_ours);
            }
        }
    }
}

//! The form of an answer: which ones there are for what is asked, and which the client takes.

use registry::Resource;
use resource::{SubresourceKind, Verb};

use crate::call::Call;
use crate::negotiate::{Format, Offer};
use crate::resources::refusal::{Refusal, routed};
use crate::resources::route::Action;

const OBJECT_FORMS: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const LOG_FORMS: &[&str] = &[
    "text/plain",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const LIST_FORMS: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];

/// The form of the answer. Streams to nodes are in whatever form the node gives; who asks for a log that is no stream must take
/// the form of errors, too.
pub fn format(
    call: &Call,
    resource: &Resource,
    subresource: Option<usize>,
    action: Action,
) -> Result<Format, Refusal> {
    if action == Action::Connect {
        let name = subresource.map(|at| resource.kind().descriptor().subresources[at].name.as_str());
        return match name {
            Some("log") => log_format(call),
            _ => Ok(Format::default()),
        };
    }
    let custom = resource.kind().is_custom();
    let offer = Offer {
        protobuf: !custom,
        table: has_rows(resource, subresource),
        metadata: true,
        stream: action == Action::Watch,
    };
    let forms = if matches!(action, Action::List | Action::Watch) {
        LIST_FORMS
    } else {
        OBJECT_FORMS
    };
    if !custom {
        routed(call, forms)?;
    }
    let format = offer.negotiate(call.accept())?;
    Ok(Format {
        pretty: call.wants_pretty(format),
        ..format
    })
}

fn log_format(call: &Call) -> Result<Format, Refusal> {
    routed(call, LOG_FORMS)?;
    let offer = Offer {
        metadata: true,
        ..Offer::DOCUMENT
    };
    Ok(offer.negotiate(call.accept())?)
}

/// Whether the answer can be shown as a table. What is not stored has no rows.
fn has_rows(resource: &Resource, subresource: Option<usize>) -> bool {
    let descriptor = resource.kind().descriptor();
    match subresource.map(|at| &descriptor.subresources[at]) {
        None => descriptor.serves(Verb::Get) || descriptor.serves(Verb::List),
        Some(subresource) => match subresource.works_as {
            SubresourceKind::Part => resource.kind().part_has_rows(&subresource.name),
            SubresourceKind::Projection(_) => true,
            SubresourceKind::Action | SubresourceKind::Connect { .. } => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_log_takes_the_form_of_errors() {
        for (accept, expected) in [
            ("", None),
            ("*/*", None),
            ("application/json, */*", None),
            (
                "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
                None,
            ),
            (
                "application/json;as=Table;g=meta.k8s.io;v=v1,application/json",
                None,
            ),
            (
                "application/json;as=Table;g=meta.k8s.io;v=v1",
                Some("only the following"),
            ),
            ("text/plain", Some("only the following")),
            (
                "text/html",
                Some("406: Not Acceptable\n\nAvailable representations: text/plain, "),
            ),
        ] {
            let asked = crate::testing::call("GET", "/", &[("accept", accept)]);
            match (log_format(&asked), expected) {
                (Ok(_), None) => {}
                (Err(Refusal::Status(refusal)), Some(start)) => {
                    assert!(
                        refusal.code == 406 && refusal.message.starts_with(start),
                        "{accept}: {refusal}"
                    );
                }
                (found, _) => panic!("{accept}: {found:?}"),
            }
        }
    }
}

//! Conversion of custom resources by a webhook.

use std::sync::Arc;
use std::time::Duration;

use admission::{Cluster, Endpoint};
use async_trait::async_trait;
use meta::{Reason, Status};
use registry::Converter;
use schema::TypeMeta;
use serde_json::Value;
use uuid::Uuid;

use crate::definition::Definition;
use crate::review;

/// How long a webhook may take.
const WITHIN: Duration = Duration::from_secs(30);
/// Versions of the review that we speak.
const SPOKEN: [&str; 2] = ["v1", "v1beta1"];

/// A webhook that converts.
struct Webhook {
    endpoint: Endpoint,
    review_version: String,
}

/// Who converts the objects of a definition; none if its versions differ in nothing but their names.
pub(crate) fn converter(definition: &Definition, cluster: &Arc<dyn Cluster>) -> Option<Arc<dyn Converter>> {
    let conversion = &definition.spec.conversion;
    if conversion["strategy"] != "Webhook" || definition.spec.versions.len() < 2 {
        return None;
    }
    let webhook = &conversion["webhook"];
    let versions = webhook["conversionReviewVersions"].as_array();
    let mut versions = versions.into_iter().flatten().filter_map(Value::as_str);
    let review_version = versions.find(|version| SPOKEN.contains(version));
    Some(Arc::new(Webhook {
        endpoint: Endpoint::new(&webhook["clientConfig"], cluster),
        review_version: review_version.unwrap_or(SPOKEN[0]).to_owned(),
    }))
}

#[async_trait]
impl Converter for Webhook {
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, Status> {
        let Some(first) = objects.first() else {
            return Ok(objects);
        };
        let TypeMeta {
            api_version: from,
            kind,
        } = TypeMeta::of(first);
        let failed = |why: String| {
            let message = format!("conversion webhook for {from}, Kind={kind} {why}");
            Status::failure(500, Reason::UNKNOWN, message)
        };
        let uid = Uuid::new_v4().to_string();
        let review = review::request(&uid, &self.review_version, &objects, api_version);
        let answer = self.endpoint.post(review.to_string().into_bytes(), WITHIN).await;
        let answer = answer.map_err(|why| failed(format!("failed: {why}")))?;
        review::converted(&answer, &uid, &self.review_version, &objects, api_version).map_err(failed)
    }
}

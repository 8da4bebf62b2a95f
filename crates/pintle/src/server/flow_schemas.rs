//! Which flow schema requests fall under, as the front asks for it.

use std::sync::Arc;

use apiserver::FlowSchemas;
use auth::Attributes;
use builtins::FlowIndex;
use http::HeaderValue;

/// Tells the front of the flow schemas there are.
pub(super) struct Flows(pub(super) Arc<FlowIndex>);

impl FlowSchemas for Flows {
    fn classify(&self, request: &Attributes<'_>) -> Option<(HeaderValue, HeaderValue)> {
        let flow = self.0.classify(request)?;
        let header = |text: String| HeaderValue::try_from(text).ok();
        Some((header(flow.schema)?, header(flow.level)?))
    }
}

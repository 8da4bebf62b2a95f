//! Streams to where objects run: admission is asked before one begins.

use meta::Status;
use serde_json::Value;

use super::Resource;
use super::target::Target;
use crate::admission::Operation;
use crate::context::RequestContext;

impl Resource {
    /// Lets admission change or refuse a stream. `options` is an object of the subresource's kind that says what kind of stream
    /// it is to be.
    pub async fn admit_connect(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        subresource: &str,
        options: Value,
    ) -> Result<Value, Status> {
        let target = Target {
            namespace,
            name,
            subresource,
        };
        let options = self
            .mutate(context, target, Operation::Connect, options, None)
            .await?;
        self.validate(context, target, Operation::Connect, options, None)
            .await
    }
}

//! The HTTP front: filter chain, handlers, discovery, OpenAPI, node proxying.

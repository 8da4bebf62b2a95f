//! What built-in kinds do beyond being stored: bindings, evictions, tokens, reviews, address allocation.

//! The one create/get/list/watch/update/patch/delete algorithm, and the watch cache.

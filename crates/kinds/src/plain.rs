//! The room of kinds that have nothing particular yet.

use resource::Strategy;

use crate::room::room;

room! {
    /// A kind without particularities.
    Plain
}

impl Strategy for Plain {}

//! How far a pod has come: whether its containers have done, or failed to do, what they were for.

use super::memory::Memory;
use super::observed::Observed;
use super::restarts;
use crate::pod::{Member, PodToRun, Role};

/// Whether there is anything left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Containers run, or will.
    Going,
    /// Every main container has ended for good, or an init container has failed for good.
    Done { succeeded: bool },
}

impl Progress {
    pub fn of(pod: &PodToRun, observed: &Observed, memory: &Memory) -> Self {
        if init_failed(pod, observed, memory) {
            return Self::Done { succeeded: false };
        }
        let mut ends = pod
            .of_role(Role::Main)
            .map(|member| end(pod, observed, memory, member))
            .peekable();
        if ends.peek().is_none() {
            return Self::Going;
        }
        // `None` for any that is not done makes the whole `None`.
        match ends.collect::<Option<Vec<bool>>>() {
            Some(ends) => Self::Done {
                succeeded: ends.iter().all(|succeeded| *succeeded),
            },
            None => Self::Going,
        }
    }
}

/// Whether a container has ended for good, and if so, whether well.
fn end(pod: &PodToRun, observed: &Observed, memory: &Memory, member: &Member) -> Option<bool> {
    let newest = observed.newest(member.name())?;
    let exit = newest.exit()?;
    (!restarts(pod, memory, member, newest)).then_some(exit.code == 0)
}

fn init_failed(pod: &PodToRun, observed: &Observed, memory: &Memory) -> bool {
    !mains_were_made(pod, observed)
        && pod
            .of_role(Role::Init)
            .any(|member| end(pod, observed, memory, member) == Some(false))
}

/// Whether any main container was made in the newest sandbox: then the init containers have done their work there, even
/// if nothing of them is left.
pub fn mains_were_made(pod: &PodToRun, observed: &Observed) -> bool {
    let Some(sandbox) = observed.sandboxes.first() else {
        return false;
    };
    pod.of_role(Role::Main).any(|member| {
        observed
            .instances(member.name())
            .any(|i| i.sandbox_id == sandbox.id)
    })
}

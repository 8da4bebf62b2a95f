//! The flags of kube-scheduler.

use super::common::{OF_GO, OF_REQUESTS, OF_SERVING, path, set, some};
use super::election::{Elects, flags as election};
use super::health::{Answers, flags as health};
use super::{Component, Served, Treatments};
use crate::settings::{ElectionSettings, HealthSettings, SchedulerSettings};

/// What becomes of each flag.
pub static TREATMENTS: Treatments<SchedulerSettings> = Treatments {
    component: Component::Scheduler,
    served: &[OWN, election(), health()],
    meaningless: &[OF_GO, OF_REQUESTS, OF_SERVING],
};

impl Elects for SchedulerSettings {
    fn election(&mut self) -> &mut ElectionSettings {
        &mut self.election
    }
}

impl Answers for SchedulerSettings {
    fn health(&mut self) -> &mut HealthSettings {
        &mut self.health
    }
}

const OWN: &[Served<SchedulerSettings>] = &[
    ("kubeconfig", |s, v| path(&mut s.kubeconfig, v)),
    ("master", |s, v| some(&mut s.master, v)),
    ("v", |s, v| set(&mut s.verbosity, v)),
];

#[cfg(test)]
mod tests {
    use super::super::{apply, parse};
    use super::*;

    #[test]
    fn the_tables_name_real_flags() {
        super::super::treatment::check_names(&TREATMENTS);
    }

    #[test]
    fn what_kubeadm_writes_is_understood() {
        let words = [
            "--authentication-kubeconfig=/e/s.conf",
            "--authorization-kubeconfig=/e/s.conf",
            "--bind-address=127.0.0.1",
            "--kubeconfig=/e/s.conf",
            "--leader-elect=false",
        ];
        let given = parse(Component::Scheduler, words.map(str::to_owned)).expect("parsed");
        let mut settings = SchedulerSettings::default();
        let warnings = apply(&TREATMENTS, &given, &mut settings).expect("understood");
        assert_eq!(settings.kubeconfig, Some("/e/s.conf".into()));
        assert!(!settings.election.enabled);
        assert_eq!(settings.health.socket(), Some(([127, 0, 0, 1], 10259).into()));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}

//! Coverage-guided fuzzers: one program with all targets; `PINTLE_FUZZ_TARGET` says which one runs.
//!
//! `make fuzz` builds it with coverage counters (`scripts/fuzz` says how) and runs every target for a while. What was found
//! once lies in `found/` and is tried first; `docs/bug-record.md` tells of it.

#![no_main]

mod targets;

use std::path::Path;
use std::sync::OnceLock;

use targets::Target;

/// The target to run.
const TARGET: &str = "PINTLE_FUZZ_TARGET";
/// Instead of running: a folder for what each target begins with.
const WRITE_SEEDS: &str = "PINTLE_FUZZ_WRITE_SEEDS";

libfuzzer_sys::fuzz_target!(
    init: {
        if let Ok(folder) = std::env::var(WRITE_SEEDS) {
            write_seeds(Path::new(&folder));
            std::process::exit(0);
        }
    },
    |data: &[u8]| (target().run)(data)
);

fn target() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var(TARGET).unwrap_or_default();
        let found = targets::ALL.iter().find(|target| target.name == name);
        found.unwrap_or_else(|| panic!("{TARGET}={name:?} is no target"))
    })
}

/// A folder for each target, with its seeds: so the names of all targets are known too.
fn write_seeds(folder: &Path) {
    for target in targets::ALL {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:03}")), seed)
                .expect("the folder can be written to");
        }
    }
}

//! Where log lines go and which are written.

use tracing_subscriber::EnvFilter;

/// Log lines go to standard error. `PINTLE_LOG` says which in detail; else the verbosity does.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PINTLE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

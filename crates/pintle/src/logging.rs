//! Where log lines go and which are written.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Libraries below HTTP say a line for every frame: of interest only to who asks for everything.
macro_rules! quiet {
    () => {
        "h2=info,hyper=info,hyper_util=info,rustls=info,tower=info,tonic=info"
    };
}

/// Log lines go to standard error, in colours if a person looks at it. `PINTLE_LOG` says which in detail; else the verbosity does.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => "info",
        1 => concat!("debug,", quiet!()),
        2 => concat!("trace,", quiet!()),
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PINTLE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

//! Telling that the server is ready, and how to reach it.

use std::io::Write;
use std::time::Instant;

use pki::Layout;

use super::error::StartError;
use super::options::ServerOptions;

/// Writes the administrator's kubeconfig where it was asked for, and says that all is ready.
pub(super) fn announce(options: &ServerOptions, started: Instant) -> Result<(), StartError> {
    let admin = Layout::in_folder(&options.data_dir).kubeconfig("admin");
    let mut path = admin.clone();
    if let Some(copy) = &options.write_kubeconfig {
        let write = std::fs::read_to_string(&admin).and_then(|text| private(copy, &text));
        write.map_err(|source| StartError::Write {
            path: copy.clone(),
            source,
        })?;
        path = copy.clone();
    }
    let took_ms = started.elapsed().as_millis();
    let mut out = std::io::stdout().lock();
    // Nobody may be listening on standard output; the server runs all the same.
    let _ = writeln!(
        out,
        "pintle is ready after {took_ms} ms\nexport KUBECONFIG={}",
        path.display()
    );
    let _ = out.flush();
    Ok(())
}

/// Writes a file that only its owner may read.
fn private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

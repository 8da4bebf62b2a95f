//! `pintle etcd`: the state store alone, for clients of etcd.

mod error;
mod listen_url;
mod options;
mod retention;

pub use error::EtcdError;
pub use options::EtcdOptions;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use etcd_api::{EtcdApi, Lessor, Settings, Space, server};
use store::StateStore;
use store_embedded::EmbeddedStore;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::runtime;
use crate::signals::cancel_on_signal;
use listen_url::ListenUrl;

/// Runs until a signal ends it.
pub fn run(options: EtcdOptions) -> Result<(), EtcdError> {
    let started = Instant::now();
    runtime::block_on(serve(options, started)).map_err(|source| EtcdError::Runtime { source })?
}

async fn serve(options: EtcdOptions, started: Instant) -> Result<(), EtcdError> {
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone()).map_err(|source| EtcdError::Runtime { source })?;
    let tls = options.tls()?.as_ref().map(server::files_config).transpose()?;
    if tls.is_none() && options.listen_client_urls.iter().any(|url| url.is_secure) {
        return Err(EtcdError::NoCertificate);
    }
    let mut listeners = Vec::new();
    for url in &options.listen_client_urls {
        listeners.push((listen(url).await?, url.is_secure));
    }
    let store = Arc::new(open(&options)?);
    let settings = settings(&options, &store, &listeners, shutdown.clone());
    let urls = settings.client_urls.join(" ");
    let api = api(store.clone(), settings)
        .await
        .map_err(|source| EtcdError::Store {
            path: options.data_dir.clone(),
            source,
        })?;
    let serving = listeners.into_iter().map(|(listener, is_secure)| {
        let tls = tls.clone().filter(|_| is_secure);
        server::serve(api.clone(), listener, tls)
    });
    let serving: Vec<_> = serving.map(tokio::spawn).collect();
    let took_ms = started.elapsed().as_millis();
    let mut out = std::io::stdout().lock();
    // Nobody may be listening on standard output; the store runs all the same.
    let _ = writeln!(out, "pintle etcd serves {urls} after {took_ms} ms");
    let _ = out.flush();
    drop(out);

    for serving in serving {
        let ended = serving.await.map_err(|_| EtcdError::Panicked)?;
        ended.map_err(|source| EtcdError::Serve { source })?;
    }
    store.close();
    Ok(())
}

async fn api(store: Arc<dyn StateStore>, settings: Settings) -> Result<Arc<EtcdApi>, store::StoreError> {
    let leases = Lessor::start(store.clone()).await?;
    EtcdApi::open(store, leases, settings).await
}

async fn listen(url: &ListenUrl) -> Result<TcpListener, EtcdError> {
    let bound = TcpListener::bind(url.address).await;
    bound.map_err(|source| EtcdError::Listen {
        url: url.to_string(),
        source,
    })
}

fn open(options: &EtcdOptions) -> Result<EmbeddedStore, EtcdError> {
    let mut of_store = store_embedded::Options::default();
    let path = options.data_dir.clone();
    options.retention()?.apply(&mut of_store);
    EmbeddedStore::open(&options.data_dir, of_store).map_err(|source| EtcdError::Store { path, source })
}

fn settings(
    options: &EtcdOptions,
    store: &Arc<EmbeddedStore>,
    listeners: &[(TcpListener, bool)],
    shutdown: CancellationToken,
) -> Settings {
    let mut client_urls = options.advertise_client_urls.clone();
    if client_urls.is_empty() {
        // Port 0 asks for any free one: what is told is the one that was given.
        let urls = listeners.iter().filter_map(|(listener, is_secure)| {
            let address = listener.local_addr().ok()?;
            Some(
                ListenUrl {
                    is_secure: *is_secure,
                    address,
                }
                .to_string(),
            )
        });
        client_urls.extend(urls);
    }
    Settings {
        name: options.name.clone(),
        client_urls,
        progress_interval: options.watch_progress_notify_interval,
        scratch: options.data_dir.clone(),
        space: space_of(store.clone()),
        shutdown,
    }
}

/// How much room an embedded store takes.
pub fn space_of(store: Arc<EmbeddedStore>) -> Arc<dyn Fn() -> Space + Send + Sync> {
    Arc::new(move || {
        let statistics = store.statistics();
        Space {
            total: statistics.segment_bytes,
            in_use: statistics.live_bytes,
        }
    })
}

//! Certificates that are renewed while the store is in use: only their files are replaced.

mod support;

use std::fs;
use std::path::Path;

use etcd_process::EtcdBuilder;
use store::{StateStore, StoreError};
use store_etcd::{EtcdStore, Options, Timeouts};
use support::options;

/// Puts another pair of files in the place of one, as whoever renews certificates does.
fn replace(pair: [&Path; 2], by: &Options) {
    let others = [&by.tls.certificate, &by.tls.key].map(|path| path.as_ref().expect("it has one"));
    for (path, other) in pair.into_iter().zip(others) {
        let new = path.with_extension("new");
        fs::copy(other, &new).expect("copied");
        fs::rename(&new, path).expect("replaced");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connections_are_made_with_what_is_in_the_files() {
    let mut etcd = EtcdBuilder::members(1).tls().start();
    let stranger = EtcdBuilder::members(1).tls().start();
    let (good, foreign) = (options(&etcd), options(&stranger));
    let folder = tempfile::tempdir().expect("folder");
    let (certificate, key) = (folder.path().join("c.crt"), folder.path().join("c.key"));
    let pair = [certificate.as_path(), key.as_path()];
    replace(pair, &good);
    let mut own = good.clone();
    own.tls.certificate = Some(certificate.clone());
    own.tls.key = Some(key.clone());
    own.timeouts = Timeouts {
        total: std::time::Duration::from_secs(5),
        ..Timeouts::default()
    };
    let store = EtcdStore::connect(own).await.expect("etcd runs");
    // A read, which is asked again by itself: the last refused connection may still be on its way out.
    let ask = async || store.latest_revision().await;
    ask().await.expect("answered");

    // The connection that is there stays as it is.
    replace(pair, &foreign);
    ask().await.expect("answered");
    tokio::task::block_in_place(|| {
        etcd.kill(0);
        etcd.restart(0);
    });
    let refused = ask().await.expect_err("etcd wants another certificate");
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");

    // Half a renewal: the key does not belong to the certificate. What could be used last is used on.
    fs::copy(good.tls.certificate.as_ref().expect("it has one"), &certificate).expect("copied");
    ask().await.expect_err("still the other one");

    replace(pair, &good);
    ask().await.expect("answered again");
}

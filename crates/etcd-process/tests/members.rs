//! Clusters start, lose members and get them back.

use etcd_process::{Etcd, EtcdBuilder};

#[test]
fn one_member_keeps_what_it_was_given() {
    let mut etcd = Etcd::single();
    etcd.ctl(&["put", "a", "1"]);
    etcd.kill(0);
    assert_eq!(etcd.pid(0), None);
    etcd.restart(0);
    assert_eq!(etcd.ctl(&["get", "a", "--print-value-only"]).trim(), "1");
    assert_eq!(etcd.leader(), Some(0));
}

#[test]
fn three_members_over_tls_survive_their_leader() {
    let mut etcd = EtcdBuilder::members(3).tls().start();
    etcd.ctl(&["put", "a", "1"]);
    let leader = etcd.leader().expect("one leads");
    etcd.kill(leader);
    let endpoints: Vec<String> = (0..3)
        .filter(|&index| index != leader)
        .map(|index| etcd.endpoints()[index].clone())
        .collect();
    let output = etcd
        .ctl_command(&endpoints)
        .args(["--command-timeout=20s", "get", "a", "--print-value-only"])
        .output()
        .expect("etcdctl runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1");
    etcd.restart_all();
    assert!(etcd.pintle_flags()[0].starts_with("--datastore-endpoint=https://127."));
}

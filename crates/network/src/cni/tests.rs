//! What the runtime says and hears, without a network.

use super::*;

fn call(plugin: Plugin, variables: &[(&str, &str)], input: &str) -> (u8, Value) {
    let variable = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let mut output = Vec::new();
    let code = main(plugin, variable, &mut input.as_bytes(), &mut output);
    (code, serde_json::from_slice(&output).unwrap_or_default())
}

fn refused(variables: &[(&str, &str)], input: &str) -> (u64, String) {
    let (code, answer) = call(Plugin::Network, variables, input);
    assert_eq!(code, 1, "{answer}");
    (
        answer["code"].as_u64().unwrap(),
        answer["msg"].as_str().unwrap().to_owned(),
    )
}

const ADD: [(&str, &str); 4] = [
    ("CNI_COMMAND", "ADD"),
    ("CNI_CONTAINERID", "c1"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_NETNS", "/run/netns/none-such"),
];

#[test]
fn the_programs_name_says_which_plugin_it_is() {
    for (program, plugin) in [
        ("/opt/cni/bin/pintle-cni", Some(Plugin::Network)),
        ("loopback", Some(Plugin::Loopback)),
        ("/usr/bin/pintle", None),
        ("", None),
    ] {
        assert_eq!(Plugin::named(program), plugin, "{program}");
    }
}

#[test]
fn versions_are_told() {
    for input in ["", r#"{"cniVersion": "1.1.0"}"#] {
        let (code, answer) = call(Plugin::Network, &[("CNI_COMMAND", "VERSION")], input);
        assert_eq!(code, 0);
        assert_eq!(
            answer,
            json!({
                "cniVersion": "1.1.0",
                "supportedVersions": ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
            })
        );
    }
}

#[test]
fn bad_requests_have_the_specifications_codes() {
    let missing =
        |name: &str| -> Vec<(&str, &str)> { ADD.into_iter().filter(|(key, _)| *key != name).collect() };
    let with = |name: &'static str, value: &'static str| -> Vec<(&str, &str)> {
        let mut variables = missing(name);
        variables.push((name, value));
        variables
    };
    let config = r#"{"cniVersion": "1.0.0", "name": "pintle", "type": "pintle-cni"}"#;
    for (variables, input, code, message) in [
        (
            missing("CNI_COMMAND"),
            config,
            4,
            "the environment variable CNI_COMMAND is missing",
        ),
        (
            missing("CNI_NETNS"),
            config,
            4,
            "the environment variable CNI_NETNS is missing",
        ),
        (
            with("CNI_COMMAND", "PING"),
            config,
            4,
            r#"unknown CNI_COMMAND "PING""#,
        ),
        (
            with("CNI_CONTAINERID", "../a"),
            config,
            4,
            r#"CNI_CONTAINERID "../a" is no container's"#,
        ),
        (
            with("CNI_IFNAME", "a/b"),
            config,
            4,
            r#"CNI_IFNAME "a/b" is no interface's"#,
        ),
        (ADD.to_vec(), "{", 6, "the network's configuration"),
        (ADD.to_vec(), "", 6, "the network's configuration"),
        (
            ADD.to_vec(),
            r#"{"name": "old"}"#,
            1,
            r#"CNI version "0.1.0" is not supported"#,
        ),
        (
            ADD.to_vec(),
            r#"{"cniVersion": "2.0.0"}"#,
            1,
            r#"CNI version "2.0.0" is not supported"#,
        ),
        (
            with("CNI_COMMAND", "GC"),
            config,
            1,
            "CNI version 1.0.0 does not have this command",
        ),
        (ADD.to_vec(), config, 7, "the network's configuration"),
    ] {
        assert_eq!(refused(&variables, input), (code, message.to_owned()));
    }
}

#[test]
fn port_mappings_that_cannot_be_are_refused() {
    for (mapping, message) in [
        (
            json!({"hostPort": 80, "containerPort": 80, "protocol": "icmp"}),
            r#"portMappings: protocol "icmp" is not supported"#,
        ),
        (
            json!({"hostPort": 80, "containerPort": 80, "hostIP": "fd00::1"}),
            r#"portMappings: hostIP "fd00::1" is not an IPv4 address"#,
        ),
        (
            // As containerd 1.6 writes it.
            json!({"HostPort": 80, "ContainerPort": 80, "Protocol": "ICMP", "HostIP": ""}),
            r#"portMappings: protocol "icmp" is not supported"#,
        ),
    ] {
        let config = json!({
            "cniVersion": "1.0.0",
            "bridge": "pintle0",
            "subnet": "10.42.0.0/24",
            "mtu": 1500,
            "stateDir": "/none",
            "runtimeConfig": {"portMappings": [mapping]},
        });
        assert_eq!(refused(&ADD, &config.to_string()), (7, message.to_owned()));
    }
}

#[test]
fn a_container_that_is_not_there_is_unknown() {
    let (code, answer) = call(Plugin::Loopback, &ADD, r#"{"cniVersion": "0.3.1"}"#);
    assert_eq!((code, &answer["code"]), (1, &json!(3)));
    assert_eq!(answer["cniVersion"], "0.3.1");
    // But it can be disconnected.
    let del: Vec<_> = [("CNI_COMMAND", "DEL")]
        .into_iter()
        .chain(ADD.into_iter().skip(1))
        .collect();
    assert_eq!(
        call(Plugin::Loopback, &del, r#"{"cniVersion": "0.3.1"}"#),
        (0, Value::Null)
    );
}

//! Pods that are given more or less while they run.

use super::*;

fn sized(amounts: &Value) -> Value {
    let mut spec = one();
    spec["containers"][0]["resources"] = json!({ "requests": amounts, "limits": amounts });
    spec
}

impl Machine {
    /// Asks for other amounts of the first container.
    fn resize(&self, name: &str, amounts: &Value, generation: i64) {
        let mut pod = self.api.get(&path(name)).unwrap();
        pod["metadata"]["generation"] = json!(generation);
        pod["spec"]["containers"][0]["resources"] = json!({ "requests": amounts, "limits": amounts });
        self.api.put(&path(name), pod);
    }

    async fn until_cpu(&self, name: &str, cpu: &str) -> Value {
        self.until(name, "/containerStatuses/0/resources/limits/cpu", json!(cpu))
            .await
    }
}

fn conditions(status: &Value) -> Vec<&str> {
    let conditions = status["conditions"].as_array().unwrap().iter();
    let kinds = conditions.map(|condition| condition["type"].as_str().unwrap());
    kinds.filter(|kind| kind.starts_with("PodResize")).collect()
}

#[tokio::test]
async fn a_container_is_given_more_while_it_runs() {
    let machine = Machine::new();
    let kubelet = machine.start().await;
    machine.put("web", sized(&json!({ "cpu": "500m" })));
    machine.until_running("web").await;
    machine.resize("web", &json!({ "cpu": "1" }), 2);
    machine.until_cpu("web", "1").await;
    machine
        .api
        .until("the end of the change", |api| {
            let status = api.get(&path("web"))?["status"].clone();
            (status["observedGeneration"] == 2 && conditions(&status).is_empty()).then_some(())
        })
        .await;
    let container = machine.instance("c").await;
    let resources = machine
        .runtime
        .container_status(&container.id)
        .await
        .unwrap()
        .resources;
    let linux = resources.unwrap().linux.unwrap();
    assert_eq!((linux.cpu_quota, linux.cpu_shares), (100_000, 1024));
    let message = |what: &str| {
        format!(
            r#"Pod resize {what}: {{"containers":[{{"name":"c","resources":{{"limits":{{"cpu":"1"}},"requests":{{"cpu":"1"}}}}}}],"generation":2}}"#
        )
    };
    machine.until_event("ResizeStarted", &message("started")).await;
    machine
        .until_event("ResizeCompleted", &message("completed"))
        .await;

    // The next kubelet knows what there is.
    drop(kubelet);
    let _kubelet = machine.start().await;
    machine.resize("web", &json!({ "cpu": "250m" }), 3);
    machine.until_cpu("web", "250m").await;
    assert_eq!(machine.calls("update_container_resources").len(), 2);
    assert_eq!(machine.calls("create_container").len(), 1);
}

#[tokio::test]
async fn a_container_that_cannot_be_changed_is_made_anew() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    let mut spec = sized(&json!({ "cpu": "500m" }));
    spec["restartPolicy"] = json!("OnFailure");
    spec["containers"][0]["resizePolicy"] =
        json!([{ "resourceName": "cpu", "restartPolicy": "RestartContainer" }]);
    machine.put("web", spec);
    machine.until_running("web").await;
    machine.resize("web", &json!({ "cpu": "1" }), 2);
    let status = machine
        .until("web", "/containerStatuses/0/restartCount", json!(1))
        .await;
    assert_eq!(status["phase"], "Running");
    machine.until_cpu("web", "1").await;
    assert!(machine.calls("update_container_resources").is_empty());
    machine
        .until_event("Killing", "Container c resize requires restart")
        .await;
}

#[tokio::test]
async fn what_there_is_no_room_for_waits() {
    let machine = Machine::new();
    let _kubelet = machine.start().await;
    machine.put("web", sized(&json!({ "cpu": "500m" })));
    machine.put("other", sized(&json!({ "cpu": "1" })));
    machine.until_running("web").await;
    machine.until_running("other").await;
    machine.resize("web", &json!({ "cpu": "1500m" }), 2);
    let status = machine.until("web", "/observedGeneration", json!(2)).await;
    assert_eq!(conditions(&status), ["PodResizePending"]);
    let pending = &status["conditions"].as_array().unwrap().iter();
    let pending = pending.clone().find(|c| c["type"] == "PodResizePending").unwrap();
    assert_eq!(
        (&pending["reason"], &pending["message"]),
        (
            &json!("Deferred"),
            &json!("Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000")
        )
    );
    assert_eq!(
        status["containerStatuses"][0]["allocatedResources"]["cpu"],
        "500m"
    );

    machine.api.remove(&path("other"));
    let status = machine.until_cpu("web", "1500m").await;
    assert_eq!(
        status["containerStatuses"][0]["allocatedResources"]["cpu"],
        "1500m"
    );
}

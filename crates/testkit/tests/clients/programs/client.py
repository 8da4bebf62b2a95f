"""Does with the official Python client what programs do with it, and says `done`.

The argument is the folder that the client's packages are installed in; KUBECONFIG names the cluster.
"""

import sys
import threading

sys.path.insert(0, sys.argv[1])

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()
NAMESPACE = "python"


def config_map(name, **data):
    metadata = client.V1ObjectMeta(name=name, labels={"made-by": "python"})
    return client.V1ConfigMap(metadata=metadata, data=data)


def refused(status, reason, call):
    try:
        call()
    except ApiException as error:
        assert error.status == status, error
        assert f'"reason":"{reason}"' in error.body, error.body
    else:
        raise AssertionError(f"{status} {reason} was expected")


def watched():
    """A watch sees what happens after a list, in order."""
    version = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    seen = []

    def look():
        selector = {"label_selector": "made-by=python", "resource_version": version, "timeout_seconds": 30}
        watcher = watch.Watch()
        for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, **selector):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 4:
                watcher.stop()

    looking = threading.Thread(target=look)
    looking.start()
    core.create_namespaced_config_map(NAMESPACE, config_map("watched", a="1"))
    core.patch_namespaced_config_map("watched", NAMESPACE, {"data": {"a": "2"}})
    core.patch_namespaced_config_map("watched", NAMESPACE, {"metadata": {"labels": {"made-by": None}}})
    core.create_namespaced_config_map(NAMESPACE, config_map("other"))
    looking.join(60)
    # What no longer matches is gone for the watcher.
    names = [("ADDED", "watched"), ("MODIFIED", "watched"), ("DELETED", "watched"), ("ADDED", "other")]
    assert seen == names, seen


def paged():
    for number in range(7):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-{number}"))
    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(NAMESPACE, limit=3, label_selector="made-by=python", _continue=token)
        assert len(page.items) <= 3
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    assert names == ["other"] + [f"page-{number}" for number in range(7)], names


def deployed():
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "web"}),
        spec=client.V1PodSpec(containers=[client.V1Container(name="web", image="localhost/web:1")]),
    )
    spec = client.V1DeploymentSpec(replicas=2, selector={"matchLabels": {"app": "web"}}, template=template)
    deployment = client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    made = apps.create_namespaced_deployment(NAMESPACE, deployment)
    assert made.spec.strategy.type == "RollingUpdate" and made.metadata.uid
    apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 3}})
    assert apps.read_namespaced_deployment_scale("web", NAMESPACE).spec.replicas == 3
    # A strategic merge adds to the list of containers.
    container = {"name": "side", "image": "localhost/side:1"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = apps.patch_namespaced_deployment("web", NAMESPACE, patch)
    assert [one.name for one in patched.spec.template.spec.containers] == ["side", "web"]
    stale = apps.read_namespaced_deployment("web", NAMESPACE)
    stale.metadata.resource_version = made.metadata.resource_version
    refused(409, "Conflict", lambda: apps.replace_namespaced_deployment("web", NAMESPACE, stale))


def applied():
    maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}}

    def apply(manager, **more):
        return maps.server_side_apply(namespace=NAMESPACE, body=body, field_manager=manager, **more)

    assert apply("one").metadata.managedFields[0].manager == "one"
    body["data"] = {"a": "2"}
    try:
        apply("two")
    except dynamic.exceptions.ConflictError as error:
        assert 'conflict with \\"one\\"' in error.body, error.body
    else:
        raise AssertionError("a conflict was expected")
    assert apply("two", force_conflicts=True).data.a == "2"


core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
refused(404, "NotFound", lambda: core.read_namespaced_config_map("nothing", NAMESPACE))
refused(422, "Invalid", lambda: core.create_namespaced_config_map(NAMESPACE, config_map("Not_A_Name")))
watched()
paged()
deployed()
applied()
refused(409, "AlreadyExists", lambda: core.create_namespaced_config_map(NAMESPACE, config_map("other")))
core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="made-by=python")
left = {item.metadata.name for item in core.list_namespaced_config_map(NAMESPACE).items}
assert left <= {"applied", "watched", "kube-root-ca.crt"}, left
print("done")

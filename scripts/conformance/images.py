#!/usr/bin/env python3
"""Images under the names that upstream's conformance tests ask for, in a registry's folder: images.py FOLDER.

FOLDER is what `build` has filled. agnhost, sample-apiserver, nonewprivs and pause are upstream's programs; the others are
stand-ins of Debian's busybox and etcd that do what the tests want of them.
"""
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time

TESTS = "registry.k8s.io/e2e-test-images/"
OCI = "application/vnd.oci.image."
PASSWD = """root:x:0:0:root:/root:/bin/sh
user-defined-in-image:x:1000:1000::/home:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/sh
"""
GROUP = """root:x:0:
user-defined-in-image:x:1000:
group-defined-in-image:x:50000:user-defined-in-image
nogroup:x:65534:
"""


class Layer:
    """A layer that is being put together."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w", format=tarfile.PAX_FORMAT)
        self.names = set()

    def add(self, path, kind, mode, data=b"", target=""):
        path = path.strip("/")
        if path in self.names or not path:
            return
        self.names.add(path)
        self.add(os.path.dirname(path), tarfile.DIRTYPE, 0o755)
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
        self.tar.addfile(info, io.BytesIO(data))

    def folder(self, path, mode=0o755):
        self.add(path, tarfile.DIRTYPE, mode)

    def file(self, path, data, mode=0o755):
        self.add(path, tarfile.REGTYPE, mode, data)

    def link(self, path, target):
        self.add(path, tarfile.SYMTYPE, 0o777, target=target)

    def tree(self, root):
        for folder, folders, files in os.walk(root):
            for name in sorted(folders + files):
                path = os.path.join(folder, name)
                inside, mode = os.path.relpath(path, root), os.lstat(path).st_mode & 0o7777
                if os.path.islink(path):
                    self.link(inside, os.readlink(path))
                elif os.path.isdir(path):
                    self.folder(inside, mode)
                elif os.path.isfile(path):
                    self.file(inside, read(path), mode)

    def done(self):
        self.tar.close()
        return self.bytes.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def base():
    layer = Layer()
    layer.folder("tmp", 0o1777)
    for name in ("dev", "etc", "home", "proc", "root", "sys", "var/run"):
        layer.folder(name)
    layer.file("etc/passwd", PASSWD.encode(), 0o644)
    layer.file("etc/group", GROUP.encode(), 0o644)
    layer.file("etc/nsswitch.conf", b"hosts: files dns\n", 0o644)
    return layer


def busybox(layer, root=None):
    layer.file("bin/busybox", read("/bin/busybox"))
    for applet in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
        homes = ("bin", "sbin", "usr/bin", "usr/sbin")
        if root is None or not any(os.path.lexists(f"{root}/{home}/{applet}") for home in homes):
            layer.link(f"bin/{applet}", "/bin/busybox")
    return layer.done()


def small(shell):
    layer = base()
    layer.file("bin/sh", shell)
    return busybox(layer)


def full(root):
    layer = base()
    # Before busybox has its own: the tests want bash's errors, and BSD's nc.
    layer.link("bin/sh", "bash")
    layer.link("bin/nc", "/bin/nc.openbsd")
    layer.tree(root)
    return busybox(layer, root)


def of_files(files, mode=0o755):
    layer = Layer()
    for path, data in files.items():
        layer.file(path, data, mode)
    return layer.done()


def image(registry, references, layers, **config):
    """Puts an image into the registry under some names."""
    config.setdefault("Env", ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    packed = [gzip.compress(layer, 1, mtime=0) for layer in layers]
    described = {
        "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created": "2020-01-01T00:00:00Z"} for _ in layers],
    }
    described = json.dumps(described).encode()

    def descriptor(kind, data):
        return {"mediaType": OCI + kind, "digest": digest(data), "size": len(data)}

    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": descriptor("config.v1+json", described),
        "layers": [descriptor("layer.v1.tar+gzip", layer) for layer in packed],
    }).encode()
    for reference in references:
        _, name = reference.split("/", 1)
        name, tag = name.rsplit(":", 1)
        for blob in (described, *packed):
            registry.blob(name, blob)
        registry.manifest(name, tag, manifest)


class Registry:
    """A registry that takes images as long as it is in use."""

    def __init__(self, folder):
        shutil.rmtree(f"{folder}/registry", ignore_errors=True)
        self.socket = f"{folder}/registry.sock"
        self.known = {}
        self.process = subprocess.Popen(
            [f"{folder}/bin/docker-registry", "serve", "registry.yml"], cwd=folder,
            env=os.environ | {"REGISTRY_HTTP_NET": "unix", "REGISTRY_HTTP_ADDR": self.socket})

    def __enter__(self):
        for _ in range(100):
            try:
                self.ask("GET", "/v2/")
                return self
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the registry does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, method, path, body=b"", kind="application/octet-stream"):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return answer.headers.get("Location")

    def blob(self, name, data):
        """Puts a blob there. One that another repository has is taken from that one."""
        known = self.known.setdefault(digest(data), name)
        location = self.ask("POST", f"/v2/{name}/blobs/uploads/?mount={digest(data)}&from={known}")
        if "/uploads/" in location:
            self.ask("PUT", f"{location}&digest={digest(data)}", data)

    def manifest(self, name, tag, data):
        self.ask("PUT", f"/v2/{name}/manifests/{tag}", data, OCI + "manifest.v1+json")


def main(folder):
    with Registry(folder) as registry:
        fill(registry, folder)


def fill(registry, folder):
    program = lambda name: read(f"{folder}/bin/{name}")
    source = lambda name: read(f"{folder}/sources/{name}")
    tools, applets = full(f"{folder}/root"), small(program("sh"))
    agnhost = Layer()
    agnhost.folder("uploads", 0o777)
    agnhost.file("agnhost", program("agnhost"))
    agnhost.link("agnhost-2", "agnhost")
    for name in ("localhost.crt", "localhost.key"):
        agnhost.file(name, source(f"agnhost/porter/{name}"), 0o644)
    agnhost = agnhost.done()

    image(registry, [TESTS + "agnhost:2.63.0", TESTS + "agnhost:2.55"], [tools, agnhost],
          Entrypoint=["/agnhost"], Cmd=["pause"])
    image(registry, [TESTS + "busybox:1.37.0-1", TESTS + "busybox:1.36.1-1"], [applets], Cmd=["sh"])
    image(registry, [TESTS + "glibc-dns-testing:2.0.0"], [tools], Cmd=["sh"])
    image(registry, [TESTS + "nonroot:1.5"], [applets], Cmd=["sh"], User="1234")
    image(registry, [TESTS + "perl:5.26"], [applets], Cmd=["sh"])
    for name in ("kitten", "nautilus"):
        html = f"{folder}/sources/{name}/html"
        pages = {page: read(f"{html}/{page}") for page in os.listdir(html)}
        pages = of_files(pages | {"etc/os-release": b'NAME="Alpine Linux"\n'}, 0o644)
        image(registry, [f"{TESTS}{name}:1.8"], [tools, agnhost, pages],
              Entrypoint=["/agnhost"], Cmd=["test-webserver"])
    page = of_files({"usr/share/nginx/html/index.html": b"<title>Welcome to nginx!</title>\n"}, 0o644)
    image(registry, [TESTS + "nginx:1.15-4", TESTS + "nginx:1.27-0"], [applets, page],
          Cmd=["httpd", "-f", "-p", "80", "-h", "/usr/share/nginx/html"])
    image(registry, ["registry.k8s.io/pause:3.10.2"], [of_files({"pause": program("pause")})],
          Entrypoint=["/pause"])
    gains = of_files({"usr/local/bin/nnp": program("nnp")}, 0o6755)
    image(registry, [TESTS + "nonewprivs:1.4"], [applets, gains], Cmd=["nnp"])
    server = of_files({"sample-apiserver": program("sample-apiserver")})
    image(registry, [TESTS + "sample-apiserver:1.29.2"], [applets, server],
          Entrypoint=["/sample-apiserver"])
    etcd = of_files({"usr/local/bin/etcd": read("/usr/bin/etcd")})
    image(registry, ["registry.k8s.io/etcd:3.6.8-0"], [tools, etcd])


main(sys.argv[1])

"""The real argocd-cmp-server in the image, called through its socket, with Vault next to it."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.cmp.application import documents, identity, secret
from tests.cmp.client import CallError
from tests.image.conftest import PYTHON, SCRATCH, SECRETS, Pod
from tests.trees import write

CONFINEMENT: Final = """
import errno, json, os, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines())
def tried(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
print(json.dumps({
    "program": open("/proc/1/cmdline").read().split("\\0")[:3],
    "uid": status["Uid"].split(), "gid": status["Gid"].split(),
    "rights": [status[name].strip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")],
    "no_new": status["NoNewPrivs"],
    "networks": sorted(os.listdir("/sys/class/net")),
    "outside": tried(lambda: socket.create_connection(("192.0.2.1", 443), 5)),
    "write": [tried(lambda path=path: open(path + "/x", "w")) for path in
              ("/", "/opt/avp-py", "/home/argocd", "/home/argocd/cmp-server/config", "/usr/bin")],
}))
"""

ORPHAN: Final = """
import json, os, time
reader, writer = os.pipe()
if not os.fork():
    if os.fork():
        os._exit(0)  # leaves its child to process 1
    os.write(writer, str(os.getpid()).encode())
    os._exit(0)
os.wait()
orphan = os.read(reader, 20).decode()
end = time.monotonic() + 20
while os.path.exists("/proc/" + orphan) and time.monotonic() < end:
    time.sleep(0.01)
states = [open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
          for pid in os.listdir("/proc") if pid.isdigit()]
print(json.dumps([os.path.exists("/proc/" + orphan), states.count("Z")]))
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(
        tmp_path / "app",
        {
            "kustomization.yaml": "resources: [secret.yaml]\n",
            "secret.yaml": secret("kv/data/demo/web", password="<PASSWORD>"),
        },
    )


def test_a_secret_is_filled_from_vault(app: Path, pod: Pod) -> None:
    generated = documents(pod.client.generate(app, env=identity()))

    assert generated["Secret"]["stringData"] == {"password": SECRETS["demo/web"]["PASSWORD"]}


def test_an_app_is_recognised_and_its_parameters_are_announced(app: Path, pod: Pod) -> None:
    assert pod.client.match(app, env=identity()).supported
    assert pod.client.parameters(app, env=identity())


def test_a_denied_path_fails_and_shows_no_secret(app: Path, pod: Pod) -> None:
    write(app, {"secret.yaml": secret("kv/data/other/web", password="<PASSWORD>")})

    with pytest.raises(CallError) as raised:
        pod.client.generate(app, env=identity())

    assert "kv/data/other/web" in raised.value.message
    assert SECRETS["other/web"]["PASSWORD"] not in raised.value.message + pod.log()


def test_the_health_check_passes(pod: Pod) -> None:
    told = pod.exec("avp-py", "healthcheck", "--backend")

    assert told.startswith("ok "), told


def test_nothing_is_left_behind(app: Path, pod: Pod) -> None:
    pod.client.generate(app, env=identity())

    assert pod.exec("find", SCRATCH, "-type", "f") == ""


def test_it_has_no_privileges_and_no_network(pod: Pod) -> None:
    found = json.loads(pod.exec(*PYTHON, "-c", CONFINEMENT))

    assert found["program"] == ["/usr/bin/tini", "--", "avp-py"]
    assert set(found["uid"]) == set(found["gid"]) == {"999"}
    assert found["rights"] == ["", "", "", ""]
    assert found["no_new"] == "1"
    assert found["networks"] == ["lo"]
    assert found["outside"] == "ENETUNREACH"
    assert set(found["write"]) == {"EROFS"}


def test_orphans_are_reaped(pod: Pod) -> None:
    assert json.loads(pod.exec(*PYTHON, "-c", ORPHAN)) == [False, 0]

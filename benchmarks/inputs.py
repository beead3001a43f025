"""What the benchmarks render: manifests as text, and repositories of an Application."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

PASSWORD: Final = "hunter22-of-the-benchmark"  # noqa: S105 - made up
"""The value in Vault that every output with a placeholder contains."""

REPOSITORY: Final = "https://git.example/team/web"
IMAGE: Final = "registry.example/team/web"
TAG: Final = "1.4.2"

SETTINGS: Final = {"APP_REPO": REPOSITORY, "IMAGE_NAME": IMAGE, "IMAGE_TAG": TAG}
"""The `plugin.env` of an Application."""


@dataclass(frozen=True)
class Manifests:
    """Manifests for standard input.

    Attributes:
        text: returns them for the path of the secrets in Vault, to which `-NUMBER` is added.
    """

    text: Callable[[str], str]


@dataclass(frozen=True)
class Repository:
    """A repository with a kustomization at its root.

    Attributes:
        files: returns their contents by name, for the path of the secrets in Vault.
    """

    files: Callable[[str], Mapping[str, str]]


_DEPLOYMENT: Final = """\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-NUMBER
  namespace: demo
  labels:
    app.kubernetes.io/name: app
    app.kubernetes.io/instance: app-NUMBER
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: app
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app
    spec:
      containers:
      - name: app
        image: registry.example/app:1.2.NUMBER
        ports:
        - containerPort: 8080
          name: http
        env:
        - name: LOG_LEVEL
          value: VALUE
        resources:
          limits: {cpu: 500m, memory: 128Mi}
"""

_ANNOTATED: Final = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: secret-NUMBER
  namespace: demo
  annotations:
    avp.kubernetes.io/path: PATH
stringData:
  username: <username>
  password: <password>
"""

_INLINE: Final = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: secret-NUMBER
  namespace: demo
stringData:
  password: <path:PATH#password>
"""

_CONFIG_MAP: Final = """\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: config-NUMBER
  namespace: demo
  labels:
    app: web
    tier: backend
data:
"""


def documents(count: int, every: int) -> Manifests:
    """Return Deployments; one of so many has a placeholder, none where that is 0."""

    def text(path: str) -> str:
        return "".join(
            _DEPLOYMENT.replace("NUMBER", str(number)).replace(
                "VALUE",
                f"<path:{path}-0#password>" if every and number % every == 0 else "info",
            )
            for number in range(count)
        )

    return Manifests(text)


def secrets(count: int, paths: int) -> Manifests:
    """Return Secrets whose annotations name so many paths in turn."""
    return Manifests(_numbered(_ANNOTATED, count, paths))


def inline(count: int, paths: int) -> Manifests:
    """Return Secrets with one inline placeholder each, on so many paths in turn."""
    return Manifests(_numbered(_INLINE, count, paths))


def _numbered(template: str, count: int, paths: int) -> Callable[[str], str]:
    def text(path: str) -> str:
        return "".join(
            template.replace("NUMBER", str(number)).replace("PATH", f"{path}-{number % paths}")
            for number in range(count)
        )

    return text


def config_maps(size: int) -> Manifests:
    """Return about so many bytes of ConfigMaps of 2 kB; one in ten has a placeholder."""

    def pieces(path: str) -> Iterator[str]:
        length = number = 0
        while length < size:
            value = "info" if number % 10 else f"<path:{path}-0#password>"
            rows = "".join(f"  SETTING_{row}: the value of {number}\n" for row in range(55))
            piece = f"{_CONFIG_MAP.replace('NUMBER', str(number))}  LOG_LEVEL: {value}\n{rows}"
            yield piece
            length += len(piece)
            number += 1

    return Manifests(lambda path: "".join(pieces(path)))


def api_versions(count: int) -> str:
    """Return what Argo CD passes of a cluster with so many API versions."""
    return ",".join(f"group-{number}.example.com/v1/Kind{number}" for number in range(count))


_CHART: Final[Mapping[str, str]] = {
    "charts/cache/Chart.yaml": "{apiVersion: v2, name: cache, version: 1.2.3}\n",
    "charts/cache/values.yaml": "replicas: 1\nmemory: 64Mi\n",
    "charts/cache/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-cache
  labels: {app: cache}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec:
      containers:
      - name: cache
        image: registry.example/cache:{{ .Chart.Version }}
        resources: {limits: {memory: {{ .Values.memory }}}}
""",
    "charts/cache/templates/service.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-cache}
spec: {selector: {app: cache}, ports: [{port: 6379}]}
""",
}

_WEB: Final[Mapping[str, str]] = {
    "deployment.yaml": _DEPLOYMENT.replace("registry.example/app:1.2.NUMBER", f"{IMAGE}:1.0.0")
    .replace("NUMBER", "web")
    .replace("VALUE", "info"),
    "service.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
""",
}


def repository(*, secrets: int, chart: bool) -> Repository:
    """Return a kustomization with a Deployment, a Service, Secrets, and a chart where asked for."""

    def files(path: str) -> Mapping[str, str]:
        text = _numbered(_ANNOTATED, secrets, secrets)(path)
        kustomization = "resources: [deployment.yaml, service.yaml, secrets.yaml]\n"
        if chart:
            kustomization += (
                "helmCharts:\n- {name: cache, version: 1.2.3, releaseName: web, namespace: demo}\n"
            )
        own = {**_WEB, "secrets.yaml": text, "kustomization.yaml": kustomization}
        return {**own, **_CHART} if chart else own

    return Repository(files)

"""An Application: its variables from the repo-server, its files in git, and its manifests."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def identity(app: str = "web", path: str = ".", **further: str) -> Mapping[str, str]:
    """The variables that the repo-server sets for an Application, and its `plugin.env`."""
    return {
        "ARGOCD_APP_NAME": app,
        "ARGOCD_APP_NAMESPACE": "demo",
        "ARGOCD_APP_PROJECT_NAME": "default",
        "ARGOCD_APP_REVISION": "0123456789abcdef0123456789abcdef01234567",
        "ARGOCD_APP_SOURCE_PATH": path,
        "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example/team/web",
        "KUBE_VERSION": "1.34.2",
        "KUBE_API_VERSIONS": "v1,apps/v1",
        **{f"ARGOCD_ENV_{name}": value for name, value in further.items()},
    }


def secret(path: str, **fields: str) -> str:
    """A Secret `web` whose values are at a path."""
    rows = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    return (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\n  annotations:\n"
        f"    avp.kubernetes.io/path: {path}\nstringData:\n{rows}"
    )


def documents(manifests: Sequence[str]) -> Mapping[str, Any]:
    """The manifests by kind."""
    return {each["kind"]: each for each in map(json.loads, manifests)}

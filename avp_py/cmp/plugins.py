"""The plugins that this project hands out, and the plugin.yaml of each.

The rules are Argo CD's: cmpserver/plugin/config.go and plugin.go, v3.2. Commands are argv lists
that no shell reads. There is no `spec.version`: with one, an Application would have to name
`avp-kustomize-<version>`. There is no `init`, whose output Argo CD throws away.
"""

from dataclasses import dataclass
from typing import Final

from avp_py.render import Mode
from avp_py.render.kustomization import FILE_NAMES


@dataclass(frozen=True)
class Plugin:
    """One plugin.

    Attributes:
        name: what an Application calls it in `plugin.name`.
        file: the file in this repository that holds its plugin.yaml.
        mode: how it renders a folder.
        summary: what it is for, as lines of a comment.
        discover: which folders it renders if the Application names no plugin, as YAML; empty where
            it is used by name only.
    """

    name: str
    file: str
    mode: Mode
    summary: tuple[str, ...]
    discover: str

    def manifest(self) -> str:
        """Its plugin.yaml: in a sidecar that is /home/argocd/cmp-server/config/plugin.yaml."""
        comment = "".join(f"# {line}\n" for line in (*self.summary, *_ORIGIN))
        discover = f"  discover:\n{self.discover}" if self.discover else ""
        return f"""\
{comment}apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: {self.name}
spec:
{discover}  generate:
    command: [avp-py]
    args: [generate, --render={self.mode}, .]
  parameters:
    dynamic:
      command: [avp-py]
      args: [parameters, --render={self.mode}, .]
"""


_ORIGIN: Final = ("Made by `make docs` from avp_py/cmp/plugins.py. What it means: docs/plugin.md.",)

_KUSTOMIZATIONS: Final = ",".join(FILE_NAMES)

PLUGINS: Final[tuple[Plugin, ...]] = (
    Plugin(
        "avp-kustomize",
        "plugin.yaml",
        "kustomize",
        ("A folder with a kustomization, charts in it included.",),
        # Of the patterns that Argo CD accepts only this one, of go-zglob, knows alternatives.
        f'    find:\n      glob: "{{{_KUSTOMIZATIONS}}}"\n',
    ),
    Plugin(
        "avp-helm",
        "plugin-avp-helm.yaml",
        "helm",
        ("A folder that is a Helm chart.",),
        "    fileName: Chart.yaml\n",
    ),
    Plugin(
        "avp",
        "plugin-avp.yaml",
        "plain",
        (
            "A folder of plain manifests, or of values for a chart that the Application names.",
            "It has no `discover`, as every folder would match: an Application names it.",
        ),
        "",
    ),
)

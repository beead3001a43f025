"""Policies of a few rules, for an Application."""

from pathlib import Path

from avp_py.policy.decide import Permissions
from avp_py.policy.document import read_policy
from avp_py.settings import Identity

WEB = Identity(app="web", namespace="demo", project="team-a")
NOBODY = Identity(app=None, namespace=None, project=None)


class Policies:
    """Builds permissions from the items of `rules`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, *rules: str, identity: Identity = WEB) -> Permissions:
        self._file.write_text("rules:\n" + "".join(f"- {rule}\n" for rule in rules))
        return Permissions(read_policy(self._file), identity)

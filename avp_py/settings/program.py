"""The two names that the program is called by."""

from enum import Enum


class Program(Enum):
    """The name that the program was called by."""

    AVP_PY = "avp-py"
    ARGOCD_VAULT_PLUGIN = "argocd-vault-plugin"
    """Behaves as that program does: directories are read as plain files, only `-s` names a settings
    Secret, and what it accepts without a word is a warning at most."""

    @property
    def is_lenient(self) -> bool:
        """Whether what is surely not meant is a warning at most, and not a failure."""
        return self is Program.ARGOCD_VAULT_PLUGIN

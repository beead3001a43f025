"""What Argo CD expects of a config management plugin besides manifests: plugin.yaml, parameters.

Rendering and secrets are not this package's: it is next to the command `generate`, above the
core.
"""

from avp_py.cmp.parameters import Announcement, announce
from avp_py.cmp.plugins import PLUGINS, Plugin

__all__ = ["PLUGINS", "Announcement", "Plugin", "announce"]

"""From a folder to manifest text: kustomize, Helm charts, plain files.

A tenant's files are read here and nowhere else; secrets never come here. Only what manifests on
standard input need, too, can be imported from the package itself: what renders takes long to load.
"""

from avp_py.render.interface import MODES, Mode, Remotes, Rendered, Renderer, Source

__all__ = ["MODES", "Mode", "Remotes", "Rendered", "Renderer", "Source"]

"""avp-py: puts the secrets of a backend into the manifests that Argo CD applies."""

__version__ = "0.1.0"

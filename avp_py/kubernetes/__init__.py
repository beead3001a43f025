"""What the operator keeps in the Kubernetes API: settings, and Argo CD's Secrets for repositories.

What belongs here: where the API is, our credentials for it, and its GETs. requests takes 110 ms to
load: import this package only in a run that reads an object.
"""

from avp_py.kubernetes.objects import DataObject
from avp_py.kubernetes.repositories import LABEL, RepositoryObjects, read_repository_objects
from avp_py.kubernetes.secret import DEFAULT_NAMESPACE, read_settings_secret, split_name

__all__ = [
    "DEFAULT_NAMESPACE",
    "LABEL",
    "DataObject",
    "RepositoryObjects",
    "read_repository_objects",
    "read_settings_secret",
    "split_name",
]

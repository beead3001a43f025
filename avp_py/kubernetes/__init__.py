"""The settings that the operator keeps in a Secret, read from the Kubernetes API.

What belongs here: where the API is, our credentials for it, and the one GET. requests takes 110 ms
to load: import this package only in a run that reads a Secret.
"""

from avp_py.kubernetes.secret import DEFAULT_NAMESPACE, read_settings_secret, split_name

__all__ = ["DEFAULT_NAMESPACE", "read_settings_secret", "split_name"]

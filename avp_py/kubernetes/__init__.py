"""The settings that the operator keeps in a Secret, read from the Kubernetes API.

Here live where the API is, who we are to it, and the one GET. It builds on the standard library:
http.client follows no redirect and heeds no proxy, .netrc or REQUESTS_CA_BUNDLE of the
environment, and loads in 30 ms, where requests takes 110 ms. That is still long for a run that
reads no Secret: import this package where one is read.
"""

from avp_py.kubernetes.secret import DEFAULT_NAMESPACE, read_settings_secret, split_name

__all__ = ["DEFAULT_NAMESPACE", "read_settings_secret", "split_name"]

"""HTTP requests to Vault and to the Kubernetes API, on requests and urllib3.

What belongs here is the same for both: time and size limits, and messages for requests that
fail. TLS contexts and proxies are in `avp_py.network`. Nothing here reads the environment.
"""

from avp_py.transport.failures import RequestFailedError, count_attempts, needs_tls, not_the_peer
from avp_py.transport.peer import Peer
from avp_py.transport.problems import Problem
from avp_py.transport.send import retry_after, send
from avp_py.transport.session import Route, open_session

__all__ = [
    "Peer",
    "Problem",
    "RequestFailedError",
    "Route",
    "count_attempts",
    "needs_tls",
    "not_the_peer",
    "open_session",
    "retry_after",
    "send",
]

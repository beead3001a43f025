"""Where a git repository has moved to.

git itself follows no redirect, as nobody would check the address that it leads to, and a password
would go there. So the first request of git is repeated by our own client, which checks both.
"""

from collections.abc import Mapping

from avp_py.fetch.child.http import Client
from avp_py.fetch.child.target import Target
from avp_py.fetch.job import Job


def redirected(job: Job, url: str, environ: Mapping[str, str]) -> str:
    """Return the URL that answers a request, after any redirects.

    Args:
        job: its credential and hosts, and how long it may take.
        url: the URL of the first request of git.
        environ: the environment, for its proxies.

    Raises:
        FetchError: there is no answer.
    """
    client = Client(job, environ)
    grant = client.use_credential(url)
    answer = client.get(
        Target.read(url), job.max_bytes, grant=grant, decode=True, expected=_NOT_TRUSTED
    )
    return answer.target.url


_NOT_TRUSTED = (401, 403, 404)
"""The statuses with which a server answers that a redirect has led to: git gets them again."""

"""One file."""

from pathlib import Path

from avp_py.errors import FetchError
from avp_py.fetch.child.http import Client
from avp_py.fetch.child.target import Target
from avp_py.fetch.job import DATA, PREVIOUS, Job, Outcome
from avp_py.remotes import RemoteFile


def fetch_file(job: Job, file: RemoteFile, folder: Path, client: Client) -> Outcome:
    """Fetch a file into `data`.

    Args:
        job: the job.
        file: what it is about.
        folder: its directory.
        client: sends requests.

    Raises:
        FetchError: it cannot be fetched.
    """
    target = Target.read(file.url)
    has_previous = bool(job.etag) and (folder / PREVIOUS).exists()
    answer = client.get(
        target,
        job.max_bytes,
        headers={"If-None-Match": job.etag} if has_previous else {},
        grant=client.use_credential(file.url),
        decode=True,
        expected=(304, 404, 410) if has_previous else (404, 410),
    )
    if answer.status == 304:
        return Outcome(etag=job.etag, is_unchanged=True)
    if answer.status in {404, 410}:
        raise FetchError(
            f"there is no file at {answer.target} (HTTP status {answer.status})",
            hint="check the URL",
        )
    (folder / DATA).write_bytes(answer.body)
    return Outcome(etag=answer.etag)

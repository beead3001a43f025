"""A chart from a chart repository: an index, and archives anywhere.

Source: pkg/repo/v1/chartrepo.go and pkg/downloader/chart_downloader.go of Helm 4.2.4. Other than
helm, we check an archive against the digest in the index, and that it is the chart that it is
listed as.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from avp_py.errors import FetchError, quoted
from avp_py.fetch.child.archive import check_chart, check_digest
from avp_py.fetch.child.http import Client, Grant
from avp_py.fetch.child.index import Entry, choose, find_entries
from avp_py.fetch.child.target import Target
from avp_py.fetch.job import DATA, INDEX, PREVIOUS, Job, Outcome
from avp_py.remotes import RemoteChart, shown

MAX_INDEX: Final = 64 << 20
"""How large an index may be; the largest one in use has 20 MB."""

_GZIP: Final = {"Accept": "application/gzip,application/octet-stream"}
"""What helm says that it accepts as an archive."""


def fetch_chart(job: Job, chart: RemoteChart, folder: Path, client: Client) -> Outcome:
    """Fetch a chart into `data`, and the index into `index` where that has changed.

    Args:
        job: the job.
        chart: what it is about.
        folder: its directory.
        client: sends requests.

    Raises:
        AvpError: the chart cannot be fetched.
    """
    grant = client.use_credential(chart.repository)
    index, etag, is_unchanged = _fetch_index(job, chart, folder, client, grant)
    entry = choose(find_entries(index, chart.name), chart.name, chart.version)
    if entry.version not in job.known:
        (folder / DATA).write_bytes(_fetch_archive(job, chart, entry, client, grant))
    return Outcome(version=entry.version, etag=etag, is_unchanged=is_unchanged)


def resolve(repository: str, reference: str) -> str:
    """Return what a URL in the index of a repository names (ResolveReferenceURL).

    The query of the repository's URL is kept for relative ones.

    Args:
        repository: the URL of the repository.
        reference: the URL.

    Raises:
        FetchError: they are not URLs.
    """
    try:
        if urlsplit(reference).scheme:
            return reference
        base = urlsplit(repository)
        directory = base._replace(path=f"{base.path.removesuffix('/')}/", fragment="")
        found = urlsplit(urljoin(urlunsplit(directory), reference))
    except ValueError:
        raise FetchError(
            f"{shown(reference)!r} in the index is not a valid URL", hint="check the repository"
        ) from None
    return urlunsplit(found._replace(query=base.query, fragment=""))


def _fetch_index(
    job: Job, chart: RemoteChart, folder: Path, client: Client, grant: Grant | None
) -> tuple[bytes, str, bool]:
    """Return the index, its ETag, and whether it has not changed."""
    has_previous = bool(job.etag) and (folder / PREVIOUS).exists()
    answer = client.get(
        Target.read(resolve(chart.repository, "index.yaml")),
        MAX_INDEX,
        headers={"If-None-Match": job.etag} if has_previous else {},
        grant=grant,
        decode=True,
        expected=(304, 404, 410) if has_previous else (404, 410),
    )
    if answer.status == 304:
        return (folder / PREVIOUS).read_bytes(), job.etag, True
    if answer.status in {404, 410}:
        raise FetchError(
            f"there is no chart repository at {shown(chart.repository)}: {answer.target} is not "
            f"found (HTTP status {answer.status})",
            hint="check the URL: it is that of the directory with index.yaml; a registry's begins "
            "with oci://",
        )
    (folder / INDEX).write_bytes(answer.body)
    return answer.body, answer.etag, False


def _fetch_archive(
    job: Job, chart: RemoteChart, entry: Entry, client: Client, grant: Grant | None
) -> bytes:
    if not entry.url:
        raise FetchError(
            f"the index of the repository has no URL for {quoted(chart.name)} {entry.version}",
            hint="check the repository",
        )
    is_passed = bool(job.credential.get("pass_credentials"))
    url = resolve(chart.repository, entry.url)
    if url.startswith("oci://"):
        # Late: few indexes have such a URL.
        from avp_py.fetch.child import registry

        # The registry's digests are checked. The one of the index may be of something else.
        archive = registry.pull(url, job.max_bytes, client, job.credential if is_passed else {})
        check_chart(archive, job.max_bytes, chart.name, entry.version)
        return archive
    target = Target.read(url)
    if is_passed and grant and not target.is_below(grant.below):
        client.trusted.add(target.origin)
        is_safe = target.scheme == "https" or grant.below.scheme == "http"
        grant = Grant(grant.header, target) if is_safe else None
    answer = client.get(target, job.max_bytes, headers=_GZIP, grant=grant, expected=(404, 410))
    if answer.status in {404, 410}:
        raise FetchError(
            f"the archive of {quoted(chart.name)} {entry.version} is not at {answer.target}, "
            f"where the index of the repository says (HTTP status {answer.status})",
            hint="check the repository, or choose another version",
        )
    if entry.digest:
        check_digest(answer.body, entry.digest, f"the archive from {answer.target}")
    check_chart(answer.body, job.max_bytes, chart.name, entry.version)
    return answer.body

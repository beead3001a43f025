"""A chart from an OCI registry.

Source: the OCI distribution specification v1.1, and pkg/registry of Helm 4.2.4. Other than helm, we
check that the archive is the chart whose name and version were asked for.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from avp_py.errors import FetchError, quoted
from avp_py.fetch.child.archive import check_chart, check_digest
from avp_py.fetch.child.challenge import authorize
from avp_py.fetch.child.http import Answer, Client, Grant
from avp_py.fetch.child.index import no_version
from avp_py.fetch.child.target import Target
from avp_py.fetch.job import DATA, Job, Outcome
from avp_py.remotes import RemoteChart, shown

CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
LAYERS: Final = (
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",  # until Helm 3.7
)
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)

_MAX_JSON: Final = 4 << 20
"""How large a manifest, or a page of tags, may be: for manifests, what oras-go and most registries
accept."""

_MAX_PAGES: Final = 200
"""How many pages of tags are read; a registry sends 100 to 1000 tags on each."""


def fetch_chart(job: Job, chart: RemoteChart, folder: Path, client: Client) -> Outcome:
    """Fetch a chart into `data`.

    Args:
        job: the job.
        chart: what it is about.
        folder: its directory.
        client: sends requests.

    Raises:
        AvpError: the chart cannot be fetched.
    """
    url = f"{chart.repository.rstrip('/')}/{chart.name}"
    repository = _Repository(url, client, client.credential)
    version, may_move = _choose(chart, repository)
    if may_move or version not in job.known:
        data = repository.pull(version, job.max_bytes)
        found = check_chart(data, job.max_bytes, chart.name.rpartition("/")[2], version)
        version = found if may_move else version
        (folder / DATA).write_bytes(data)
    return Outcome(version=version)


def pull(url: str, limit: int, client: Client, credential: Mapping[str, Any]) -> bytes:
    """Return the archive that a URL names, as the index of a repository can have it.

    Args:
        url: the URL, with a tag: `oci://…:1.2.3`.
        limit: how many bytes it may have.
        client: sends requests.
        credential: the credential for the registry; empty without one.

    Raises:
        FetchError: it cannot be fetched, or the policy denies it.
    """
    repository, _, tag = url.rpartition(":")
    client.check(repository)
    return _Repository(repository, client, credential).pull(tag, limit)


def _choose(chart: RemoteChart, repository: "_Repository") -> tuple[str, bool]:
    """Return the tag to pull, and whether it may be another chart the next time."""
    # Late: it takes a while to load.
    from avp_py.golang.semver import is_exact, is_version, newest_tag

    if is_version(chart.version):
        # Whoever publishes 1.2.4 may move the tag 1.2.
        return chart.version, not is_exact(chart.version)
    tags = repository.list_tags()
    version = newest_tag(tags, chart.version)
    if version is None:
        newest_last = [each.replace("_", "+") for each in tags]
        raise no_version(chart.name, chart.version, newest_last[::-1])
    return version, False


class _Repository:
    """A repository of a registry.

    Args:
        url: its URL (`oci://…`).
        client: sends requests.
        credential: the credential for it; empty without one.

    Raises:
        FetchError: the URL is not one.
    """

    def __init__(self, url: str, client: Client, credential: Mapping[str, Any]) -> None:
        parts = urlsplit(url)
        # As oras-go: what is called docker.io is somewhere else.
        netloc = "registry-1.docker.io" if parts.netloc == "docker.io" else parts.netloc
        self._name = parts.path.removeprefix("/")
        is_odd = bool({"", ".", ".."} & set(self._name.split("/")))
        if is_odd or parts.query or parts.fragment:
            raise FetchError(
                f"{shown(url)!r} is not a valid URL of a chart", hint="write oci://HOST/PATH/CHART"
            )
        scheme = "http" if credential.get("plain_http") else "https"
        self._base = Target.read(f"{scheme}://{netloc}/v2/{quote(self._name)}/")
        self._client = client
        self._credential = credential
        self._grant: Grant | None = None
        if credential:
            client.trusted.add(self._base.origin)

    def list_tags(self) -> Sequence[str]:
        """Return all tags, in the order of the registry."""
        tags: list[str] = []
        target = self._base.joined("tags/list")
        for _ in range(_MAX_PAGES):
            answer = self._get(target, _MAX_JSON, {"Accept": "application/json"}, decode=True)
            if answer.status == 404:
                raise self._not_found("chart")
            found = _read_json(answer).get("tags") or []
            if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
                raise _unreadable(answer)
            tags += found
            following = _next_page(answer.headers.get("Link", ""))
            if not following:
                return tags
            target = answer.target.joined(following)
            if not target.is_below(self._base):
                raise _unreadable(answer)
        raise FetchError(
            f"{self._shown} has more than {_MAX_PAGES} pages of tags",
            hint="name an exact version instead of a range",
        )

    def pull(self, version: str, limit: int) -> bytes:
        """Return the archive of a version.

        Args:
            version: the version, with `+`.
            limit: how many bytes it may have.
        """
        manifest = self._get_manifest(version.replace("+", "_"), version)
        if manifest.get("mediaType") in INDEXES or "manifests" in manifest:
            manifest = self._get_manifest(self._find_manifest(manifest), version)
        config, layers = manifest.get("config"), manifest.get("layers")
        if not isinstance(config, dict) or config.get("mediaType") != CONFIG:
            raise self._no_chart("it has no configuration of helm")
        for layer in layers if isinstance(layers, list) else ():
            if isinstance(layer, dict) and layer.get("mediaType") in LAYERS:
                return self._get_blob(str(layer.get("digest")), limit)
        raise self._no_chart("it has no layer with a chart")

    def _get_manifest(self, reference: str, version: str) -> Mapping[str, Any]:
        accept = ", ".join((*MANIFESTS, *INDEXES))
        target = self._base.joined(f"manifests/{quote(reference, safe=':')}")
        answer = self._get(target, _MAX_JSON, {"Accept": accept})
        if answer.status == 404:
            raise self._not_found(f"version {quoted(version)}")
        digest = reference if ":" in reference else answer.headers.get("Docker-Content-Digest", "")
        if digest:
            check_digest(answer.body, _sha256_of(digest), f"the manifest at {answer.target}")
        return _read_json(answer)

    def _find_manifest(self, index: Mapping[str, Any]) -> str:
        """Return the digest of the first manifest in an index that is one of a chart."""
        manifests = index.get("manifests")
        for each in manifests if isinstance(manifests, list) else ():
            if isinstance(each, dict) and each.get("artifactType", CONFIG) == CONFIG:
                return str(each.get("digest"))
        raise self._no_chart("its index has no manifest of a chart")

    def _get_blob(self, digest: str, limit: int) -> bytes:
        expected = _sha256_of(digest)
        answer = self._get(self._base.joined(f"blobs/{digest}"), limit, {})
        if answer.status == 404:
            raise self._no_chart("the registry does not have its archive")
        check_digest(answer.body, expected, f"the archive at {answer.target}")
        return answer.body

    def _get(
        self, target: Target, limit: int, headers: Mapping[str, str], *, decode: bool = False
    ) -> Answer:
        """Return the answer to a request, which is sent again with what the registry asks for."""
        for is_last in (self._grant is not None, True):
            answer = self._client.get(
                target,
                limit,
                headers=headers,
                grant=self._grant,
                decode=decode,
                expected=(401, 404),
            )
            if answer.status != 401 or is_last:
                break
            # A challenge of another server, after a redirect, gets no credentials.
            if not answer.target.is_below(self._base):
                break
            scope = f"repository:{self._name}:pull"
            header = authorize(answer, self._client, self._credential, scope)
            if not header:
                break
            self._grant = Grant(header, self._base)
        if answer.status == 401:
            raise self._client.refusal(answer)
        return answer

    @property
    def _shown(self) -> str:
        return shown(f"oci://{self._base.netloc}/{self._name}")

    def _not_found(self, what: str) -> FetchError:
        return FetchError(
            f"the registry has no {what} at {self._shown}",
            hint="check the URL of the registry, the name of the chart, and the version",
        )

    def _no_chart(self, why: str) -> FetchError:
        return FetchError(
            f"what is at {self._shown} is not a chart: {why}",
            hint="check that `helm push` has put it there",
        )


def _read_json(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unreadable(answer)
    return found


def _unreadable(answer: Answer) -> FetchError:
    return FetchError(
        f"what answers at {answer.target} is not an OCI registry",
        hint="check the URL; that of a repository with an index.yaml begins with https://",
    )


def _sha256_of(digest: str) -> str:
    """Return the hexadecimal digits of a digest."""
    algorithm, _, found = digest.partition(":")
    if algorithm != "sha256" or len(found) != 64 or found.strip("0123456789abcdef"):
        raise FetchError(
            "the registry names a digest that is not a SHA-256", hint="push the chart again"
        )
    return found


def _next_page(link: str) -> str:
    """Return the URL of the next page in a header Link (RFC 8288), or an empty text."""
    for each in link.split(","):
        url, _, parameters = each.partition(";")
        if parameters.replace('"', "").replace(" ", "").lower() == "rel=next":
            return url.strip().removeprefix("<").removesuffix(">")
    return ""

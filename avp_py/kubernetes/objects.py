"""Reads objects of the Kubernetes API that hold data: Secrets and ConfigMaps."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from avp_py.errors import ClusterError
from avp_py.kubernetes.access import Access, in_cluster
from avp_py.kubernetes.kubeconfig import read_kubeconfig
from avp_py.kubernetes.request import Answer, get, not_the_api
from avp_py.settings.names import LABEL, SUBDOMAIN

TIME_LIMIT_SECONDS: Final = 10.0
"""How long reading may take, all attempts together. Normally it takes milliseconds; Argo CD waits
60 seconds for the whole run, and Vault must be read in that time, too."""

GRACE_SECONDS: Final = 0.5
"""How much later a read is abandoned that does not end at its own time limit."""

PAGE: Final = 100
"""How many objects a list is requested with at a time; client-go's pager takes 500. As many
Secrets for repositories are far below MAX_ANSWER_BYTES."""

MAX_OBJECTS: Final = 10_000
"""How many objects a list may have."""

SECRET: Final = "Secret"  # noqa: S105  # the kind
CONFIG_MAP: Final = "ConfigMap"

_PLURALS: Final = {SECRET: "secrets", CONFIG_MAP: "configmaps"}

_ACCOUNT = re.compile(rf'User "system:serviceaccount:(?P<namespace>{LABEL}):(?P<name>{SUBDOMAIN})"')

_Found = TypeVar("_Found")


class UnavailableError(ClusterError):
    """The API answers that there is no such object, or that we may not read it.

    Attributes:
        is_missing: whether there is none.
    """

    is_missing = False


@dataclass(frozen=True)
class DataObject:
    """A Secret or a ConfigMap.

    Attributes:
        namespace: its namespace.
        name: its name.
        labels: its labels.
        data: its values, by key.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    data: Mapping[str, bytes] = field(repr=False)


class Api:
    """A Kubernetes API, for a number of seconds.

    Attributes:
        access: the way to it, and our credentials.
    """

    def __init__(self, access: Access, seconds: float) -> None:
        """Begin to count.

        Args:
            access: the way to the API, and the credentials.
            seconds: how long all reads may take together.
        """
        self.access = access
        self._end = time.monotonic() + seconds

    def read(self, kind: str, namespace: str, name: str) -> DataObject:
        """Read an object.

        Args:
            kind: SECRET or CONFIG_MAP.
            namespace: its namespace.
            name: its name.

        Raises:
            UnavailableError: there is none, or we may not read it.
            ClusterError: there is no usable answer.
            SettingsError: the credentials for the API cannot be used.
        """
        what = _Wanted(kind, namespace, name)
        return self._object({"metadata": {"name": name}, **self._get(what, "")}, kind, namespace)

    def list(self, kind: str, namespace: str, selector: str) -> Iterator[DataObject]:
        """Yield the objects of a namespace with certain labels.

        Args:
            kind: SECRET or CONFIG_MAP.
            namespace: the namespace.
            selector: a label selector.

        Raises:
            UnavailableError: we may not list them.
            ClusterError: there is no usable answer.
            SettingsError: the credentials for the API cannot be used.
        """
        what = _Wanted(kind, namespace)
        query = f"?labelSelector={quote(selector, safe='')}&limit={PAGE}"
        found, more = 0, ""
        while True:
            body = self._get(what, query + (f"&continue={quote(more, safe='')}" if more else ""))
            items, metadata = body.get("items") or [], body.get("metadata")
            if not isinstance(items, list) or not isinstance(metadata, dict):
                raise not_the_api(self.access, 200)
            more = str(metadata.get("continue") or "")
            found += len(items)
            if found > MAX_OBJECTS:
                raise ClusterError(
                    f"the namespace {namespace} has more than {MAX_OBJECTS} of the {what.plural}",
                    hint="name those that are needed",
                )
            for item in items:
                yield self._object(item, kind, namespace)
            if not more:
                return

    def _get(self, what: "_Wanted", query: str) -> Mapping[str, Any]:
        seconds = max(self._end - time.monotonic(), 0)
        answer = get(self.access, f"{what.path}{query}", seconds)
        body = _body(answer)
        if answer.status != 200:
            raise _translate_status(self.access, answer, body, what)
        if body.get("kind") != what.answer:
            raise not_the_api(self.access, answer.status)
        return body

    def _object(self, body: Mapping[str, Any], kind: str, namespace: str) -> DataObject:
        try:
            metadata = body["metadata"]
            values = (body.get("data") or {}).items()
            data = {
                str(key): base64.b64decode(value, validate=True)
                if kind == SECRET
                else value.encode()
                for key, value in values
            }
            labels = {key: str(each) for key, each in (metadata.get("labels") or {}).items()}
            return DataObject(namespace, str(metadata["name"]), labels, data)
        except (AttributeError, TypeError, ValueError, KeyError):
            raise not_the_api(self.access, 200) from None


def open_api(environ: Mapping[str, str], seconds: float, service_account: Path) -> Api:
    """Return the API in KUBECONFIG, or without it that of this pod's cluster.

    Args:
        environ: the environment of the process.
        seconds: how long all reads may take together.
        service_account: the folder with the service account of this pod.

    Raises:
        SettingsError: KUBECONFIG cannot be used.
        DocumentError: KUBECONFIG is malformed.
        ClusterError: there is no API.
    """
    end = time.monotonic() + seconds
    kubeconfig = environ.get("KUBECONFIG", "")
    access = read_kubeconfig(kubeconfig) if kubeconfig else in_cluster(environ, service_account)
    return Api(access, end - time.monotonic())


def in_time(read: Callable[[float], _Found], what: str, seconds: float) -> _Found:
    """Return what a function reads within a time limit.

    Looking up a name and reading a pipe have no time limit of their own.

    Args:
        read: the function; it gets the number of seconds.
        what: what it reads, for messages.
        seconds: how long it may take, from the first file to the last byte; at most
            TIME_LIMIT_SECONDS.

    Raises:
        ClusterError: it took longer.
        AvpError: what the function raises.
    """
    limit = max(min(seconds, TIME_LIMIT_SECONDS), 0)
    found: Future[_Found] = Future()

    def run() -> None:
        try:
            found.set_result(read(limit))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.result(limit + GRACE_SECONDS)
    except TimeoutError:
        raise ClusterError(
            f"{what} could not be read within {round(limit, 1):g} s",
            hint="check the network, the Kubernetes API, and the files that KUBECONFIG names",
            is_down=True,
        ) from None


@dataclass(frozen=True)
class _Wanted:
    """What is read: an object, or without a name those of a namespace."""

    kind: str
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        if self.name:
            return f"the {self.kind} {self.name} in the namespace {self.namespace}"
        return f"the {self.kind}s in the namespace {self.namespace}"

    @property
    def plural(self) -> str:
        return _PLURALS[self.kind]

    @property
    def path(self) -> str:
        name = f"/{self.name}" if self.name else ""
        return f"/api/v1/namespaces/{self.namespace}/{self.plural}{name}"

    @property
    def answer(self) -> str:
        return self.kind if self.name else f"{self.kind}List"

    @property
    def rule(self) -> str:
        """The rule of a Role that allows it."""
        names = f'resourceNames ["{self.name}"], ' if self.name else ""
        verb = "get" if self.name else "list"
        return f'apiGroups [""], resources ["{self.plural}"], {names}verbs ["{verb}"]'


def _body(answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object in an answer; an empty one if there is none."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _translate_status(
    access: Access, answer: Answer, body: Mapping[str, Any], what: _Wanted
) -> ClusterError:
    """Return the error for a status; of the answer's own text, only the account's name is used."""
    if answer.status == 429 or answer.status >= 500:
        return ClusterError(
            f"the Kubernetes API at {access.server} failed (HTTP status {answer.status})",
            hint="try again; check the health of the API server",
            is_down=True,
        )
    if body.get("kind") != "Status":
        return not_the_api(access, answer.status)
    match answer.status:
        case 401:
            return ClusterError(
                f"the Kubernetes API at {access.server} rejected our credentials (401)",
                hint=f"renew the credentials in {access.source}: they may have expired, or be for "
                "another cluster",
            )
        case 403:
            account = _ACCOUNT.search(str(body.get("message")))
            who = (
                f"the service account {account['namespace']}/{account['name']}" if account else "we"
            )
            return UnavailableError(
                f"{who} may not {'read' if what.name else 'list'} {what}",
                hint=f"allow it with a Role and a RoleBinding in the namespace {what.namespace}: "
                f"{what.rule}",
            )
        case 404 if what.name:
            missing = UnavailableError(
                f"there is no {what.kind} {what.name} in the namespace {what.namespace}",
                hint="create it, or name another one as [namespace:]name",
            )
            missing.is_missing = True
            return missing
        case 410:
            return ClusterError(f"{what} changed while they were listed", hint="try again")
    return ClusterError(
        f"the Kubernetes API at {access.server} rejected the request (HTTP status {answer.status})",
        hint="check the log of the API server",
    )

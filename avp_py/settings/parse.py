"""From the text of a setting to its value. What a parser cannot read is a MalformedError."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from avp_py.errors import AvpError
from avp_py.values import Guarded


class MalformedError(AvpError):
    """A text is not what a setting needs. It prints as what was expected, without the text.

    Attributes:
        expected: what the text is not, as "a boolean".
        form: what to write instead.
        given: the text, where messages may show it; None where it could hold a credential.
    """

    def __init__(self, expected: str, form: str, given: str | None = None) -> None:
        super().__init__(expected, hint=form)
        self.expected = expected
        self.form = form
        self.given = given


class Sensitive(Guarded):
    """A credential: it prints as `***`, and only `reveal` hands it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Sensitive, self._text))

    def reveal(self) -> str:
        """Return the credential itself, for the one call that sends it."""
        return self._text


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
# Few runs need any of these: `re` compiles each where it is first used, and keeps it.
_DURATION = r"([0-9]*\.?[0-9]*)(ns|us|µs|μs|ms|s|m|h)"
_UNIT_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
}  # fmt: skip
_DAY = 86400
_MAX_FILE_NAME = 255
"""How many bytes one name in a path may have (NAME_MAX on Linux and macOS)."""
_JWT = r"(?a)eyJ[\w-]*\.[\w-]+\.[\w-]*"
_RELEASE_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,51}[a-z0-9])?"
_CHART_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,249}(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*"
_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_ANNOTATION_KEY = r"(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?"


def text(raw: str) -> str:
    """Return the text, without white space at its ends."""
    return raw.strip()


def verbatim(raw: str) -> str:
    """Return the text as it is."""
    return raw


def file_path(raw: str) -> str:
    """Return the path of a file; messages show it, so what may be the file's text is refused.

    A line break at its end, as a Secret often has, is no part of it.
    """
    raw = raw.rstrip("\r\n")
    parts = raw.encode(errors="surrogateescape").split(b"/")
    if "\n" in raw or max(map(len, parts)) > _MAX_FILE_NAME or re.fullmatch(_JWT, raw.strip()):
        raise MalformedError(
            "the path of a file; it looks like the text of one",
            "put the text into a file, and set this to the path of the file",
        )
    return raw


def passed_on(raw: str) -> tuple[str, ...]:
    """Names of variables that a child process may see."""
    names = words(raw)
    if any(
        name.upper().removeprefix("ARGOCD_ENV_").startswith(("AVP_", "VAULT_")) for name in names
    ):
        raise MalformedError(
            "a list without our own settings (AVP_*, VAULT_*)",
            "remove them: kustomize and helm see none of them",
        )
    return names


def absolute(raw: str) -> str:
    """Return an absolute path: any other begins in the working directory, a tenant's."""
    if not raw.startswith("/"):
        raise MalformedError("an absolute path", "write it from the root, as /etc/avp/policy.yaml")
    return raw


def sensitive(raw: str) -> Sensitive:
    """Return a credential, without the line break that a file or Secret often ends with."""
    return Sensitive(raw.rstrip("\r\n"))


def token(raw: str) -> Sensitive:
    """Return a token, in characters that an HTTP header can carry."""
    stripped = raw.strip()
    if not re.fullmatch(r"[!-~]+", stripped):
        raise MalformedError(
            "a token in printable ASCII without spaces",
            "copy it again, without quotes and line breaks",
        )
    return Sensitive(stripped)


def boolean(raw: str) -> bool:
    """Return a boolean in the forms of Go's strconv.ParseBool."""
    if raw.strip() in _TRUE:
        return True
    if raw.strip() in _FALSE:
        return False
    raise MalformedError("a boolean", "true or false", raw)


def fail_or_ignore(raw: str) -> bool:
    """Return whether something is a failure."""
    if raw.strip() in ("fail", "ignore"):
        return raw.strip() == "fail"
    raise MalformedError("a valid choice", "fail or ignore", raw)


SandboxMode: TypeAlias = Literal["auto", "required", "off"]
"""How much of a sandbox child processes must have."""


WarningMode: TypeAlias = Literal["show", "error", "ignore"]
"""What becomes of what is probably not meant."""


DuplicateMode: TypeAlias = Literal["warn", "error"]
"""What a key is that is repeated in a mapping, with another value."""


LogFormat: TypeAlias = Literal["text", "json"]
"""How messages are written on standard error."""


def _one_of(choices: Any) -> Callable[[str], Any]:
    """Return a parser that accepts the words of a Literal type, and no other."""
    known: tuple[str, ...] = get_args(choices)

    def parse(raw: str) -> str:
        if raw.strip() not in known:
            raise MalformedError("a valid choice", f"{', '.join(known[:-1])} or {known[-1]}", raw)
        return raw.strip()

    return parse


sandbox_mode: Callable[[str], SandboxMode] = _one_of(SandboxMode)
warning_mode: Callable[[str], WarningMode] = _one_of(WarningMode)
duplicate_mode: Callable[[str], DuplicateMode] = _one_of(DuplicateMode)
log_format: Callable[[str], LogFormat] = _one_of(LogFormat)


def ports(raw: str) -> tuple[int, ...]:
    """Return TCP ports, separated by commas or white space."""
    found = words(raw)
    if not all(re.fullmatch("[0-9]{1,5}", each) and 0 < int(each) < 2**16 for each in found):
        raise MalformedError(
            "a list of TCP ports", "numbers from 1 to 65535, such as 443,80,22", raw
        )
    return tuple(map(int, found))


def hosts(raw: str) -> tuple[str, ...]:
    """Return a list of hosts, each with a port or without, in small letters."""
    found = words(raw.lower())
    for each in found:
        if not re.fullmatch(_HOST, each):
            raise MalformedError(
                "a list of hosts", "write host or host:port, as repo.local:8080 or [::1]:8080", each
            )
    return found


def words(raw: str) -> tuple[str, ...]:
    """Return names that are separated by commas or white space."""
    return tuple(re.findall(r"[^,\s]+", raw))


def positive(raw: str) -> int:
    """Return a whole number from 1 to 1000."""
    return _whole(raw, 1, 1000)


_UNITS = {"": 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def size(raw: str) -> int:
    """Return a number of bytes: a whole number, or with a unit as `100Mi`, up to 1 TiB."""
    match = re.fullmatch("([0-9]{1,12})(Ki|Mi|Gi|)", raw.strip())
    number = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < number <= 1024**4:
        raise MalformedError(
            "a valid size",
            "a number of bytes such as 1048576 or 100Mi, above 0 and up to 1024Gi",
            raw,
        )
    return number


def amount(raw: str) -> int:
    """Return a whole number from 1 to 10 000 000."""
    stripped = raw.strip()
    if not re.fullmatch("[0-9]{1,8}", stripped) or not 1 <= int(stripped) <= 10_000_000:
        raise MalformedError("a valid number", "a whole number from 1 to 10000000", raw)
    return int(stripped)


def retries(raw: str) -> int:
    """Return a whole number of 32 bits, as Vault's own client accepts."""
    return _whole(raw, 0, 2**32 - 1)


def _whole(raw: str, least: int, most: int) -> int:
    stripped = raw.strip()
    if not re.fullmatch("[0-9]{1,10}", stripped) or not least <= int(stripped) <= most:
        raise MalformedError("a valid number", f"a whole number from {least} to {most}", raw)
    return int(stripped)


def seconds(raw: str) -> float:
    """Return a length of time in seconds: a number, or Go's form as `1m30s`."""
    value = _duration(raw.strip())
    if value is None or not 0 < value <= _DAY:
        raise MalformedError(
            "a valid duration", "seconds such as 30, or 1m30s; above 0 and up to a day", raw
        )
    return value


def age(raw: str) -> float:
    """Return a length of time as `seconds` reads it; 0 is one, too."""
    value = _duration(raw.strip())
    if value is None or not 0 <= value <= _DAY:
        raise MalformedError("a valid duration", "seconds such as 30, or 1m30s; up to a day", raw)
    return value


def listen_address(raw: str) -> str:
    """Return a host and a port to listen on, as `HOST:PORT`."""
    host, _, port = raw.strip().rpartition(":")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise MalformedError("a valid address", "HOST:PORT, such as 0.0.0.0:9478", raw)
    return raw.strip()


def time_limit(raw: str) -> float:
    """Return a length of time as `seconds` reads it; what is not above 0 is no limit.

    No limit, and one beyond a day, is a day here.
    """
    value = _duration(raw.strip())
    if value is None:
        raise MalformedError("a valid duration", "seconds such as 20, or 1m30s; 0 is no limit", raw)
    return min(value, _DAY) if value > 0 else _DAY


def _duration(text: str) -> float | None:
    """Seconds, as Vault's own client reads them (go-secure-stdlib, parseutil.go, v0.1.8).

    That is a number of seconds, days as `2d`, or what Go's time.ParseDuration accepts. A number may
    have a fraction here.
    """
    sign, rest = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", rest):
        value = float(rest)
    elif re.fullmatch(r"[0-9]{1,9}d", rest):
        value = float(rest[:-1]) * _DAY
    else:
        parts = re.findall(_DURATION, rest)
        numbers = [number for number, _ in parts]
        is_whole = "".join(number + unit for number, unit in parts) == rest
        if not parts or not is_whole or not all(number.strip(".") for number in numbers):
            return None
        value = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return -value if sign == "-" else value


def address(raw: str) -> str:
    """Return an http or https URL, without a slash at its end, or the URL of a socket."""
    stripped = raw.strip().rstrip("/")
    scheme, colon, rest = stripped.partition(":")
    stripped = scheme.lower() + colon + rest
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?|unix:///\S+", stripped):
        raise MalformedError(
            "a valid URL", "set it to https://HOST:PORT or unix:///PATH, without a user or password"
        )
    return stripped


def proxy(raw: str) -> Sensitive:
    """Return the URL of a proxy, which may contain a user and password."""
    stripped = raw.strip()
    if not re.fullmatch(r"https?://\S+", stripped):
        raise MalformedError("the URL of a proxy", "set it to http://HOST:PORT")
    return Sensitive(stripped)


def pem(raw: str) -> str:
    """Return the text of a PEM file with certificates."""
    if "-----BEGIN " not in raw or not raw.isascii():
        raise MalformedError(
            "the text of a PEM file", "ASCII with a line -----BEGIN CERTIFICATE-----"
        )
    return raw


@dataclass(frozen=True)
class RateLimit:
    """How often something may be done.

    Attributes:
        per_second: how often in a second.
        burst: how often at once, after a pause.
    """

    per_second: float
    burst: int


def rate_limit(raw: str) -> RateLimit:
    """Return a rate, with a burst after a colon; by default the rate (Vault's api/client.go)."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(?::([0-9]{1,6}))?", raw.strip())
    if match is None or not (rate := float(match[1])):
        raise MalformedError(
            "a valid rate", "requests per second above 0, such as 100, or 100:20 with a burst", raw
        )
    return RateLimit(rate, max(int(match[2] or rate), 1))


def release_name(raw: str) -> str:
    """Return the name of a release of Helm."""
    if not re.fullmatch(_RELEASE_NAME, raw.strip()):
        raise MalformedError(
            "a valid release name",
            "up to 53 lower-case letters, digits, '-' and '.'; '-' and '.' neither first nor last",
        )
    return raw.strip()


def chart_name(raw: str) -> str:
    """Return the name of a chart, which may have the path to it before it in a registry."""
    if not re.fullmatch(_CHART_NAME, raw) or ".." in raw.split("/"):
        raise MalformedError(
            "the name of a chart", "write it as its repository lists it, as nginx", raw
        )
    return raw


def annotation_key(raw: str) -> str:
    """Return the key of an annotation, as Kubernetes' docs give its syntax."""
    if not re.fullmatch(_ANNOTATION_KEY, raw.strip()):
        raise MalformedError("a valid annotation key", "such as github.com/url")
    return raw.strip()


def one_line(raw: str) -> str:
    """Text on one line without control characters."""
    if not raw.strip().isprintable():
        raise MalformedError("text on one line", "remove its line breaks and control characters")
    return raw.strip()

"""From the text of a setting to its value. Each parser raises ValueError with the form it wants."""

import re


class Sensitive:
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
        """The credential itself, for the one call that sends it."""
        return self._text


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_DAY = 86400
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE_TAG = re.compile(f"{_DIGEST}|{_TAG}(?:@{_DIGEST})?", re.ASCII)
_IMAGE_NAME = re.compile(r"[A-Za-z0-9*][\w./:*-]*(?:=[A-Za-z0-9*][\w./:*-]*)?", re.ASCII)
_ANNOTATION_KEY = re.compile(
    r"(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?"
)


def text(raw: str) -> str:
    """The text, without white space at its ends."""
    return raw.strip()


def verbatim(raw: str) -> str:
    """The text as it is."""
    return raw


def sensitive(raw: str) -> Sensitive:
    """A credential, without the line break that a file or Secret often ends with."""
    return Sensitive(raw.rstrip("\r\n"))


def token(raw: str) -> Sensitive:
    """A token, in characters that an HTTP header can carry."""
    stripped = raw.strip()
    if not re.fullmatch(r"[!-~]+", stripped):
        raise ValueError("a token in printable ASCII without spaces")
    return Sensitive(stripped)


def boolean(raw: str) -> bool:
    """A boolean in the forms of Go's strconv.ParseBool."""
    if raw.strip() in _TRUE:
        return True
    if raw.strip() in _FALSE:
        return False
    raise ValueError("true or false")


def words(raw: str) -> tuple[str, ...]:
    """Names set apart by commas or white space."""
    return tuple(re.findall(r"[^,\s]+", raw))


def positive(raw: str) -> int:
    """A whole number from 1 to 1000."""
    return _whole(raw, 1, 1000)


def count(raw: str) -> int:
    """A whole number from 0 to 1000."""
    return _whole(raw, 0, 1000)


def _whole(raw: str, least: int, most: int) -> int:
    stripped = raw.strip()
    if not re.fullmatch("[0-9]{1,4}", stripped) or not least <= int(stripped) <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return int(stripped)


def seconds(raw: str) -> float:
    """A length of time in seconds: a number, or Go's form as `1m30s`."""
    stripped = raw.strip()
    form = "a time above 0 and up to a day, in seconds or as 1m30s"
    if re.fullmatch(r"\d+(\.\d+)?", stripped, re.ASCII):
        value = float(stripped)
    else:
        match = _DURATION.fullmatch(stripped)
        if not stripped or match is None:
            raise ValueError(form)
        hours, minutes, secs, millis = (float(part or 0) for part in match.groups())
        value = hours * 3600 + minutes * 60 + secs + millis / 1000
    if not 0 < value <= _DAY:
        raise ValueError(form)
    return value


def address(raw: str) -> str:
    """An http or https URL, without a slash at its end."""
    stripped = raw.strip().rstrip("/")
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", stripped):
        raise ValueError("a URL as https://vault.example:8200, without a user or password")
    return stripped


def choice(*allowed: str) -> "_Choice":
    """A parser that takes one of the given words."""
    return _Choice(allowed)


class _Choice:
    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    def __call__(self, raw: str) -> str:
        if raw.strip() not in self._allowed:
            raise ValueError(f"one of {', '.join(self._allowed)}")
        return raw.strip()


def image_name(raw: str) -> str:
    """The name of an image, or `name=newname`, as `kustomize edit set image` takes it."""
    if not _IMAGE_NAME.fullmatch(raw.strip()):
        raise ValueError("an image's name without tag, as ghcr.io/team/web, or old=new")
    return raw.strip()


def image_tag(raw: str) -> str:
    """A tag, a digest `sha256:…`, or `tag@sha256:…` (the grammar of the distribution project)."""
    if not _IMAGE_TAG.fullmatch(raw.strip()):
        raise ValueError(
            "a tag of letters, digits, '_', '.', '-', or a digest sha256:<64 hex digits>"
        )
    return raw.strip()


def annotation_key(raw: str) -> str:
    """The key of an annotation, as Kubernetes' docs give its syntax."""
    if not _ANNOTATION_KEY.fullmatch(raw.strip()):
        raise ValueError("the key of an annotation, as github.com/url")
    return raw.strip()


def pattern(raw: str) -> re.Pattern[str]:
    """A regular expression."""
    try:
        return re.compile(raw)
    except re.error as error:
        raise ValueError(f"a regular expression: {error.msg}") from None


def one_line(raw: str) -> str:
    """Text on one line without control characters."""
    if not raw.strip().isprintable():
        raise ValueError("text on one line")
    return raw.strip()

"""Images in settings: the parsers of IMAGE_NAME, IMAGE_TAG, IMAGES and IMAGES_<NAME>.

The grammar of names, tags and digests is that of the distribution project's reference/regexp.go, as
far as kustomize can write it into a kustomization.
"""

import re
from typing import NamedTuple

from avp_py.settings.parse import MalformedError

# `re` compiles an expression where it is first used, and keeps it; few runs set an image.
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE_TAG = f"(?a){_DIGEST}|{_TAG}(?:@{_DIGEST})?"
_IMAGE_NAME = r"(?a)[A-Za-z0-9*][\w./:*-]*(?:=[A-Za-z0-9*][\w./:*-]*)?"
_REPOSITORY = r"(?:[A-Za-z0-9][\w.-]*(?::\d+)?/)?[A-Za-z0-9][\w.-]*(?:/\w[\w.-]*)*"
_IMAGE = (
    rf"(?a)(?:(?P<old>{_REPOSITORY})=(?=.))?(?P<name>{_REPOSITORY}|\*)"
    rf"(?P<tag>:(?:{_TAG}|\*))?(?P<digest>@(?:{_DIGEST}|\*))?"
)


class Image(NamedTuple):
    """An image to set.

    Attributes:
        name: its name as it is in manifests, without tag.
        argument: the whole, as `kustomize edit set image` expects it.
    """

    name: str
    argument: str


def image_name(raw: str) -> str:
    """Return the name of an image, or `name=newname`, as `kustomize edit set image` expects it.

    With a tag in it, IMAGE_TAG would be a second one: kustomize 5.8.1 makes `web:1.0:2.0` of both.
    """
    if not re.fullmatch(_IMAGE_NAME, raw.strip()):
        raise MalformedError(
            "the name of an image", "without a tag, such as ghcr.io/team/web, or old=new"
        )
    # The port of a registry is before a slash.
    if any(":" in side.rpartition("/")[2] for side in raw.split("=")):
        raise MalformedError(
            "the name of an image without a tag",
            "move the tag to IMAGE_TAG, or set IMAGES to name:tag in place of both",
        )
    return raw.strip()


def image_tag(raw: str) -> str:
    """Return a tag, a digest `sha256:…`, or `tag@sha256:…` (the distribution project's grammar)."""
    if not re.fullmatch(_IMAGE_TAG, raw.strip()):
        raise MalformedError(
            "a valid tag",
            "letters, digits, '_', '.', '-', or a digest sha256:<64 hex digits>",
        )
    return raw.strip()


def image(raw: str) -> Image:
    """Return an image with what to set, in the form of Argo CD's own `kustomize.images`.

    `name:tag`, `name@digest`, `name:tag@digest`, or `name=newname` with any of these ends. A `*`
    for a new name, tag or digest keeps what the kustomization says, as in kustomize.
    """
    match = re.fullmatch(_IMAGE, raw.strip())
    if not match or not (
        match["old"] or (match["name"] != "*" and (match["tag"] or match["digest"]))
    ):
        raise MalformedError(
            "a valid image",
            "such as name:tag, name@sha256:<64 hex digits> or name=newname:tag",
        )
    return Image(match["old"] or match["name"], match[0])


def split_image(raw: str) -> tuple[str, str] | None:
    """Return an image of a manifest as its name, and what follows it with `:` or `@`; or None."""
    match = re.fullmatch(_IMAGE, raw)
    if not match or match["old"] or match["name"] == "*":
        return None
    return match["name"], raw[match.end("name") :]

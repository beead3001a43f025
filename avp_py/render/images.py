"""The images that the Application sets, from its settings to arguments of kustomize."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from avp_py.errors import Failure, SettingsError
from avp_py.settings import Image, RenderSettings

MAX_SHOWN: Final = 20
"""How many images a warning lists."""

_OLD_KUSTOMIZE: Final = (
    "kustomize before 5.4 ignores a tag with a digest: write name=name:tag@digest"
)

_USED: Final = re.compile(rb"^[ -]*image: [\"']?([^\s\"']+)", re.MULTILINE)


def image_arguments(settings: RenderSettings) -> Sequence[str]:
    """Return the arguments of `kustomize edit set image`.

    IMAGE_NAME with IMAGE_TAG is the first, then those of IMAGES, then those of IMAGES_<NAME>.

    Raises:
        SettingsError: one of the pair is missing, or one image is set twice and differently.
    """
    chosen: dict[str, tuple[str, str]] = {}
    for origin, image in _images(settings):
        before, argument = chosen.setdefault(image.name, (origin, image.argument))
        if argument != image.argument:
            where = before if before == origin else f"{before} and {origin}"
            raise SettingsError(
                f"{where} set the image {image.name} twice, and differently",
                hint="set it in one place only",
            )
    return [argument for _, argument in chosen.values()]


def unused_images(settings: RenderSettings, manifests: bytes) -> Iterator[Failure]:
    """Yield a warning for each image that is set and that no object uses.

    Args:
        settings: which images are set.
        manifests: what kustomize printed; it writes each image on a line of its own.
    """
    for origin, image in _images(settings):
        _, _, renamed = image.argument.partition("=")
        wanted = (renamed or image.argument).removesuffix(":*").removesuffix("@*")
        if "*" in wanted or wanted.encode() in manifests:
            continue
        is_both = ":" in wanted.rpartition("/")[2].partition("@")[0] and "@" in wanted
        advice = f"; {_OLD_KUSTOMIZE}" if is_both and not renamed else ""
        there = sorted({match.decode(errors="replace") for match in _USED.findall(manifests)})
        shown = ", ".join(there[:MAX_SHOWN]) + (", …" if len(there) > MAX_SHOWN else "")
        yield Failure(
            f"no object uses the image {image.name}, which {origin} sets",
            hint=(f"the images there are: {shown}" if there else "no object has an image") + advice,
        )


def _images(settings: RenderSettings) -> Iterator[tuple[str, Image]]:
    if settings.image_name and settings.image_tag:
        separator = "@" if settings.image_tag.startswith("sha256:") else ":"
        name = settings.image_name.partition("=")[0]
        argument = f"{settings.image_name}{separator}{settings.image_tag}"
        yield "IMAGE_NAME with IMAGE_TAG", Image(name, argument)
    elif settings.image_name or settings.image_tag:
        given, missing = "IMAGE_NAME", "IMAGE_TAG"
        if settings.image_tag:
            given, missing = missing, given
        raise SettingsError(
            f"{given} is set and {missing} is not",
            hint=f"set {missing} too (ARGOCD_ENV_{missing}, or the parameter), or neither",
        )
    for image in settings.images:
        yield "IMAGES", image
    yield from settings.named_images.items()

"""The one form of a path: what is checked is what is requested."""

from avp_py.errors import PathError


def normalise(path: str) -> str:
    """A path without empty, `.` and `..` segments, and without slashes at its ends.

    argocd-vault-plugin leaves this to Vault's client, which cleans a path just before the request
    (Go's path.Join), so `a/../b` is in use; here it happens before anything looks at the path.
    Percent signs are not decoded: the path names what it says.

    Raises:
        PathError: the path is empty, climbs above its beginning, or holds a control character
            or a backslash.
    """
    if any(ord(char) < 0x20 or ord(char) == 0x7F or char == "\\" for char in path):
        raise PathError(
            "the path holds a control character or a backslash",
            hint="separate the parts of a path with /, on one line",
        )
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not segments:
                raise PathError(
                    "the path climbs above its beginning", hint="write it from the mount on"
                )
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    if not segments:
        raise PathError("the path is empty", hint="write it from the mount on, as kv/data/team/app")
    return "/".join(segments)

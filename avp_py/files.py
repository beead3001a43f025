"""Read the text files that the operator or the user at the terminal names."""

from pathlib import Path

from avp_py.errors import DocumentError, SettingsError


def read_text(path: Path, what: str, hint: str) -> str:
    """Return the text of a file, without a byte order mark.

    Args:
        path: the file.
        what: what to call it in errors, as `the policy`.
        hint: what to do if it cannot be read.

    Raises:
        SettingsError: it cannot be read.
        DocumentError: it is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{what} {path} cannot be read: {error.strerror}", hint=hint) from error
    except UnicodeDecodeError:
        # The cause would hold the file's bytes, which may be secrets.
        raise DocumentError(f"{what} {path} is not UTF-8", hint="save it as UTF-8") from None

"""Paths with names of an identity in them: Jinja2 templates, sandboxed and strict."""

import functools
from collections.abc import Callable
from typing import Any

from avp_py.errors import AvpError, PathError, SettingsError
from avp_py.settings import Identity

NAMES = ("project", "namespace", "app")
"""The names that a template can use."""

SAMPLE = Identity(**dict.fromkeys(NAMES, "a"))
"""An identity to fill a template with, to see whether it can be filled."""


class FaultyTemplateError(AvpError):
    """A text is not a template, or fails for every identity; the message says why."""


class UnfilledTemplateError(AvpError):
    """A template needs a name that has no value, or an invalid one; the message says why."""


class PathTemplate:
    """A template on `project`, `namespace` and `app`.

    Attributes:
        literals: the text of the template, without what it inserts.
    """

    def __init__(self, text: str, insert: Callable[[str], str] = str) -> None:
        """Read a template.

        Args:
            text: the template.
            insert: converts the result of an expression to the text that is inserted; raises
                UnfilledTemplateError where it may not be inserted.

        Raises:
            FaultyTemplateError: it is not a template.
        """
        # Loading Jinja2 costs 30 ms, and few documents need it.
        from jinja2 import StrictUndefined, TemplateError, Undefined, meta, nodes
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def finalize(value: Any) -> str:
            # An undefined name raises its own error where it is turned into text.
            return str(value) if isinstance(value, Undefined) else insert(str(value))

        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, finalize=finalize
        )
        try:
            tree = environment.parse(text)
            self._template = environment.from_string(text)
        except TemplateError as error:
            raise FaultyTemplateError(f"not a template: {error.message}") from None
        self.literals = "".join(each.data for each in tree.find_all(nodes.TemplateData))
        self.unknown = sorted(meta.find_undeclared_variables(tree) - set(NAMES))

    def render(self, identity: Identity) -> str:
        """Return the text for an identity.

        Raises:
            UnfilledTemplateError: a name that it uses has no value, or an invalid one.
            FaultyTemplateError: it fails otherwise.
        """
        from jinja2 import TemplateError, UndefinedError

        values = {name: getattr(identity, name) for name in NAMES}
        known = {name: value for name, value in values.items() if value is not None}
        try:
            return self._template.render(known)
        except UnfilledTemplateError:
            raise
        except UndefinedError as error:
            raise UnfilledTemplateError(error.message or "a name is undefined") from None
        except TemplateError as error:
            raise FaultyTemplateError(f"not a template: {error.message}") from None
        except Exception as error:
            # A template can raise any exception of Python.
            raise FaultyTemplateError(f"a template that fails ({type(error).__name__})") from None


def read_template(text: str, insert: Callable[[str], str]) -> tuple[PathTemplate | None, str]:
    """Return the text of a pattern as a template, if it is one, and the text that is literal.

    Args:
        text: the pattern.
        insert: as for PathTemplate.

    Raises:
        FaultyTemplateError: it is not a template, or has a name that is not one of NAMES.
    """
    if "{" not in text:
        return None, text
    template = PathTemplate(text, insert)
    if template.unknown:
        raise FaultyTemplateError(
            f"a template with the unknown name {template.unknown[0]!r}; known: {', '.join(NAMES)}"
        )
    return template, template.literals


@functools.lru_cache(maxsize=16)
def _read(text: str) -> PathTemplate:
    """Return a template; it is compiled once for all documents that need it."""
    return PathTemplate(text)


def default_path(template: str, identity: Identity) -> str:
    """Return the operator's path template, filled for an identity.

    Args:
        template: a Jinja2 template; a name that has no value is an error.
        identity: the Application.

    Raises:
        SettingsError: the template is malformed.
        PathError: a name has no value, or one that is not a single path segment.
    """
    for name in NAMES:
        value = getattr(identity, name)
        if value is not None and ("/" in value or value in (".", "..")):
            raise PathError(f"the {name} cannot be a part of a path, as it holds a / or is dots")
    try:
        return _read(template).render(identity)
    except UnfilledTemplateError as error:
        raise PathError(
            f"the path annotation is empty, and the path template needs more: {error}",
            hint="write the path into the annotation, or set ARGOCD_APP_NAMESPACE and "
            "ARGOCD_APP_NAME as Argo CD does",
        ) from error
    except FaultyTemplateError as error:
        raise SettingsError(
            f"AVP_PATH_TEMPLATE is {error}",
            hint="the default is kv/data/{{ namespace }}/{{ app }}",
        ) from error

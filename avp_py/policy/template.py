"""The path that an empty annotation means."""

from avp_py.errors import PathError, SettingsError
from avp_py.settings import Identity


def default_path(template: str, identity: Identity) -> str:
    """Renders the operator's path template for the one who asks.

    Args:
        template: a Jinja2 template on `project`, `namespace` and `app`; it is sandboxed, and a
            name that has no value is an error.
        identity: who asks.

    Raises:
        SettingsError: the template is malformed.
        PathError: a name that it uses has no value, or one that is no single path segment.
    """
    # Jinja2 takes 30 ms to load, and few documents need it.
    from jinja2 import StrictUndefined, TemplateError, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    names = {
        "project": identity.project,
        "namespace": identity.namespace,
        "app": identity.app,
    }
    known = {name: value for name, value in names.items() if value is not None}
    for name, value in known.items():
        if "/" in value or value in (".", ".."):
            raise PathError(f"the {name} cannot be a part of a path, as it holds a / or is dots")
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        return environment.from_string(template).render(known)
    except UndefinedError as error:
        raise PathError(
            f"the path annotation is empty, and the path template needs more: {error.message}",
            hint="write the path into the annotation, or set ARGOCD_APP_NAMESPACE and "
            "ARGOCD_APP_NAME as Argo CD does",
        ) from None
    except TemplateError as error:
        raise SettingsError(
            f"AVP_PATH_TEMPLATE is not a template: {error.message}",
            hint="the default is kv/data/{{ namespace }}/{{ app }}",
        ) from None
    except Exception as error:
        # A template can raise whatever Python can.
        raise SettingsError(
            f"AVP_PATH_TEMPLATE fails with a {type(error).__name__}",
            hint="the default is kv/data/{{ namespace }}/{{ app }}",
        ) from None

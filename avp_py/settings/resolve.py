"""From the sources to the settings: precedence, and who may set what. Every command resolves here.

Precedence is argocd-vault-plugin's (pkg/config/config.go, v1.18.1) as far as a tenant may speak:

    a name with AVP_        ARGOCD_ENV_X, environment, settings file or Secret, default
    a name of a backend     ARGOCD_ENV_X, settings file or Secret, environment, default

A parameter of the Application (ARGOCD_APP_PARAMETERS) wins over its ARGOCD_ENV_X. An empty variable
counts as unset, as Argo CD writes an unknown `$NAME` in `plugin.env` as empty; an empty parameter
too, as Argo CD's UI leaves them behind. A settings file replaces the Secret.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from avp_py.errors import Failure, Failures, SettingsError, did_you_mean, quoted
from avp_py.settings import groups, parse
from avp_py.settings.declaration import (
    ARGOCD_NAMES,
    BACKEND_PREFIXES,
    OUR_PREFIXES,
    TENANT_PREFIX,
    Kind,
    Owner,
    Setting,
    Trust,
    declared,
    is_for_fetching,
)
from avp_py.settings.fetch import FetchSettings
from avp_py.settings.groups import TABLE, TENANT_SETTINGS, Settings
from avp_py.settings.parameters import PARAMETERS, Value, read_parameters
from avp_py.settings.program import Program
from avp_py.settings.render import RENDER_ENVIRONMENT, RenderSettings
from avp_py.settings.trust import judge_secret
from avp_py.settings.unknown import misspelt_by_tenant, tenants_name, unknown_names
from avp_py.settings.vault import VaultSettings

G = TypeVar("G")


@dataclass(frozen=True)
class Sources:
    """What settings are resolved from, apart from the Secret, which is read only when needed.

    Attributes:
        environ: the environment of the process; of an Application's variables too.
        config: what the settings file of `-c` holds, by name in capitals; None without a file.
        secret_name: the Secret that `-s` names, as `[namespace:]name`.
        program: the name that the program was called by.
        disable_token_cache: whether AVP_TOKEN_CACHE does not count.
    """

    environ: Mapping[str, str] = field(repr=False)
    config: Mapping[str, str] | None = field(default=None, repr=False)
    secret_name: str | None = None
    program: Program = Program.AVP_PY
    disable_token_cache: bool = False


@dataclass(frozen=True)
class Resolution:
    """The settings without the Secret, and what is needed to add it.

    Attributes:
        settings: the settings without the Secret.
        sources: where they come from; of the environment, what counts for this program.
        secret_name: the Secret with further settings; None where none is to be read.
        operators_secrets: the Secrets that the operator names, as they are written.
    """

    settings: Settings
    sources: Sources
    secret_name: str | None
    operators_secrets: tuple[str, ...]

    @property
    def is_for_hydrator(self) -> bool:
        """Whether the request is from Argo CD's source hydrator, which commits the output to git.

        It leaves empty what every other request for manifests has: the namespace, and the versions
        of the cluster (controller/hydrator_dependencies.go and GetRepoObjs in controller/state.go,
        v3.2.1 to v3.6.1).
        """
        environ = self.sources.environ
        empty = ("ARGOCD_APP_NAMESPACE", *ARGOCD_NAMES)
        return bool(environ.get("ARGOCD_APP_NAME")) and all(
            environ.get(name) == "" for name in empty
        )

    def with_secret(
        self, values: Mapping[str, str], name: str, trust: Collection[Trust] | None
    ) -> Settings:
        """Return the settings with those of the Secret.

        Args:
            values: what the Secret holds, by name in capitals.
            name: the Secret, as `namespace:name`.
            trust: what the policy trusts it with, where the Application named it; None where the
                operator did.

        Raises:
            GenerateError: it sets what it may not, or holds what is malformed.
        """
        settings, overridable = _read_all(self.sources, values, secret=True)
        overridable.raise_any()
        if trust is None:
            return settings
        return judge_secret(self.settings, settings, name, trust)


def resolve(sources: Sources) -> Resolution:
    """Return the settings of a run.

    Where a Secret may still be read, what it can override is not a failure yet, and counts as
    unset.

    Raises:
        GenerateError: every setting that is malformed, that a tenant may not set, or whose name is
            surely misspelt.
    """
    sources = dataclasses.replace(sources, environ=_known_to(sources.program, sources.environ))
    settings, overridable = _read_all(sources, sources.config or {})
    name = None
    if sources.config is None:
        # Without a name on the command line the Secret's name is a setting itself.
        is_avp_py = sources.program is Program.AVP_PY
        name = sources.secret_name or (settings.backend.secret_name if is_avp_py else None)
    if not name:
        overridable.raise_any()
    operators = (sources.secret_name, sources.environ.get("AVP_SECRET"))
    operators_secrets = tuple(each.strip() for each in operators if each)
    return Resolution(settings, sources, name or None, operators_secrets)


def read_limits(sources: Sources) -> groups.LimitSettings:
    """Return the limits of a run; a malformed one counts as unset.

    They hold before all settings are read and what is malformed is reported.
    """
    return _lenient(sources, groups.LimitSettings)


def read_log(sources: Sources) -> groups.LogSettings:
    """Return how messages are written; a malformed setting counts as unset, as in read_limits."""
    return _lenient(sources, groups.LogSettings)


def read_render(sources: Sources) -> RenderSettings:
    """Return how to render, as far as the operator says; as read_limits."""
    return _lenient(sources, RenderSettings)


def read_serve(sources: Sources) -> groups.ServeSettings:
    """Return how the resident core runs.

    Raises:
        GenerateError: a setting of it is malformed. Others are reported by each request.
    """
    failures = Failures()
    given = _Given(sources.environ, {}, Failures())
    settings = _read_group(groups.ServeSettings, given, failures, failures)
    failures.raise_any()
    return settings


def without_credentials(settings: groups.Settings) -> groups.Settings:
    """Return the settings as a process may have them that handles a tenant's input.

    How Vault is reached is not in them, nor what only the policy's gate needs.
    """
    policy = dataclasses.replace(settings.policy, path_validation=None)
    vault = _lenient(Sources({}), VaultSettings)
    return dataclasses.replace(settings, policy=policy, vault=vault, secret=None)


def environment_without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what may be a credential.

    That is what is for a backend or for fetching, and a proxy with a password. What else the
    operator lets kustomize and helm see stays (AVP_RENDER_ENV).

    Args:
        environ: the environment.
    """
    render = _lenient(Sources(environ), RenderSettings)
    return {
        name: value
        for name, value in environ.items()
        if not is_for_fetching(name)
        and (
            name in render.environment
            or not (is_backends_name(name) or _is_proxy_with_login(name, value))
        )
    }


def _is_proxy_with_login(name: str, value: str) -> bool:
    return name.lower() in ("http_proxy", "https_proxy", "all_proxy") and "@" in value


def config_without_credentials(config: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of a file that are none of a backend's; it may hold others for others."""
    return {name: value for name, value in config.items() if name in _OF_NO_BACKEND}


def is_backends_name(name: str) -> bool:
    """Return whether a variable is for a backend or its client, and so may be a credential.

    That counts for what is misspelt, and for backends that only argocd-vault-plugin has.
    """
    return name.startswith(BACKEND_PREFIXES) or (
        name.startswith("AVP_") and name not in _OF_NO_BACKEND
    )


_OF_NO_BACKEND: Final = frozenset(
    {setting.name for setting in TABLE}
    | {setting.name for _, setting in declared(groups.ServeSettings)}
) - {setting.name for _, setting in declared(VaultSettings)}


def tenant_settings(sources: Sources) -> Sequence[Setting]:
    """Return the settings that tenants may set, those that the operator delegates included."""
    permitted = _Given(sources.environ, sources.config or {}, Failures()).permitted
    return [setting for setting in TABLE if setting.name in permitted]


def set_by_tenant(sources: Sources) -> frozenset[str]:
    """Return the names of the settings that the Application sets, be they malformed or not."""
    given = _Given(sources.environ, {}, Failures())
    return frozenset(
        name
        for name in given.permitted
        if given.parameters.get(name) or sources.environ.get(TENANT_PREFIX + name)
    )


def _known_to(program: Program, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment as far as it counts: argocd-vault-plugin knows no images or values."""
    if program is Program.AVP_PY:
        return environ
    ours = [setting for _, setting in declared(RenderSettings) if setting.owner is Owner.TENANT]

    def is_ours(variable: str) -> bool:
        name = variable.removeprefix(TENANT_PREFIX)
        return variable == PARAMETERS or (
            name != variable and any(name == each.name or each.has_member(name) for each in ours)
        )

    return {name: value for name, value in environ.items() if not is_ours(name)}


class _Given:
    """What the sources say.

    Attributes:
        permitted: the names that a tenant may set.
        parameters: what the Application sets as parameters, by the name of the setting.
    """

    def __init__(
        self, environ: Mapping[str, str], config: Mapping[str, str], failures: Failures
    ) -> None:
        """Look at who may set what.

        Args:
            environ: the environment.
            config: what the settings file or the Secret holds.
            failures: collects what is wrong with the list of delegated settings, and with
                parameters.
        """
        self.environ = environ
        self._config = config
        self.permitted = _permitted(self.words_of(TENANT_SETTINGS), failures)
        self.parameters = read_parameters(environ.get(PARAMETERS, ""), self.permitted, failures)

    def words_of(self, name: str) -> tuple[str, ...]:
        """Return the operator's list of names in a setting."""
        return parse.words(self._operators(next(each for each in TABLE if each.name == name)))

    def find(self, setting: Setting) -> tuple[Value, str]:
        """Return what is set, or an empty text, and its source, for messages."""
        name = setting.name
        if name in self.permitted:
            if name in self.parameters:
                return self.parameters[name], f"the parameter {setting.parameter}"
            if raw := self.environ.get(TENANT_PREFIX + name):
                return raw, TENANT_PREFIX + name
        if setting.owner is Owner.ARGOCD:
            return self.environ.get(name, ""), name
        return (self._operators(setting) if setting.counts_without_prefix else ""), name

    def members(self, family: Setting) -> Mapping[str, str]:
        """Return what the variables of a family hold, by their names without prefix.

        One that the operator lets kustomize and helm see is meant for them.
        """
        ignored = self.words_of(RENDER_ENVIRONMENT)
        return {
            name: value
            for variable, value in sorted(self.environ.items())
            if (name := variable.removeprefix(TENANT_PREFIX)) != variable
            and family.has_member(name)
            and value
            and variable not in ignored
        }

    def _operators(self, setting: Setting) -> str:
        return _operators(setting, self.environ, self._config)


def _operators(setting: Setting, environ: Mapping[str, str], config: Mapping[str, str]) -> str:
    """Return what the operator says, in the environment and in the settings file or Secret."""
    here, there = environ.get(setting.name, ""), config.get(setting.name, "")
    return there or here if setting.is_backends else here or there


def _read_all(
    sources: Sources, config: Mapping[str, str], *, secret: bool = False
) -> tuple[Settings, Failures]:
    """Read all settings.

    Args:
        sources: where they come from.
        config: what the settings file holds; or the Secret, where `secret` says so.
        secret: whether it is the Secret, which an Application may have chosen.

    Returns:
        The settings, and what is malformed of those that a Secret can still override; these are
        None.

    Raises:
        GenerateError: anything else is malformed, or not permitted.
    """
    failures, overridable = Failures(), Failures()
    place = "the Secret with the settings" if secret else "the settings file"
    unknown = (*unknown_names(sources.environ, "the environment"), *unknown_names(config, place))
    is_lenient = sources.program.is_lenient
    failures.add(*(each for each, is_sure in unknown if is_sure and not is_lenient))
    warnings = tuple(each for each, is_sure in unknown if is_lenient or not is_sure)
    if secret:
        config = _permitted_in_secret(sources.environ, config, failures)
    given = _Given(sources.environ, config, failures)
    if not is_lenient:
        failures.add(*misspelt_by_tenant(sources.environ, given.words_of(RENDER_ENVIRONMENT)))
    failures.add(*_trespasses(given))

    def read(group: type[G]) -> G:
        return _read_group(group, given, failures, overridable)

    settings = Settings(
        identity=read(groups.Identity),
        render=read(RenderSettings),
        fetch=read(FetchSettings),
        backend=read(groups.BackendSettings),
        vault=read(VaultSettings),
        policy=read(groups.PolicySettings),
        limits=read(groups.LimitSettings),
        log=read(groups.LogSettings),
        serve=read(groups.ServeSettings),
        warnings=warnings,
    )
    if failures:
        failures.add(*overridable)
    failures.raise_any()
    if sources.disable_token_cache:
        vault = dataclasses.replace(settings.vault, token_cache=None)
        settings = dataclasses.replace(settings, vault=vault)
    return settings, overridable


def _read_group(group: type[G], given: _Given, failures: Failures, overridable: Failures) -> G:
    """Read a group of settings; a malformed one is a failure, and None.

    Args:
        group: the group's class.
        given: what the sources say.
        failures: collects what is malformed.
        overridable: collects what is malformed of the settings of the backend's client.
    """
    values: dict[str, Any] = {}
    for name, setting in declared(group):
        values[name] = None
        if setting.is_family:
            values[name] = _read_family(setting, given, failures)
            continue
        with (overridable if setting.is_backends else failures).catch():
            values[name] = _read(setting, *given.find(setting))
    return group(**values)


def _read_family(family: Setting, given: _Given, failures: Failures) -> Mapping[str, Any]:
    """Return the values of a family of variables; a malformed one is a failure, and left out."""
    values = {}
    for name, raw in given.members(family).items():
        with failures.catch():
            values[name] = _parse_item(family, raw, TENANT_PREFIX + name)
    return values


def _lenient(sources: Sources, group: type[G]) -> G:
    """Read a group of settings from the operator's sources; a malformed one counts as unset."""
    values: dict[str, Any] = {}
    for name, setting in declared(group):
        try:
            raw = _operators(setting, sources.environ, sources.config or {})
            values[name] = _read(setting, raw, setting.name)
        except SettingsError:
            values[name] = _read(setting, "", setting.name)
    return group(**values)


def _permitted_in_secret(
    environ: Mapping[str, str], values: Mapping[str, str], failures: Failures
) -> Mapping[str, str]:
    """Return the settings that a Secret may provide.

    Anything else is a failure, so that nobody relies on a guard that is not in force.
    """
    barred = {
        setting.name
        for setting in TABLE
        if setting.owner is Owner.OPERATOR_ALONE and not setting.in_secret
    }
    failures.add(
        *(
            Failure(
                f"{name} cannot be set in a Secret, and the Secret with the settings holds it",
                hint="set it in the environment of the sidecar, or in the file of -c",
            )
            for name in sorted(barred)
            if values.get(name) and not environ.get(name)
        )
    )
    return {name: value for name, value in values.items() if name not in barred}


def _permitted(listed: Collection[str], failures: Failures) -> frozenset[str]:
    """Return the names that a tenant may set: its own, and those that the operator delegates."""
    known = {setting.name for setting in TABLE if setting.owner in (Owner.OPERATOR, Owner.TENANT)}
    for name in sorted(set(listed) - known):
        failures.add(
            Failure(
                f"{TENANT_SETTINGS} names {name}, which is not a setting that can be delegated",
                hint="remove it: only the operator may set it"
                if name in {setting.name for setting in TABLE}
                else did_you_mean(name, known) or "remove it",
            )
        )
    return frozenset(known.intersection(listed)) | {
        setting.name for setting in TABLE if setting.owner is Owner.TENANT
    }


def _trespasses(given: _Given) -> Sequence[Failure]:
    """Return a failure for each name that a tenant set without being allowed to."""
    places = dict.fromkeys(given.parameters, "parameters")
    for variable in given.environ:
        if variable.startswith(TENANT_PREFIX):
            places[variable.removeprefix(TENANT_PREFIX)] = "env"
    return [
        Failure(
            f"the Application sets {name}, which is the operator's to set",
            hint=_advice_on_trespass(name, places[name]),
        )
        for name in sorted(places)
        # Nothing reads a name in another case; who writes one thinks that something does.
        if name.upper().startswith(OUR_PREFIXES) and name not in given.permitted
    ]


def _advice_on_trespass(name: str, place: str) -> str:
    if meant := tenants_name(name):
        return f"did you mean {meant}?"
    advice = f"remove it from plugin.{place} of the Application"
    if any(each.name == name and each.owner is Owner.OPERATOR for each in TABLE):
        advice += f"; an operator can permit it with {TENANT_SETTINGS}={name}"
    return advice


def _read(setting: Setting, value: Value, source: str) -> Any:
    """Return the value of a setting, or its default if nothing is set."""
    if not value:
        if setting.default is None:
            return None
        value = setting.default
    return _parse(setting, _items(setting, value, source), source)


def _items(setting: Setting, value: Value, source: str) -> Value:
    """Return what a variable holds in the form that a parameter has."""
    if not isinstance(value, str) or setting.kind is Kind.STRING:
        return value
    if setting.kind is Kind.ARRAY:
        return parse.words(value)
    lines = [line.strip().partition("=") for line in value.splitlines() if line.strip()]
    if not all(equals for _, equals, _ in lines):
        raise SettingsError(
            f"{source} is not a list of name=value", hint="write one name=value a line"
        )
    return {name: value for name, _, value in lines}


def _parse(setting: Setting, value: Value, source: str) -> Any:
    if isinstance(value, str):
        return _parse_item(setting, value, source)
    if isinstance(value, Mapping):
        return {
            name: _parse_item(setting, item, f"{source}, value {number},")
            for number, (name, item) in enumerate(value.items(), 1)
        }
    return tuple(
        _parse_item(setting, item, f"{source}, item {number},")
        for number, item in enumerate(value, 1)
    )


def _parse_item(setting: Setting, raw: str, source: str) -> Any:
    try:
        return setting.parse(raw)
    except parse.MalformedError as error:
        given = "" if error.given is None else f": {quoted(error.given)}"
        raise SettingsError(f"{source} is not {error.expected}{given}", hint=error.form) from error

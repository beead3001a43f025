"""Errors: one root for all of them, and one collector of failures."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import avp_py
from avp_py.errors import AvpError, Failure, Failures, GenerateError, SettingsError

EXEMPT = {
    # Nothing but the command line may catch it, so it is not an Exception.
    "avp_py.cli.limits.TimeLimitReached",
}
"""Exceptions that are not below AvpError and known to more than one module."""


def exceptions() -> Iterator[type[BaseException]]:
    for module in pkgutil.walk_packages(avp_py.__path__, "avp_py."):
        if not module.name.endswith("__main__"):
            found = importlib.import_module(module.name)
            yield from (
                each
                for each in vars(found).values()
                if isinstance(each, type)
                and issubclass(each, BaseException)
                and each.__module__ == module.name
            )


def test_every_exception_is_below_the_root_or_private() -> None:
    root = Path(avp_py.__file__).parent
    texts = {path: path.read_text() for path in root.rglob("*.py")}
    names = set()
    for each in exceptions():
        names.add(each.__name__)
        if issubclass(each, AvpError) or f"{each.__module__}.{each.__qualname__}" in EXEMPT:
            continue
        using = [path for path, text in texts.items() if each.__name__ in text]
        assert each.__name__.startswith("_"), each
        assert len(using) == 1, each
        assert re.search(rf"except \(?{each.__name__}\b", texts[using[0]]), each
    assert {"AvpError", "MalformedError", "YamlTextError", "TimeLimitReached"} <= names


def test_a_collector_locates_what_it_gets() -> None:
    failures = Failures()
    document = failures.at(document="Secret a", file="a.yaml")
    document.at(field="data.a").add(Failure("x"), Failure("y", field="data.b", line=3))
    failures.add(Failure("z"))
    assert list(failures) == [
        Failure("x", document="Secret a", file="a.yaml", field="data.a"),
        Failure("y", document="Secret a", file="a.yaml", field="data.b", line=3),
        Failure("z"),
    ]


def test_a_collector_catches_errors_of_ours_and_no_others() -> None:
    def fail(error: Exception) -> None:
        raise error

    failures = Failures()
    with failures.at(document="Secret a").catch():
        fail(SettingsError("x", hint="y"))
    assert list(failures) == [Failure("x", hint="y", document="Secret a")]
    with failures.catch(), pytest.raises(GenerateError):
        failures.raise_any()
    with pytest.raises(KeyError), failures.catch():
        fail(KeyError())
    assert len(failures) == 1


def test_nothing_is_raised_where_nothing_was_collected() -> None:
    Failures().raise_any()

"""Command lines, folders, settings and their precedence, with the result of both programs.

Cases run as processes. `{files}` in a command line or a variable is replaced by the folder of the
case's files.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.compat.case import Case, Link
from tests.compat.fixed_documents import USER, Fixed, annotated, plain

WITHOUT_VAULT: Final[dict[str, Any]] = {
    "VAULT_ADDR": None, "VAULT_TOKEN": None, "AVP_TYPE": None, "AVP_AUTH_TYPE": None,
}  # fmt: skip

_OLD: Final = plain("x: <path:old/other#user>")
"""Can be read only if the KV version is 1 (avp-py: if it is not 2)."""

_CONFIG: Final = ("generate", "-", "-c", "{files}/config.yaml")


def _folder(
    name: str, files: Mapping[str, str | bytes | Link], *, argv: tuple[str, ...] = ()
) -> Case:
    return Case(name, argv=argv or ("generate", "{files}"), files=files)


def _config(
    name: str, text: str, stdin: str, *, file: str = "config.yaml", **env: str | None
) -> Case:
    argv = ("generate", "-", "-c", f"{{files}}/{file}")
    return Case(name, stdin.encode(), argv=argv, files={file: text}, env=env)


def _env(name: str, stdin: str, **env: str | None) -> Case:
    return Case(name, stdin.encode(), env=env)


def _argv(name: str, *argv: str, stdin: str = "kind: A\nx: 1\n") -> Case:
    files = {
        "a.yaml": "kind: A\nx: file\n",
        ".yaml": "kind: A\nx: hidden\n",
        "notes.txt": "kind: A\n",
    }
    return Case(name, stdin.encode(), argv=argv, files=files)


_VALIDATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    '"alice"': (
        "^(?i)KV", r"^\Qkv/\E", r"^\p{L}+/", "^[[:^digit:]]+/", "(?U)^kv/.*", "^(?<a>kv)/",
        r"^kv\x{2f}", "[a-z&&b]", r"^kv\b/data/\141", "^[[kv]{2}/|^kv/", r"^\pL{1,1000}/",
        "^[{9999999999}kv]+/", "(?P<a>k)(?P<a>v)",
    ),
    "error": (
        "^kv/data/.{,3}$", r"^\p{Lu}", r"^\Qk.\E", "(?!old)", "(?=kv)", "(?#x)kv", "k++", "k*+",
        r"^kv/.*\Z", r"\u006bv", r"\C", "^kv/.{1001}", "k{9999999999}?", "(?P<ü>kv)",
        "(?P<a>k)(?P=a)", r"(k)\1", "^(kv{0,1000}){1,2}",
    ),
}  # fmt: skip
"""Expressions of AVP_PATH_VALIDATION, by the result for the path kv/data/app."""

_ONE: Final = plain("x: 1")

COMMANDS: Final = tuple(
    Fixed(line, case, expected)
    for line, case, expected in (
        # The command line.
        (6, _argv("standard input", "generate", "-"), "1"),
        (6, _folder("a folder", {"a.yaml": "kind: A\nx: file\n"}), '"file"'),
        (6, _argv("a file", "generate", "{files}/a.yaml"), '"file"'),
        (6, _argv("a file with another ending", "generate", "{files}/notes.txt"), "error"),
        (6, _argv("a file whose name is an ending", "generate", "{files}/.yaml"), '"hidden"'),
        (6, _argv("an empty path", "generate", ""), "error"),
        (6, _argv("a folder that is not there", "generate", "{files}/nowhere"), "error"),
        (6, _argv("no path", "generate"), "error"),
        (6, _argv("an unknown option", "generate", "-", "--unknown"), "error"),
        (6, _argv("an unknown command", "render", "-"), "error"),
        (6, _argv("two dashes", "generate", "--", "-"), "1"),
        (6, _argv("options after the path", "generate", "-", "--verbose-sensitive-output"), "1"),
        (6, _argv("options before the path", "generate", "--verbose-sensitive-output", "-"), "1"),
        (6, _argv("an option with its value", "generate", "--config-path={files}/none.yaml", "-"),
         "error"),
        (6, _argv("a short option with its value", "generate", "-c{files}/none.yaml", "-"),
         "error"),
        (6, _argv("an option without its value", "generate", "-", "-c"), "error"),
        (6, _argv("a Secret, and no cluster", "generate", "-", "-s", "argocd:settings",
                  stdin=plain(f"x: {USER}")), "error"),
        (6, _argv("an empty option -c", "generate", "-", "-c", "", stdin=plain(f"x: {USER}")),
         '"alice"'),
        (6, _argv("an empty option --config-path", "--config-path=", "generate", "-",
                  stdin=plain(f"x: {USER}")), '"alice"'),
        (6, _argv("an empty -c after another", "generate", "-", "-c", "{files}/none.yaml", "-c",
                  "", stdin=plain(f"x: {USER}")), '"alice"'),
        (6, _argv("an empty option -s", "generate", "-", "-s", "", stdin=plain(f"x: {USER}")),
         '"alice"'),
        (6, _argv("an empty option --secret-name", "generate", "-", "--secret-name=",
                  stdin=plain(f"x: {USER}")), '"alice"'),
        (6, _argv("an unknown option of the program", "--unknown"), "error"),
        (6, _argv("--version is no option", "--version"), "error"),
        (6, _argv("an unknown option of version", "version", "--unknown"), "error"),
        # Settings files.
        (6, _config("YAML", 'AVP_KV_VERSION: "1"\n', _OLD), '"frank"'),
        (6, _config("YAML, names in any case", "avp_kv_version: '1'\n", _OLD), '"frank"'),
        (6, _config("YAML, a number", "AVP_KV_VERSION: 1\n", _OLD), '"frank"'),
        (6, _config("YAML, other names", "other: {a: [1]}\nAVP_KV_VERSION: 1\n", _OLD), '"frank"'),
        (6, _config("YAML that is none", "a: [\n", _ONE), "error"),
        (6, _config("YAML that is a list", "- a\n", _ONE), "error"),
        (6, _config("JSON", '{"AVP_KV_VERSION": "1"}', _OLD, file="c.json"), '"frank"'),
        (6, _config("JSON, with escapes", '{"avp_kv_version": 1, "x": "\\ud83e\\udd89\\/"}', _OLD,
                    file="c.json"), '"frank"'),
        (6, _config("JSON, other names", '{"other": {"a": [1]}, "AVP_KV_VERSION": 1}', _OLD,
                    file="c.json"), '"frank"'),
        (6, _config("JSON that is YAML", "AVP_KV_VERSION: 1\n", _OLD, file="c.json"), "error"),
        (6, _config("an empty file of JSON", "", _OLD, file="c.json"), "error"),
        (6, _config("an empty file of YAML", "", plain(f"x: {USER}"), file="c.yml"), '"alice"'),
        (6, _config("YAML, null is no value", "AVP_KV_VERSION:\nVAULT_NAMESPACE: ~\n",
                    plain(f"x: {USER}")), '"alice"'),
        (6, _config("YAML, a boolean", "VAULT_SKIP_VERIFY: true\n", plain(f"x: {USER}")),
         '"alice"'),
        (6, _config("YAML, an anchor and a merge", "x: &a {AVP_KV_VERSION: '1'}\n<<: *a\n", _OLD),
         '"frank"'),
        (6, _config("YAML, the first document", "AVP_KV_VERSION: 1\n---\nAVP_KV_VERSION: 2\n",
                    _OLD), '"frank"'),
        (6, _config("YAML, a name twice", "AVP_KV_VERSION: 1\nAVP_KV_VERSION: 1\n", _OLD),
         "error"),
        (6, _config("an env file", "AVP_KV_VERSION=1\n", _OLD, file="c.env"), '"frank"'),
        (6, _config("an env file, with export and quotes",
                    "# settings\n\nexport AVP_KV_VERSION = '1' # one\n", _OLD, file=".env"),
         '"frank"'),
        (6, _config("an env file, double quotes", 'AVP_KV_VERSION="1"\n', _OLD, file="c.dotenv"),
         '"frank"'),
        (6, _config("an env file, with variables", "ONE=1\nAVP_KV_VERSION=${ONE}\n", _OLD,
                    file="c.env"), '"frank"'),
        (6, _config("an env file, a dollar that names nothing", "AVP_USERNAME=dollar\n"
                    "AVP_PASSWORD=p@ss$w0rd$\n", plain(f"x: {USER}"), file="c.env",
                    AVP_AUTH_TYPE="userpass", VAULT_TOKEN=None), '"alice"'),
        (6, _config("an env file, a dollar in quotes", 'AVP_USERNAME=dollar\n'
                    'AVP_PASSWORD="p@ss$w0rd$"\n', plain(f"x: {USER}"), file="c.env",
                    AVP_AUTH_TYPE="userpass", VAULT_TOKEN=None), '"alice"'),
        (6, _config("an env file, the environment before the lines above",
                    "AVP_MOUNT=2\nAVP_KV_VERSION=$AVP_MOUNT\n", _OLD, file="c.env", AVP_MOUNT="1"),
         '"frank"'),
        (6, _config("an env file, the lines above", "X=userpass\nAVP_AUTH_TYPE=$X\n"
                    "AVP_USERNAME={USERNAME}\nAVP_PASSWORD='{PASSWORD}'\n", plain(f"x: {USER}"),
                    file="c.env", AVP_AUTH_TYPE=None, VAULT_TOKEN=None), '"alice"'),
        (6, _config("an env file, export of a name alone", "AVP_KV_VERSION=1\n"
                    "export AVP_KV_VERSION\n", _ONE, file="c.env"), "error"),
        (6, _config("an env file, Windows line ends", "AVP_KV_VERSION=1\r\nX='a\r\nb'\r\n", _OLD,
                    file="c.env"), '"frank"'),
        (6, _config("YAML, a merge that says more", "x: &a {AVP_USERNAME: '{USERNAME}', "
                    "AVP_PASSWORD: wrong}\n<<: *a\nAVP_PASSWORD: '{PASSWORD}'\n",
                    plain(f"x: {USER}"), AVP_AUTH_TYPE="userpass", VAULT_TOKEN=None), '"alice"'),
        (6, _config("an env file that is none", "no setting\n", _ONE, file="c.env"), "error"),
        (6, _config("a file of another kind", "AVP_KV_VERSION=1\n", _OLD, file="c.txt"), "error"),
        (6, _config("a file without an ending", "AVP_KV_VERSION=1\n", _OLD, file="config"),
         "error"),
        # Folders.
        (7, _folder("files of three kinds", {
            "b.yml": "kind: B\nm: 2\n", "a.yaml": "kind: A\nm: 1\n---\nkind: A\nm: 1.5\n",
            "c/d.json": '{"kind": "C", "m": 3}', "c/.hidden.yaml": "kind: D\nm: 0",
            "notes.txt": "{",
        }), '[{"m": 1}, {"m": 1.5}, {"m": 2}, {"m": 0}, {"m": 3}]'),
        (7, _folder("no such file", {"notes.txt": "kind: A\n"}), "error"),
        (7, _folder("a document without kind", {"a.yaml": "kind: A\n", "b.yaml": "x: 1\n"}),
         "error"),
        (7, _folder("a file that is no YAML", {"a.yaml": "kind: A\n", "b.yaml": "x: [\n"}),
         "error"),
        (7, _folder("an empty file among others", {"a.yaml": "", "b.yaml": "kind: A\nx: 1\n"}),
         "1"),
        (7, _folder("a kustomization is a manifest", {
            "kustomization.yaml": "kind: Kustomization\nresources: [a.yaml]\n",
            "a.yaml": "kind: A\nx: 1\n",
        }), '[{"x": 1}, {"resources": ["a.yaml"]}]'),
        (7, _folder("a chart is no manifest", {"Chart.yaml": "name: a\nversion: 0.1.0\n"}),
         "error"),
        (7, _folder("names that are nothing but an ending", {
            ".yaml": "kind: A\nm: 1\n", ".json": '{"kind": "B", "m": 0}', ".yml": "kind: C\nm: 2\n",
            "yaml": "kind: D\n", "a.YAML": "kind: E\n", "z.yaml.bak": "kind: F\n",
        }), '[{"m": 0}, {"m": 1}, {"m": 2}]'),
        (7, _folder("a symlink that stays in the folder", {
            "a.yaml": Link("b/c.txt"), "b/c.txt": "kind: B\nx: 1\n",
        }), "1"),
        (7, _folder("a symlink that leads nowhere", {"a.yaml": Link("nowhere")}), "error"),
        (7, _folder("byte order marks", {"a.yaml": "\ufeffkind: A\nx: 1\n", "b.json":
                    '\ufeff{"kind": "B", "x": 2}'}), '[{"x": 1}, {"x": 2}]'),
        (7, _folder("JSON with escaped slashes", {"a.json": '{"kind": "A", "u": "http:\\/\\/x"}'}),
         '"http://x"'),
        (7, _folder("JSON first", {"a.json": '{"kind": "A", "u": "a\\/b"}', "b.yaml": "kind: B\n"}),
         '[{"u": "a/b"}, {}]'),
        (7, _folder("placeholders", {"a.yaml": plain(f"x: {USER}")}), '"alice"'),
        # Precedence.
        (8, _env("AVP_KV_VERSION in the environment", _OLD, AVP_KV_VERSION="1"), '"frank"'),
        (8, _config("AVP_KV_VERSION: the environment wins over the file", "AVP_KV_VERSION: 2\n",
                    _OLD, AVP_KV_VERSION="1"), '"frank"'),
        (8, _config("AVP_KV_VERSION: the file loses", "AVP_KV_VERSION: 1\n", _OLD,
                    AVP_KV_VERSION="2"), "error"),
        (8, _config("AVP_KV_VERSION: an empty variable is none", "AVP_KV_VERSION: 1\n", _OLD,
                    AVP_KV_VERSION=""), '"frank"'),
        (8, _config("AVP_KV_VERSION: the Application wins over both, where it may",
                    "AVP_KV_VERSION: 2\n", _OLD, AVP_KV_VERSION="2",
                    ARGOCD_ENV_AVP_KV_VERSION="1", AVP_TENANT_SETTINGS="AVP_KV_VERSION"),
         '"frank"'),
        (8, _config("VAULT_ADDR: the file wins over the environment",
                    "VAULT_ADDR: http://127.0.0.1:1\nVAULT_MAX_RETRIES: '0'\n",
                    plain(f"x: {USER}")), "error"),
        (8, _config("VAULT_ADDR: the environment loses", "VAULT_ADDR: {VAULT_ADDR}\n",
                    plain(f"x: {USER}"), VAULT_ADDR="http://127.0.0.1:1"), '"alice"'),
        (8, _config("VAULT_TOKEN: the file wins over the environment", "VAULT_TOKEN: wrong\n",
                    plain(f"x: {USER}")), "error"),
        (8, _config("VAULT_TOKEN: the environment loses", "VAULT_TOKEN: {VAULT_TOKEN}\n",
                    plain(f"x: {USER}"), VAULT_TOKEN="wrong"), '"alice"'),
        (8, _config("VAULT_TOKEN: the Application wins over both, where it may",
                    "VAULT_TOKEN: wrong\n", plain(f"x: {USER}"), VAULT_TOKEN="wrong",
                    ARGOCD_ENV_VAULT_TOKEN="{VAULT_TOKEN}", AVP_TENANT_SETTINGS="VAULT_TOKEN"),
         '"alice"'),
        (8, _config("everything in the file",
                    "AVP_TYPE: vault\nAVP_AUTH_TYPE: token\nVAULT_ADDR: {VAULT_ADDR}\n"
                    "VAULT_TOKEN: {VAULT_TOKEN}\n", plain(f"x: {USER}"), **WITHOUT_VAULT),
         '"alice"'),
        (8, _env("a name of the Application's that is no setting", plain(f"x: {USER}"),
                 ARGOCD_ENV_OTHER="x"), '"alice"'),
        # Names.
        (9, _env("approle", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}", AVP_SECRET_ID="{SECRET_ID}", VAULT_TOKEN=None),
         '"alice"'),
        (9, _env("approle at another mount", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}", AVP_SECRET_ID="{SECRET_ID}", VAULT_TOKEN=None,
                 AVP_MOUNT_PATH="auth/elsewhere"), "error"),
        (9, _env("approle at its mount", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}", AVP_SECRET_ID="{SECRET_ID}", VAULT_TOKEN=None,
                 AVP_MOUNT_PATH="auth/approle"), '"alice"'),
        (9, _env("approle, with line breaks", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}\n", AVP_SECRET_ID="{SECRET_ID}\n", VAULT_TOKEN=None),
         '"alice"'),
        (9, _env("approle, and what it may not read", plain("x: <path:kv/data/other#user>"),
                 AVP_AUTH_TYPE="approle", AVP_ROLE_ID="{ROLE_ID}", AVP_SECRET_ID="{SECRET_ID}",
                 VAULT_TOKEN=None), "error"),
        (9, _env("approle with a wrong secret id", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}", AVP_SECRET_ID="wrong", VAULT_TOKEN=None), "error"),
        (9, _env("approle without a secret id", plain(f"x: {USER}"), AVP_AUTH_TYPE="approle",
                 AVP_ROLE_ID="{ROLE_ID}", VAULT_TOKEN=None), "error"),
        (9, _env("userpass", plain(f"x: {USER}"), AVP_AUTH_TYPE="userpass",
                 AVP_USERNAME="{USERNAME}", AVP_PASSWORD="{PASSWORD}", VAULT_TOKEN=None),
         '"alice"'),
        (9, _env("userpass with a wrong password", plain(f"x: {USER}"), AVP_AUTH_TYPE="userpass",
                 AVP_USERNAME="{USERNAME}", AVP_PASSWORD="wrong", VAULT_TOKEN=None), "error"),
        (9, _env("userpass without a password", plain(f"x: {USER}"), AVP_AUTH_TYPE="userpass",
                 AVP_USERNAME="{USERNAME}", VAULT_TOKEN=None), "error"),
        (9, _env("k8s without a role", plain(f"x: {USER}"), AVP_AUTH_TYPE="k8s"), "error"),
        (9, _env("k8s without a token", plain(f"x: {USER}"), AVP_AUTH_TYPE="k8s",
                 AVP_K8S_ROLE="a", AVP_K8S_TOKEN_PATH="/nowhere"), "error"),
        (9, _env("github without a token", plain(f"x: {USER}"), AVP_AUTH_TYPE="github"), "error"),
        (9, _env("token without a token", plain(f"x: {USER}"), VAULT_TOKEN=None), "error"),
        (9, _env("token that is none", plain(f"x: {USER}"), VAULT_TOKEN="wrong"), "error"),
        (9, _env("no such auth type", plain(f"x: {USER}"), AVP_AUTH_TYPE="magic"), "error"),
        (9, _env("spaces around the auth type", plain(f"x: {USER}"), AVP_AUTH_TYPE=" token\n"),
         '"alice"'),
        (9, _env("no such KV version", plain(f"x: {USER}"), AVP_KV_VERSION="3"), "error"),
        (9, _env("no such KV version, and an annotation", annotated("x: <user>", kv_version="2"),
                 AVP_KV_VERSION="3"), '"alice"'),
        (9, _env("no such KV version, and nothing to read", _ONE, AVP_KV_VERSION="3"), "1"),
        (9, _env("an address with a slash at its end", plain(f"x: {USER}"),
                 VAULT_ADDR="{VAULT_ADDR}/"), '"alice"'),
        (9, _env("an address with a path", plain(f"x: {USER}"), VAULT_ADDR="{VAULT_ADDR}/no"),
         "error"),
        (9, _env("an address that is none", plain(f"x: {USER}"), VAULT_ADDR="127.0.0.1:8200"),
         "error"),
        (9, _env("a time limit", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="30s"), '"alice"'),
        (9, _env("a time limit in seconds", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="30"),
         '"alice"'),
        (9, _env("no time limit", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="0"), '"alice"'),
        (9, _env("no time limit, below 0", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="-1"),
         '"alice"'),
        (9, _env("a long time limit", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="48h"),
         '"alice"'),
        (9, _env("a time limit that is none", plain(f"x: {USER}"), VAULT_CLIENT_TIMEOUT="soon"),
         "error"),
        (9, _env("retries", plain(f"x: {USER}"), VAULT_MAX_RETRIES="0"), '"alice"'),
        (9, _env("retries that are none", plain(f"x: {USER}"), VAULT_MAX_RETRIES="few"), "error"),
        (9, _env("a boolean", plain(f"x: {USER}"), VAULT_SKIP_VERIFY="T"), '"alice"'),
        (9, _env("a boolean that is none", plain(f"x: {USER}"), VAULT_SKIP_VERIFY="maybe"),
         "error"),
        (9, _env("an agent", plain(f"x: {USER}"), VAULT_ADDR="http://127.0.0.1:1",
                 VAULT_AGENT_ADDR="{VAULT_ADDR}"), '"alice"'),
        (9, _env("a proxy for Vault", plain(f"x: {USER}"), VAULT_ADDR="http://127.0.0.1:1",
                 VAULT_PROXY_ADDR="{VAULT_ADDR}", VAULT_HTTP_PROXY="http://127.0.0.1:1"),
         '"alice"'),
        (9, _env("a proxy for Vault, by its older name", plain(f"x: {USER}"),
                 VAULT_ADDR="http://127.0.0.1:1", VAULT_HTTP_PROXY="{VAULT_ADDR}"), '"alice"'),
        (9, _env("a proxy that is not there", plain(f"x: {USER}"),
                 VAULT_PROXY_ADDR="http://127.0.0.1:1"), "error"),
        (9, _env("a rate", plain(f"x: {USER}"), VAULT_RATE_LIMIT="100"), '"alice"'),
        (9, _env("a rate and a burst", plain(f"x: {USER}"), VAULT_RATE_LIMIT="100.5:20"),
         '"alice"'),
        (9, _env("a rate that is none", plain(f"x: {USER}"), VAULT_RATE_LIMIT="fast"), "error"),
        (9, _env("no redirects", plain(f"x: {USER}"), VAULT_DISABLE_REDIRECTS="true"), '"alice"'),
        (9, _env("redirects, neither yes nor no", plain(f"x: {USER}"),
                 VAULT_DISABLE_REDIRECTS="maybe"), "error"),
        (9, _env("SRV records, and a port", plain(f"x: {USER}"), VAULT_SRV_LOOKUP="true"),
         '"alice"'),
        (9, _env("SRV records, neither yes nor no", plain(f"x: {USER}"),
                 VAULT_SRV_LOOKUP="maybe"), "error"),
        (9, _env("an address that is a socket where nobody listens", plain(f"x: {USER}"),
                 VAULT_ADDR="unix:///nowhere"), "error"),
        (9, _env("an authority that is not there", plain(f"x: {USER}"), VAULT_CACERT="/nowhere"),
         "error"),
        (9, _env("an authority as text that is none", plain(f"x: {USER}"),
                 VAULT_CACERT_BYTES="text"), "error"),
        (9, _env("authorities that are not there", plain(f"x: {USER}"), VAULT_CAPATH="/nowhere"),
         "error"),
        (9, _env("a certificate without its key", plain(f"x: {USER}"),
                 VAULT_CLIENT_CERT="/nowhere"), "error"),
        (9, _env("a name for TLS", plain(f"x: {USER}"), VAULT_TLS_SERVER_NAME="vault"), '"alice"'),
        (9, _env("a path that the validation allows", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION="^kv/data/(app|other)$"), '"alice"'),
        (9, _env("a class of characters in the validation", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION=r"^kv/[[:alpha:]]+/\w+\z"), '"alice"'),
        (9, _env("a class that holds less", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION=r"^kv/[[:upper:]]+/"), "error"),
        (9, _env("letters in any case in the validation", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION="(?i)^KV/"), '"alice"'),
        (9, _env("ASCII letters in the validation", plain("x: <path:kv/data/über#user>"),
                 AVP_PATH_VALIDATION=r"^kv/data/\w+$"), "error"),
        (9, _env("a path that it does not allow", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION="^kv/data/other$"), "error"),
        (9, _env("an annotated path that it does not allow", annotated("x: <user>"),
                 AVP_PATH_VALIDATION="^kv/data/other$"), "error"),
        (9, _env("a validation that is no expression", plain(f"x: {USER}"),
                 AVP_PATH_VALIDATION="("), "error"),
        *((9, _env(f"the validation {expression}", plain(f"x: {USER}"),
                   AVP_PATH_VALIDATION=expression), expected)
          for expected, expressions in _VALIDATIONS.items() for expression in expressions),
        # Backends.
        (10, _env("no such backend", plain(f"x: {USER}"), AVP_TYPE="magic"), "error"),
        (10, _env("spaces around the backend", plain(f"x: {USER}"), AVP_TYPE=" vault\n"),
         '"alice"'),
        (10, _env("the backend in other letters", plain(f"x: {USER}"), AVP_TYPE="Vault"), "error"),
    )
)  # fmt: skip

WORDS: Final = tuple(
    Case(" ".join(["argocd-vault-plugin", *argv]), argv=argv, env=env)
    for argv, env in (
        ((), {}),
        (("",), {}),
        (("--help",), {}),
        (("help",), {}),
        (("help", "generate"), {}),
        (("help", "generate", "surplus"), {}),
        (("help", "help"), {}),
        (("help", "version"), {}),
        (("help", "unknown"), {}),
        (("generate", "--help"), {}),
        (("version",), {}),
        (("version", "surplus", ""), {}),
        (("version", "--help"), {}),
        (("version",), {"VAULT_CLIENT_TIMEOUT": "x", "ARGOCD_ENV_VAULT_ADDR": "y"}),
    )
)
"""Commands that print text for a person instead of manifests."""

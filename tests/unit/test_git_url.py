"""URLs of git repositories and names of commits, as git gets them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import FetchError
from avp_py.fetch.child.git_submodules import resolved
from avp_py.fetch.child.git_url import GitUrl, check_ref, read_git_url
from avp_py.remotes import RemoteCommit

HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h/r.git", GitUrl("https", "", "h", 443, "https://h/r.git")),
        ("http://H.example:8080/a/b", GitUrl("http", "", "h.example", 8080,
                                             "http://H.example:8080/a/b")),
        ("https://me%40x@h/r", GitUrl("https", "me@x", "h", 443, "https://h/r")),
        ("https://h/r?version=1", GitUrl("https", "", "h", 443, "https://h/r?version=1")),
        ("https://[2001:db8::1]/r", GitUrl("https", "", "2001:db8::1", 443,
                                          "https://[2001:db8::1]/r")),
        ("ssh://git@h:22/r", GitUrl("ssh", "git", "h", 22, "ssh://h:22/r")),
        ("ssh://h/~u/r", GitUrl("ssh", "", "h", 22, "ssh://h/~u/r")),
        ("git@h:a/b.git", GitUrl("ssh", "git", "h", 22, "h:a/b.git", True)),
        ("git@h:/a/b.git", GitUrl("ssh", "git", "h", 22, "h:/a/b.git", True)),
        ("h:r", GitUrl("ssh", "", "h", 22, "h:r", True)),
        ("git@[2001:db8::1]:r", GitUrl("ssh", "git", "2001:db8::1", 22, "[2001:db8::1]:r", True)),
    ],
)  # fmt: skip
def test_a_url_is_read_as_git_reads_it(text: str, expected: GitUrl) -> None:
    assert read_git_url(text) == expected


def test_a_user_is_put_back_where_ssh_needs_it() -> None:
    for text, expected in (("ssh://h/r", "ssh://git@h/r"), ("x@h:r", "git@h:r")):
        url = read_git_url(text).with_user("git")
        assert url == expected
        assert read_git_url(url).user == "git"


@pytest.mark.parametrize(
    "text",
    [
        "", "/srv/r", "./r", "../r", "r", "file:///srv/r", "file://h/r", "git://h/r", "ftp://h/r",
        "ext::sh -c id", "ext::sh", "a.b-c+d::x", "::x", "fd::3", "http::http://h/r", "https:///r",
        "https://h", "https://h/", "https://h:0x50/r", "https://h:99999/r", "https://u:p@h/r",
        "https://:p@h/r", "-x", "--upload-pack=x", "-x@h:r", "h:-x y", "ssh://-x/r",
        "ssh://-x@h/r", "ssh://h%20x/r", "ssh://a;b@h/r", "https://h/r\n", "https://h/\0", "h:\tr",
        "https://.h/r", "https://[fe80::1%25eth0]/r", "https://[::1/r", "https://h h/r",
        "ssh://git@h", "a@b@h:r/", "@h:r", "h/x:r", "[h]:", "http+unix://h/r", "oci://h/r",

    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(FetchError) as caught:
        read_git_url(text)
    assert caught.value.hint


@given(st.text(max_size=60) | st.from_regex(r"(ssh://)?[-\w.@:\[\]/%+~;$` ]{0,40}", fullmatch=True))
def test_no_url_is_an_option_or_a_program_to_git(text: str) -> None:
    try:
        url = read_git_url(text)
    except FetchError:
        return
    assert url.scheme in {"https", "http", "ssh"}
    assert not url.text.startswith(("-", "/", "."))
    assert not url.user.startswith("-")
    assert not url.host.startswith("-")
    assert re.fullmatch(r"[a-z0-9._:-]+", url.host)
    # Neither a line of a configuration nor a transport of git's can follow.
    assert url.text.isprintable()
    assert not re.match(r"[A-Za-z0-9]+::", url.text)
    read_git_url(url.text)


def test_a_password_in_a_url_is_not_shown() -> None:
    for text in ("https://me:hunter22@h/r", "ssh://me:hunter22@h/r", "ext::https://me:hunter22@h"):
        with pytest.raises(FetchError) as caught:
            read_git_url(text)
        assert "hunter22" not in f"{caught.value.reason} {caught.value.hint}"


@pytest.mark.parametrize(
    "ref", ["", "main", "feature/x-1", "v1.2.3", "refs/heads/a", HASH, "ä", "v1.0+k3s1"]
)
def test_a_name_of_a_commit(ref: str) -> None:
    check_ref(ref)
    assert RemoteCommit("https://git.example/a", ref).is_exact == (ref == HASH)


@pytest.mark.parametrize(
    "ref",
    ["-x", "--upload-pack=x", "a..b", "a:b", "+a", "a b", "a\n", "a^", "a~1", "a@{1}", "*", "a?",
     "[a]", "a\\b", "/a", "\0", "x" * 1001],
)  # fmt: skip
def test_what_is_no_name_of_a_commit(ref: str) -> None:
    with pytest.raises(FetchError, match="is not the name of a branch, a tag or a commit"):
        check_ref(ref)


@pytest.mark.parametrize("repository", ["https://h/a/b.git", "https://h/a/b/", "git@h:a/b.git"])
@pytest.mark.parametrize(
    "url", ["./c", "../c.git", "../../c", "../c/", "./../x/../c", "https://x/c"]
)
def test_urls_of_submodules_are_those_of_git(url: str, repository: str, tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        argv = [shutil.which("git") or "git", *arguments]
        env = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(argv, cwd=tmp_path, env=env, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    (tmp_path / ".gitmodules").write_text(f'[submodule "m"]\n\tpath = m\n\turl = {url}\n')
    git("remote", "add", "origin", repository)
    git("update-index", "--add", "--cacheinfo", f"160000,{HASH},m")
    git("submodule", "init")

    assert resolved(repository, url) == git("config", "submodule.m.url").removesuffix("/")

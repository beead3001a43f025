"""What is made of what git says."""

import pytest

from avp_py.fetch.child.git_failures import git_failure

DOWN = (
    "Failed to connect to h port 443 after 3 ms: Couldn't connect to server",
    "Could not resolve host: h",
    "The requested URL returned error: 503",
    # libcurl with GnuTLS, and with OpenSSL.
    "gnutls_handshake() failed: The TLS connection was non-properly terminated.",
    "GnuTLS recv error (-54): Error in the pull function.",
    "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:443",
    "error:0A000126:SSL routines::unexpected eof while reading",
    "CONNECT tunnel failed, response 502",
    "Received HTTP code 503 from proxy after CONNECT",
    "SSL certificate problem: certificate has expired",
    "SSL certificate problem: certificate is not yet valid",
    "server certificate expiration date has passed.",
)
NOT_TRUSTED = (
    "server certificate verification failed. CAfile: none CRLfile: none",
    "SSL certificate problem: unable to get local issuer certificate",
    "SSL: no alternative certificate subject name matches target host name 'h'",
    "could not load PEM client certificate, OpenSSL error",
    "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0",
)


def unable(url: str, said: str) -> str:
    return f"fatal: unable to access '{url}/': {said}"


# What a tenant names must not decide what is read in a message.
URLS = ("https://h/app.git", "https://h/certificate-service/ssl-peer.git", "https://h/expired.git")


@pytest.mark.parametrize("said", DOWN)
@pytest.mark.parametrize("url", URLS)
def test_a_server_that_is_down(said: str, url: str) -> None:
    found = git_failure(unable(url, said))
    assert found.is_down
    assert found.detail


@pytest.mark.parametrize("said", NOT_TRUSTED)
@pytest.mark.parametrize("url", URLS)
def test_a_certificate_that_is_not_trusted(said: str, url: str) -> None:
    found = git_failure(unable(url, said))
    assert "its TLS certificate is not trusted, or it wants one" in found.reason
    assert not found.is_down


def test_the_text_of_a_server_is_not_shown() -> None:
    said = "remote: a\x0cb\x85c\u2028d\rremote: e\nfatal: remote error: f\nfatal: g hunter22"
    assert git_failure(said, ["hunter22"]).detail == "fatal: remote error:\nfatal: g …"
    for said, shown in (
        ("fatal: protocol error: unexpected 'a remote error: b'", "fatal: protocol error:"),
        ("fatal: remote error: a\nb\n\nc\nfatal: d", "fatal: remote error:\nfatal: d"),
        ("fatal: invalid server response; got 'a'", "fatal: invalid server response; got"),
        ("fatal: git fetch-pack: expected ACK/NAK, got 'a'",
         "fatal: git fetch-pack: expected ACK/NAK, got"),
    ):  # fmt: skip
        assert git_failure(said).detail == shown


@pytest.mark.parametrize("name", ["certificate-service", "certificate", "refused", "expired"])
def test_a_name_decides_nothing(name: str) -> None:
    missing = git_failure(f"fatal: couldn't find remote ref {name}")
    assert "no such branch" in missing.reason
    unknown = git_failure(
        f"fatal: unable to access 'https://{name}/': Could not resolve host: {name}"
    )
    assert unknown.is_down
    assert git_failure(unable(f"https://h/{name}", "whatever else")).reason == "git failed"

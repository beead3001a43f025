"""TLS contexts that verify as Go does, and with it kubectl, vault and argocd-vault-plugin."""

import ssl


def new_context(*, verify: bool) -> ssl.SSLContext:
    """Return a context that trusts nobody yet.

    This is not ssl.create_default_context: from Python 3.13 on that rejects CA certificates that Go
    accepts, and that are in use (VERIFY_X509_STRICT).

    Args:
        verify: whether the server's certificate is verified at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    if verify:
        # Any certificate that is listed can be the end of a chain.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def trust_system(context: ssl.SSLContext) -> None:
    """Trust the CA certificates of the system; those of certifi where there are none."""
    context.load_default_certs()
    known = ssl.get_default_verify_paths()
    if not known.cafile and not known.capath:
        # Python for macOS finds none where its OpenSSL looks.
        import certifi

        context.load_verify_locations(certifi.where())

"""The process that fetches one chart, one commit or one file: `python -m avp_py.fetch.child DIR`.

It runs in a sandbox of its own, and has the credential of one repository. Whatever it has received
may be hostile, and so is the process itself from then on: it leaves what it has in DIR, where the
one that started it reads it as hostile input.

It is started once for each thing that is fetched, so what it imports counts: http.client instead of
urllib3, and whatever only some of the remotes need where it is needed.
"""

"""Charts, commits and files of other machines, for what renders and may not use the network.

This is the operator's side: it has credentials for repositories, and a cache. What another machine
sends is received by a process of its own (`child/`), in a sandbox, which has the credential for
that machine and nothing else.

Nothing is imported here: that process, which is started once for each thing that is fetched, would
load all of it.
"""

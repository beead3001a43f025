"""Argo CD's side of a config management plugin: the server that runs it, and its client.

application.py makes what is sent, messages.py has the service's messages, client.py sends a folder
as the repo-server does, and server.py runs the real argocd-cmp-server.
"""

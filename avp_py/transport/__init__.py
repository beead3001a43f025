"""HTTP requests to Vault and to the Kubernetes API, on requests and urllib3.

What belongs here is the same for both: time and size limits, TLS, proxies, and messages for
requests that fail. Nothing here reads the environment.
"""

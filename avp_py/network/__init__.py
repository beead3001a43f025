"""What HTTP clients of every kind share: credentials, deadlines, proxies, TLS contexts.

Nothing here imports requests or urllib3, which take longer to load than the process that fetches
takes for all else; nothing reads the environment.
"""

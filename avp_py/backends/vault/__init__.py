"""Secrets from HashiCorp Vault's KV engines, through hvac. One module for each auth method.

Nothing is imported here: hvac takes a while to load, and `paths` is needed without it.
"""

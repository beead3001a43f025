//go:build tools

// Package tools pins argocd-vault-plugin for the tests; nothing here is compiled.
package tools

import _ "github.com/argoproj-labs/argocd-vault-plugin"

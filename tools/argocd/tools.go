//go:build tools

// Package tools pins argocd for the tests; nothing here is compiled.
package tools

import _ "github.com/argoproj/argo-cd/v3/cmd"

//go:build tools

// Package tools pins the oldest kustomize of the tests; nothing here is compiled.
package tools

import _ "sigs.k8s.io/kustomize/kustomize/v5"

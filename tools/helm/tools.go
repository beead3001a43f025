//go:build tools

// Package tools pins helm for the tests; nothing here is compiled.
package tools

import _ "helm.sh/helm/v3/cmd/helm"

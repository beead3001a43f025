//go:build tools

// Package tools pins helm 4 for the tests; nothing here is compiled.
package tools

import _ "helm.sh/helm/v4/cmd/helm"

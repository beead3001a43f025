//go:build tools

// Package tools pins the Prometheus operator, whose CRDs the tests install; nothing here is compiled.
package tools

import _ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"

//go:build tools

// Package tools pins promtool for the tests; nothing here is compiled.
package tools

import _ "github.com/prometheus/prometheus/cmd/promtool"

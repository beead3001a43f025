//go:build tools

// Package tools pins registry for the tests; nothing here is compiled.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"

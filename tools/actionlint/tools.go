//go:build tools

// Package tools pins actionlint for the tests; nothing here is compiled.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"

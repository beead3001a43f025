//go:build tools

// Package tools pins syft, which lists what is in the image; nothing here is compiled.
package tools

import _ "github.com/anchore/syft/cmd/syft"

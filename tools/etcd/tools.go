//go:build tools

// Package tools pins etcd for the tests; nothing here is compiled.
package tools

import _ "go.etcd.io/etcd/server/v3"

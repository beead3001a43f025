// Command vault runs the real core of HashiCorp Vault in memory, for tests.
//
// It prints one line of JSON on standard output once it serves, such as
//
//	{"address": "http://127.0.0.1:8200", "root_token": "hvs.…"}
//
// and runs until standard input ends, or a SIGTERM or SIGINT. Logs go to standard error. Nothing
// is mounted but what Vault itself mounts: use its API (sys/mounts, sys/auth) for the rest.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/github"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// What can be mounted, beside what is part of the core (token, cubbyhole, identity). Vault's own
// server registers far more, and with them the SDK of every cloud.
var (
	secretEngines = map[string]logical.Factory{
		"kv":      kv.Factory,
		"transit": transit.Factory, // an engine that holds no secrets of the kind that tests read
	}
	authMethods = map[string]logical.Factory{
		"approle":    approle.Factory,
		"cert":       cert.Factory,
		"github":     github.Factory,
		"jwt":        jwtauth.Factory,
		"kubernetes": kubeauth.Factory,
		"userpass":   userpass.Factory,
	}
	auditDevices = map[string]audit.Factory{
		"file": audit.NewFileBackend,
	}
)

type options struct {
	listen      string
	rootToken   string
	tlsCert     string
	tlsKey      string
	tlsClientCA string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0",
		"`address` to listen on; port 0 is any free one")
	flag.StringVar(&o.rootToken, "root-token", "", "the root `token` (default: generated)")
	flag.StringVar(&o.tlsCert, "tls-cert", "", "PEM `file` of the server's certificate; turns TLS on")
	flag.StringVar(&o.tlsKey, "tls-key", "", "PEM `file` of the certificate's key")
	flag.StringVar(&o.tlsClientCA, "tls-client-ca", "",
		"PEM `file` of the CA that clients must have a certificate of")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "vault: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}

	// Caught from the start: a signal that comes early ends the program as one that comes late.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

// run serves until ctx or standard input ends.
func run(ctx context.Context, o options) error {
	tlsConfig, err := newTLSConfig(o)
	if err != nil {
		return err
	}
	core, rootToken, err := startCore(ctx, o.rootToken)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}

	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{}, // nil panics on the first request
		}),
		TLSConfig: tlsConfig,
		ErrorLog:  core.Logger().Named("http").StandardLogger(nil),
	}
	failed := make(chan error, 1)
	scheme := "http"
	if tlsConfig == nil {
		go func() { failed <- server.Serve(listener) }()
	} else {
		scheme = "https"
		go func() { failed <- server.ServeTLS(listener, "", "") }()
	}

	ready, err := json.Marshal(map[string]string{
		"address":    scheme + "://" + listener.Addr().String(),
		"root_token": rootToken,
	})
	if err != nil {
		return err
	}
	fmt.Println(string(ready))

	// A test that is killed cannot stop its servers, but the pipe that it held is closed.
	parentGone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(parentGone)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	case <-parentGone:
	}
	// All state is in memory, so there is nothing to seal or to flush.
	return server.Close()
}

// newTLSConfig returns nil if no certificate is given.
func newTLSConfig(o options) (*tls.Config, error) {
	if o.tlsCert == "" && o.tlsKey == "" {
		if o.tlsClientCA != "" {
			return nil, errors.New("-tls-client-ca needs -tls-cert and -tls-key")
		}
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		// As Vault's own listener: ask for a certificate and leave the verdict to the cert method.
		ClientAuth: tls.RequestClientCert,
	}
	if o.tlsClientCA != "" {
		pem, err := os.ReadFile(o.tlsClientCA)
		if err != nil {
			return nil, err
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.tlsClientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// startCore returns an unsealed core and its root token.
func startCore(ctx context.Context, wantedToken string) (*vault.Core, string, error) {
	logger := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, "", err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		DisableMlock:       true, // needs a capability that tests do not have
		BuiltinRegistry:    registry{},
		LogicalBackends:    secretEngines,
		CredentialBackends: authMethods,
		AuditBackends:      auditDevices,
		LogLevel:           "warn",
		Logger:             logger,
	})
	if err != nil {
		return nil, "", err
	}

	ctx = namespace.RootContext(ctx)
	oneShare := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, StoredShares: 1}
	initialised, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: oneShare})
	if err != nil {
		return nil, "", err
	}
	unsealed, err := core.Unseal(initialised.SecretShares[0])
	if err != nil {
		return nil, "", err
	}
	if !unsealed {
		return nil, "", errors.New("the core stayed sealed")
	}
	if wantedToken == "" {
		return core, initialised.RootToken, nil
	}
	if err := replaceRootToken(ctx, core, initialised.RootToken, wantedToken); err != nil {
		return nil, "", err
	}
	return core, wantedToken, nil
}

// replaceRootToken creates a root token of the wanted text and revokes the one that
// initialisation made, as Vault's dev server does.
func replaceRootToken(ctx context.Context, core *vault.Core, old, wanted string) error {
	create := &logical.Request{
		Operation:   logical.UpdateOperation,
		ClientToken: old,
		Path:        "auth/token/create",
		Data: map[string]any{
			"id":                wanted,
			"policies":          []string{"root"},
			"no_parent":         true,
			"no_default_policy": true,
		},
	}
	revoke := &logical.Request{
		Operation:   logical.UpdateOperation,
		ClientToken: old,
		Path:        "auth/token/revoke-self",
	}
	for _, request := range []*logical.Request{create, revoke} {
		response, err := core.HandleRequest(ctx, request)
		if err == nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", request.Path, err)
		}
	}
	return nil
}

// registry tells the core which of its plugins are built in. The core takes factories from the
// maps that it is given and asks here only for facts about them, but a nil registry panics.
type registry struct{}

func (registry) factories(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeCredential:
		return authMethods
	case consts.PluginTypeSecrets:
		return secretEngines
	default:
		return nil
	}
}

func (r registry) Contains(name string, kind consts.PluginType) bool {
	_, found := r.factories(kind)[name]
	return found
}

func (r registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, found := r.factories(kind)[name]
	return func() (any, error) { return factory, nil }, found
}

func (r registry) Keys(kind consts.PluginType) []string {
	names := make([]string, 0, len(r.factories(kind)))
	for name := range r.factories(kind) {
		names = append(names, name)
	}
	return names
}

func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if r.Contains(name, kind) {
		return consts.Supported, true
	}
	return consts.Unknown, false
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

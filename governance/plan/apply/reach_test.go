package apply_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// TestUnreachable: a server that cannot be reached any more ends the run after a few steps.
// What was not begun stays as it is, and the next run goes on.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuses := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{otherCertificate(t)}}
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	var dialer net.Dialer
	for name, dial := range map[string]func(context.Context) (net.Conn, error){
		"nobody listens": func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", refuses) },
		"the name has no address": func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "command.example.com", IsNotFound: true}}
		},
		"the certificate is another one": func(ctx context.Context) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", stranger.Listener.Addr().String())
		},
		"nobody talks TLS": func(ctx context.Context) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", plain.Listener.Addr().String())
		},
	} {
		for _, concurrency := range []int{1, 4} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				server := securitytest.Start(t, tenant()...)
				var down atomic.Bool
				var dials atomic.Int32
				transport := server.HTTPClient().Transport.(*http.Transport).Clone()
				transport.DisableKeepAlives = true
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if !down.Load() {
						return dialer.DialContext(ctx, network, address)
					}
					dials.Add(1)
					return dial(ctx)
				}
				client, err := server.Client(quick, security.WithHTTPClient(&http.Client{Transport: transport}))
				if err != nil {
					t.Fatal(err)
				}
				p := planned(t, client, wish)
				server.Inject(securitytest.Fault{Method: http.MethodPut, Path: "/Security/Roles", Times: 1, Interleave: func() { down.Store(true) }})
				path := filepath.Join(t.TempDir(), "journal")
				j := open(t, path)
				opts := approved(p)
				opts.Call = []security.CallOption{security.WithConcurrency(concurrency)}
				result, err := apply.Run(t.Context(), client, p, j, opts)
				if err == nil || !strings.Contains(err.Error(), "3 steps in a row had no connection") || !strings.Contains(err.Error(), "run the plan again with the same journal") {
					t.Fatal(err)
				}
				failed := result.Count(apply.Failed) + result.Count(apply.Unknown)
				if failed > 2+concurrency || result.Count(apply.NotBegun) == 0 || result.Count(apply.Skipped) > 0 {
					t.Errorf("%v", result)
				}
				if n := int(dials.Load()); n > 5*failed { // a request is tried 3 times
					t.Errorf("%d connections were tried for %d steps", n, failed)
				}
				down.Store(false)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				again := run(t, client, p, open(t, path))
				if again.Count(apply.Done)+again.Count(apply.AlreadyDone) != len(p.Steps) {
					t.Errorf("%v", again)
				}
				if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
					t.Errorf("%+v", r.Findings)
				}
			})
		}
	}
}

// otherCertificate is one that nobody trusts.
func otherCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestSomeFail: objects that the server fails at, or gives no answer about, do not stop
// the rest, however many they are.
func TestSomeFail(t *testing.T) {
	t.Parallel()
	for _, fault := range []securitytest.Fault{{Status: http.StatusServiceUnavailable}, {Reset: true}} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant()...)
			p := planned(t, client, `
claims:
  - {type: OAuthRole, value: idle, scheme: System, description: A}
  - {type: OAuthRole, value: ops, scheme: System, description: B}
  - {type: OAuthRole, value: audit, scheme: System, description: C}
  - {type: OAuthRole, value: former, scheme: System, description: D}
  - {type: OAuthRole, value: others, scheme: System, description: E}
roles: [{name: Auditors, description: Changed}]
`)
			fault.Method, fault.Path = http.MethodPut, "/Security/Claims"
			server.Inject(fault)
			result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
			if err == nil || result.Count(apply.Failed)+result.Count(apply.Unknown) != 5 || result.Count(apply.Done) != 1 {
				t.Errorf("%v: %v", result, err)
			}
		})
	}
}

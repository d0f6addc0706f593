// Package simulated runs the simulated server for people: on an address of their
// choice, with a certificate that is made for it, and with the variables that lead a
// shell to it.
package simulated

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// Tenant says what the server has.
type Tenant struct {
	Version    string
	Seed       uint64
	Roles      int
	Claims     int // besides those that the roles bring
	Identities int // likewise
}

// options make the tenant. The same tenant is the same every time.
func (t Tenant) options() []securitytest.Option {
	claims := make([]securitytest.Claim, t.Claims)
	for i := range claims {
		claims[i] = securitytest.Claim{
			Type: "OAuthClientId", Value: fmt.Sprintf("service-%05d", i+1), Scheme: "System",
			Description: fmt.Sprintf("Service account %d", i+1),
		}
	}
	identities := make([]securitytest.Identity, t.Identities)
	for i := range identities {
		identities[i] = securitytest.Identity{AccountName: fmt.Sprintf(`KEYEXAMPLE\user%05d`, i+1), Type: "User"}
	}
	return []securitytest.Option{
		securitytest.WithVersion(t.Version),
		securitytest.WithLegacyTenant(t.Seed, t.Roles),
		securitytest.WithClaims(claims...),
		securitytest.WithIdentities(identities...),
	}
}

// Server is a simulated server that runs.
type Server struct {
	Handler *securitytest.Handler
	Host    string // with the port
	CA      []byte // its certificate, as PEM

	http  *http.Server
	ended chan error
}

// ErrVersion says that there is no such version, or none that can be simulated.
var ErrVersion = errors.New("a version is two to four numbers, 10.0 or later, such as 25.4.1")

// Start starts a server. Close it when done.
func Start(ctx context.Context, addr string, t Tenant) (*Server, error) {
	handler := securitytest.NewHandler(t.options()...)
	if err := handler.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVersion, err) // the rest of a tenant is never wrong
	}
	if err := appoint(handler); err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	host, err := reachable(listener.Addr())
	if err != nil {
		_ = listener.Close() // the error is about something else
		return nil, err
	}
	cert, ca, err := certificate(host)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	s := &Server{Handler: handler, Host: host, CA: ca, ended: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that do not trust the certificate are no news
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}},
	}
	go func() { s.ended <- s.http.ServeTLS(listener, "", "") }()
	return s, nil
}

// appoint makes the account that signs in a holder of the built-in role, as the person is
// who sets a server up: without one, every plan would lock somebody out.
func appoint(handler *securitytest.Handler) error {
	const administrator = 1
	if _, err := handler.AddIdentity(securitytest.Identity{AccountName: handler.Username, Type: "User"}); err != nil {
		return fmt.Errorf("add the account of the administrator: %w", err)
	}
	err := handler.UpdateRole(administrator, func(r *securitytest.Role) { r.Identities = append(r.Identities, handler.Username) })
	if err != nil {
		return fmt.Errorf("make the account %s an administrator: %w", handler.Username, err)
	}
	return nil
}

// reachable is the address that a client on this machine uses.
func reachable(addr net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// URL is where the API is.
func (s *Server) URL() string { return "https://" + s.Host + "/KeyfactorAPI" }

// Client is a client that signs in as the administrator.
func (s *Server) Client(opts ...security.Option) (*security.Client, error) {
	return security.NewClient(s.URL(), append([]security.Option{
		security.WithOnlyRootCAs(s.CA), security.WithBasicAuth(s.Handler.Username, s.Handler.Password),
	}, opts...)...)
}

// Ended tells why the server stopped by itself.
func (s *Server) Ended() <-chan error { return s.ended }

// Close stops the server at once.
func (s *Server) Close() error { return s.http.Close() }

// variables are the KEYFACTOR_* variables that lead to the server.
func (s *Server) variables() [][2]string {
	return [][2]string{
		{"KEYFACTOR_HOSTNAME", s.Host},
		{"KEYFACTOR_API_PATH", "KeyfactorAPI"},
		{"KEYFACTOR_USERNAME", s.Handler.Username},
		{"KEYFACTOR_PASSWORD", s.Handler.Password},
		{"KEYFACTOR_CA_CERT", string(s.CA)},
	}
}

// Variables are the KEYFACTOR_* variables that lead a POSIX shell to the server.
func (s *Server) Variables() string {
	var b strings.Builder
	for _, v := range s.variables() {
		fmt.Fprintf(&b, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	return b.String()
}

// PowerShell is Variables for PowerShell.
func (s *Server) PowerShell() string {
	var b strings.Builder
	for _, v := range s.variables() {
		fmt.Fprintf(&b, "$env:%s = '%s'\n", v[0], strings.ReplaceAll(v[1], "'", "''"))
	}
	return b.String()
}

// certificate makes a certificate for a host, and its own authority.
func certificate(hostPort string) (cert tls.Certificate, ca []byte, err error) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return cert, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return cert, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Simulated Keyfactor Command"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(0, 1, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return cert, nil, err
	}
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca, nil
}

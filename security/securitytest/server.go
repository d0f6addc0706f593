package securitytest

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
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is the simulated server on a port of the loopback interface, with TLS and a certificate of its own. The
// methods of the embedded Handler control it.
type Server struct {
	*Handler

	// URL is where the API is, API path included; empty when the server could not be started.
	URL string

	origin      string
	failed      error
	certificate []byte
	client      *http.Client
	http        *http.Server
	// stop ends the requests that are under way.
	stop   context.CancelFunc
	served sync.WaitGroup
	conns  sync.WaitGroup
}

// NewServer starts the simulated server. Close it when done. It does not fail on the spot: Err, and everything that is
// made with the server, reports that it could not be started.
func NewServer(opts ...Option) *Server {
	s := &Server{Handler: NewHandler(opts...), client: &http.Client{}, stop: func() {}}
	s.failed = s.start()
	return s
}

// Err reports what was wrong with the options, and why the server could not be started.
func (s *Server) Err() error { return errors.Join(s.failed, s.Handler.Err()) }

func (s *Server) start() error {
	certificate, err := newCertificate()
	if err != nil {
		return fmt.Errorf("securitytest: make a certificate: %w", err)
	}
	s.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	s.client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		// A tool that drives the server in earnest keeps this many connections busy.
		MaxIdleConnsPerHost: 32,
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("securitytest: listen on the loopback interface: %w", err)
	}
	s.origin = "https://" + listener.Addr().String()
	s.URL = s.origin + strings.TrimSuffix("/"+strings.Join(segments(s.cfg.apiPath), "/"), "/")
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = &http.Server{
		Handler:           s.Handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.track,
		ReadHeaderTimeout: time.Minute,
		// Clients that break connections off, or do not trust the certificate, are part of the game.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// HTTP/1.1 only, so that a connection can be reset.
	s.http.Protocols = &http.Protocols{}
	s.http.Protocols.SetHTTP1(true)
	s.served.Go(func() {
		// It ends with an error that says that the server was closed.
		_ = s.http.ServeTLS(listener, "", "")
	})
	return nil
}

// track counts connections, so that Close can wait for the last of them.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.conns.Done()
	default:
	}
}

// Close stops the server, breaking off what is under way, and waits until nothing of it is left running. It can be
// called more than once.
func (s *Server) Close() {
	if s.http == nil {
		return
	}
	// The connections first: a request that is told to stop must not find one to answer on.
	_ = s.http.Close()
	s.stop()
	s.client.CloseIdleConnections()
	s.served.Wait()
	s.conns.Wait()
}

// HTTPClient returns a client that trusts the server's certificate. It adds neither credentials nor headers.
func (s *Server) HTTPClient() *http.Client { return s.client }

// CertificatePEM returns the server's certificate, which is its own authority.
func (s *Server) CertificatePEM() []byte { return slices.Clone(s.certificate) }

// TokenURL returns the URL of the OAuth token endpoint.
func (s *Server) TokenURL() string { return s.origin + TokenPath }

// newCertificate makes a certificate for the loopback interface.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Simulated Command server"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

package securitytest

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Server is the simulated server on a port of the loopback interface, with TLS. The methods of the embedded Handler
// control it.
type Server struct {
	*Handler

	// URL is where the API is, API path included.
	URL string

	http *httptest.Server
	// stop ends the requests that are under way, even those that arrive while the server is being closed.
	stop context.CancelFunc
}

// NewServer starts the simulated server. Close it when done. Err, and everything that is made with the server, reports
// what is wrong with the options. It panics if no port can be opened on the loopback interface, as net/http/httptest
// does, whose server and certificate it uses.
//
// In a test, [Start] is shorter and safer.
func NewServer(opts ...Option) *Server {
	s := &Server{Handler: NewHandler(opts...)}
	s.http = httptest.NewUnstartedServer(s.Handler)
	s.http.Listener = &refusing{Listener: s.http.Listener, faults: &s.faults}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	s.http.Config.ReadHeaderTimeout = time.Minute
	// Clients that break connections off, or do not trust the certificate, are part of what is simulated.
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.http.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.http.EnableHTTP2 = s.cfg.http2
	s.http.StartTLS()
	if transport, ok := s.http.Client().Transport.(*http.Transport); ok {
		// A tool that makes many calls at a time keeps this many connections busy.
		transport.MaxIdleConnsPerHost = 32
	}
	s.URL = s.http.URL + strings.TrimSuffix("/"+strings.Join(segments(s.cfg.apiPath), "/"), "/")
	return s
}

// Close stops the server, breaking off what is under way, and waits until nothing of it is left running. It can be
// called more than once.
func (s *Server) Close() {
	// The connections first: a request that is told to stop must not find one to answer on.
	s.http.CloseClientConnections()
	s.stop()
	s.http.Close()
	s.serving.Wait() // net/http does not know of connections that faults took over
}

// refusing resets new connections, if there is a fault for that.
type refusing struct {
	net.Listener

	faults *faults
}

func (l *refusing) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.faults.refuses() {
			return conn, err
		}
		abort(conn)
	}
}

// HTTPClient returns a client that trusts the server's certificate. It adds neither credentials nor headers.
func (s *Server) HTTPClient() *http.Client { return s.http.Client() }

// CertificatePEM returns the server's certificate, which is its own authority. It is that of net/http/httptest, whose
// key is public: trust it in tests only.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
}

// TokenURL returns the URL of the OAuth token endpoint.
func (s *Server) TokenURL() string { return s.http.URL + TokenPath }

// TB is what [Start] needs of a test. Every [testing.TB] has it.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start starts a server that lives as long as a test. The test fails at once if an option is wrong, and at its end if a
// fault that was injected has hit no request.
func Start(t TB, opts ...Option) *Server {
	t.Helper()
	s := NewServer(opts...)
	t.Cleanup(func() {
		s.Close()
		for _, fault := range s.UnusedFaults() {
			t.Errorf("securitytest: this fault has hit no request: %v", fault)
		}
	})
	if err := s.Err(); err != nil {
		t.Fatalf("securitytest: %v", err)
	}
	return s
}

package securitytest

import "github.com/commandsec/commandsec-go/security"

// Client returns a client of this server. It trusts the server's certificate, and signs in as the administrator unless
// the options bring other credentials.
func (s *Server) Client(opts ...security.Option) (*security.Client, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	given := append([]security.Option{security.WithRootCAs(s.CertificatePEM())}, opts...)
	client, err := security.NewClient(s.URL, append(given, security.WithBasicAuth(s.Username, s.Password))...)
	if err == nil {
		return client, nil
	}
	// Exactly one credential is allowed. If that is what was wrong, the options have one of their own.
	if client, own := security.NewClient(s.URL, given...); own == nil {
		return client, nil
	}
	return nil, err
}

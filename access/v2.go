package access

import (
	"context"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// V2 is version 2 of the access questions. It has the audit of certificates;
// everything else is in [V1].
type V2 struct{ t *transport.Client }

// NewV2 returns the service that works through client.
func NewV2(client *security.Client) *V2 { return &V2{t: client.Transport()} }

var opAuditCertificateV2 = transport.Op{Method: http.MethodGet, Path: "Certificates/IdentityAudit/{id}", Version: 2}

// AuditCertificate lists which claims may do what with a certificate, as a
// member of a collection, or of none where collectionID is 0.
//
// API: GET /Certificates/IdentityAudit/{id}, version 2.
func (s *V2) AuditCertificate(ctx context.Context, id, collectionID int, call ...security.CallOption) ([]CertificateAccessV2, error) {
	query, err := inCollection(collectionID)
	return transport.Many[CertificateAccessV2](ctx, s.t, call, transport.Call{Op: opAuditCertificateV2, Args: []any{id}, Query: query, Err: err})
}

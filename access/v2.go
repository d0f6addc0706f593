package access

import (
	"context"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// V2 is version 2 of the access questions. It has the audit of certificates;
// everything else is in [V1].
type V2 struct{ c *service.Client }

// NewV2 returns the service that works through client.
func NewV2(client *security.Client) *V2 { return &V2{c: service.Of(client)} }

var opAuditCertificateV2 = transport.Op{Method: http.MethodGet, Path: "Certificates/IdentityAudit/{id}", Version: 2}

// AuditCertificate lists which claims may do what with a certificate, as a
// member of a collection, or of none if collectionID is 0.
//
// API: GET /Certificates/IdentityAudit/{id}, version 2.
func (s *V2) AuditCertificate(ctx context.Context, id, collectionID int, call ...security.CallOption) ([]CertificateAccessV2, error) {
	query, err := inCollection(collectionID)
	return service.Many[CertificateAccessV2](ctx, s.c, call, transport.Call{
		Op: opAuditCertificateV2, Args: []any{id}, Query: query, Err: err,
		Check: service.Each("claim", func(a *CertificateAccessV2) bool { return a.Identity.ID > 0 || a.Identity.Value != "" }),
	})
}

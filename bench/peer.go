package bench

import (
	"context"
	"io"
	"log"

	"github.com/Keyfactor/keyfactor-auth-client-go/auth_providers"
	keyfactor "github.com/Keyfactor/keyfactor-go-client-sdk/v25"
)

// peer is the client that Keyfactor publishes, generated from the API
// description. It keeps no connection from one call to the next, and has no way
// to another port than 443.
type peer struct{ client *keyfactor.APIClient }

func newPeer(s *Server, apiPath string) (*peer, error) {
	log.SetOutput(io.Discard) // it logs on its own
	client, err := keyfactor.NewAPIClient(&auth_providers.Server{
		Host: "127.0.0.1", Port: 443, APIPath: apiPath, Username: s.Username, Password: s.Password,
		CACertPath: string(s.Certificate), // it takes the certificate itself too
	})
	return &peer{client}, err
}

func (p *peer) get(ctx context.Context) error {
	role, _, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesByIdRequest(ctx, roleID).Execute()
	return check(err, role != nil && len(role.Claims) == 5 && len(role.Permissions) == 10)
}

func (p *peer) page(ctx context.Context) error {
	rows, _, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).PageReturned(1).ReturnLimit(pageRoles).Execute()
	return check(err, len(rows) == pageRoles)
}

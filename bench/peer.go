package bench

import (
	"context"
	"io"
	"log"
	"strconv"

	"github.com/Keyfactor/keyfactor-auth-client-go/auth_providers"
	keyfactor "github.com/Keyfactor/keyfactor-go-client-sdk/v25"
)

// peer is the client that Keyfactor publishes, generated from the API
// description. It keeps no connection from one call to the next, and can only
// reach port 443.
type peer struct{ client *keyfactor.APIClient }

func newPeer(s *Server, apiPath string) (*peer, error) {
	log.SetOutput(io.Discard) // it writes to the standard logger
	client, err := keyfactor.NewAPIClient(&auth_providers.Server{
		Host: "127.0.0.1", Port: 443, APIPath: apiPath, Username: s.Username, Password: s.Password,
		CACertPath: string(s.Certificate), // it also takes the certificate itself
	})
	return &peer{client}, err
}

func (p *peer) get(ctx context.Context) error {
	role, _, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesByIdRequest(ctx, roleID).Execute() //nolint:bodyclose // the client closes it
	return check(err, role != nil && len(role.Claims) == 5 && len(role.Permissions) == 10)
}

func (p *peer) page(ctx context.Context) error {
	rows, _, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).PageReturned(1).ReturnLimit(pageRoles).Execute() //nolint:bodyclose // the client closes it
	return check(err, len(rows) == pageRoles)
}

// walkToEmpty reads page after page, of the server's default size, until one is
// empty, as the certificate stores are read in Keyfactor's older Go client.
func (p *peer) walkToEmpty(ctx context.Context) error {
	count := 0
	for number := int32(1); ; number++ {
		rows, _, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).PageReturned(number).Execute() //nolint:bodyclose // the client closes it
		if err != nil {
			return err
		}
		if count += len(rows); len(rows) == 0 {
			return check(nil, count == walkRoles)
		}
	}
}

// walkToTotal reads as many pages of 100 as the first one's X-Total-Count makes,
// as the roles are read in the provisioning scripts that Keyfactor publishes.
func (p *peer) walkToTotal(ctx context.Context) error {
	const size = 100
	count, pages := 0, int32(1)
	for number := int32(1); number <= pages; number++ {
		rows, resp, err := p.client.V2.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).PageReturned(number).ReturnLimit(size).Execute() //nolint:bodyclose // the client closes it
		if err != nil {
			return err
		}
		count += len(rows)
		if number == 1 {
			total, err := strconv.ParseInt(resp.Header.Get("X-Total-Count"), 10, 32)
			if err != nil {
				return err
			}
			pages = (int32(total) + size - 1) / size
		}
	}
	return check(nil, count == walkRoles)
}

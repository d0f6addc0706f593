package named_test

import (
	"context"
	"iter"
	"reflect"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/named"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// TestLists: each list is asked for in pages, sorted by name, and read leniently.
func TestLists(t *testing.T) {
	t.Parallel()
	for path, list := range map[string]func(context.Context, *security.Client, []security.CallOption) iter.Seq2[named.Object, error]{
		"/CertificateCollections":     named.Collections,
		"/CertificateStoreContainers": named.Containers,
		"/PamProviders":               named.PAMProviders,
	} {
		client := apitest.Client(t, apitest.Exchange{
			Method: "GET", Path: path, Query: "PageReturned=1&ReturnLimit=200&SortField=Name", Version: 1, Header: map[string][]string{"X-Total-Count": {"2"}},
			Answer: `[{"Id":6,"Name":"Web","Description":"Sites","Content":"CN -contains \"www\"","Favorite":true},{"Id":7,"Name":"Mail","Content":null}]`,
		})
		got, err := security.Collect(list(t.Context(), client, nil))
		want := []named.Object{{ID: 6, Name: "Web", Description: "Sites", Query: `CN -contains "www"`}, {ID: 7, Name: "Mail"}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", path, got, err, want)
		}
	}
}

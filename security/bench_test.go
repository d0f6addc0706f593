package security_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/commandsec/commandsec-go/security"
)

var benchBody = []byte(`{"Id":5,"Name":"PKI Operators","Description":"Operators of the PKI","EmailAddress":null,"Immutable":false,` +
	`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/portal/read/","/certificates/collections/read/"],` +
	`"Claims":[{"Id":231,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1"}]}`)

type benchRole struct {
	ID              int `json:"Id"`
	Name            string
	Description     string
	EmailAddress    *string
	Immutable       bool
	PermissionSetID string `json:"PermissionSetId"`
	Permissions     []string
	Claims          []struct {
		ID          int `json:"Id"`
		Description string
		ClaimType   string
		ClaimValue  string
	}
}

// canned answers every request with benchBody.
var canned = roundTripper(func(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Keyfactor-Correlation-Id": {"c0ffee"}},
		ContentLength: int64(len(benchBody)), Body: io.NopCloser(bytes.NewReader(benchBody)),
	}, nil
})

func getFloor(b testing.TB, hc *http.Client) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), get, baseURL+"/Security/Roles/5", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Keyfactor-Requested-With", "APIClient")
	req.Header.Set("X-Keyfactor-Api-Version", "2")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "bench")
	req.Header.Set("Authorization", basic)
	resp, err := hc.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != 200 {
		b.Fatal(resp.Status, err)
	}
	var role benchRole
	if err := json.Unmarshal(raw, &role); err != nil || role.ID != 5 {
		b.Fatal(role, err)
	}
}

// BenchmarkGetFloor is the plainest code for one call.
func BenchmarkGetFloor(b *testing.B) {
	hc := &http.Client{Transport: canned}
	b.ReportAllocs()
	for b.Loop() {
		getFloor(b, hc)
	}
}

// BenchmarkGet is the same call through the library.
func BenchmarkGet(b *testing.B) {
	client := newClient(b, canned)
	b.ReportAllocs()
	for b.Loop() {
		var role benchRole
		if err := client.Do(b.Context(), get, "Security/Roles/5", 2, nil, &role); err != nil || role.ID != 5 {
			b.Fatal(role, err)
		}
	}
}

// TestOverhead keeps the library near the floor.
func TestOverhead(t *testing.T) { // not parallel: it counts allocations
	client := newClient(t, canned, security.WithMaxResponseBytes(1<<20))
	ours := testing.AllocsPerRun(100, func() {
		var role benchRole
		if err := client.Do(t.Context(), get, "Security/Roles/5", 2, nil, &role); err != nil {
			t.Fatal(err)
		}
	})
	hc := &http.Client{Transport: canned}
	floor := testing.AllocsPerRun(100, func() { getFloor(t, hc) })
	t.Logf("%.0f allocations, the floor is %.0f", ours, floor)
	if ours-floor > 25 {
		t.Errorf("a call allocates %.0f times, plain code %.0f times: more than 25 over it", ours, floor)
	}
}

package security_test

import (
	"slices"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	client := apitest.Client(
		t,
		apitest.Exchange{Method: "GET", Path: "/Status/Endpoints", Version: 1, Answer: `["GET /Security/Roles","PUT /Security/Roles"]`},
		apitest.Exchange{Method: "GET", Path: "/Status/HealthCheck", Version: 1, Status: 204},
	)
	endpoints, err := client.Endpoints(t.Context())
	if want := []string{"GET /Security/Roles", "PUT /Security/Roles"}; err != nil || !slices.Equal(endpoints, want) {
		t.Errorf("Endpoints = %q, %v, want %q", endpoints, err, want)
	}
	if err := client.HealthCheck(t.Context()); err != nil {
		t.Error(err)
	}
}

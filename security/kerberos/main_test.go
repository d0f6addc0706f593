package kerberos

import (
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
)

// No goroutine outlives the tests.
func TestMain(m *testing.M) { apitest.Main(m) }

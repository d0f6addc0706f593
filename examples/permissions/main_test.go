package main

import (
	"errors"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/certificates/collections/revoke/6/ allows to revoke certificates in collection 6.",
		"AdminPortal:Read becomes [/portal/read/]",
		"Somebody has to decide about CertificateEnrollment:PendingCsr, because the role can then approve and deny certificate requests",
		"and 0 names are undecided.",
		"AdminPortal:Read is confirmed: [/portal/read/]",
		"/Portal/Read: is not in canonical form",
		"Fixed: [/portal/read/ /reports/]",
		"collection 7: true before, false after.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

// full is an output that takes nothing more, like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputFails(t *testing.T) {
	if err := run(full{}); err == nil || err.Error() != "no space left on device" {
		t.Errorf("run = %v", err)
	}
}

package permissions_test

import (
	"fmt"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

// hundred is the set of a role that may view a hundred collections.
func hundred() permissions.Set {
	var list []permissions.Path
	for i := range 100 {
		list = append(list, permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", i+1)))
	}
	return permissions.NewSet(list...)
}

// thirtyNames is a role as they are found on servers that grew up with version 1.
func thirtyNames() []permissions.Legacy {
	names := []permissions.Legacy{
		"AdminPortal:Read", "Dashboard:Read", "Dashboard:RiskHeader", "Certificates:Read", "Certificates:EditMetadata", "Certificates:Import",
		"Certificates:Recover", "CertificateEnrollment:EnrollPFX", "CertificateEnrollment:EnrollCSR", "CertificateEnrollment:CsrGeneration",
		"CertificateEnrollment:PendingCsr", "CertificateMetadataTypes:Read", "CertificateStoreManagement:Read",
		"CertificateStoreManagement:Schedule", "PkiManagement:Read", "Reports:Read", "WorkflowDefinitions:Read", "WorkflowInstances:ReadAll",
		"WorkflowInstances:ReadMy", "WorkflowManagement:Read", "WorkflowManagement:Participate", "AgentManagement:Read", "API:Read",
		"SslManagement:Read", "SSH:User",
	}
	for id := range 5 {
		names = append(names, permissions.CollectionRevoke.On(id+1))
	}
	return names
}

func BenchmarkPathCovers(b *testing.B) {
	p, q := permissions.Path("/certificates/collections/"), permissions.Path("/certificates/collections/read/60/")
	b.ReportAllocs()
	for b.Loop() {
		if !p.Covers(q) {
			b.Fatal("does not cover")
		}
	}
}

func BenchmarkSetAllows(b *testing.B) {
	set := hundred()
	b.ReportAllocs()
	for b.Loop() {
		if !set.Allows("/certificates/collections/read/50/") {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkSetAllowsNot(b *testing.B) {
	set := hundred()
	b.ReportAllocs()
	for b.Loop() {
		if set.Allows("/certificates/collections/revoke/50/") {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkKnownLegacy(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := permissions.KnownLegacy("Certificates:Read"); !ok {
			b.Fatal("not known")
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := permissions.Known("/certificates/collections/read/60/"); !ok {
			b.Fatal("not known")
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	names := thirtyNames()
	b.ReportAllocs()
	for b.Loop() {
		if permissions.Convert(names, nil).Set.Len() == 0 {
			b.Fatal("empty")
		}
	}
}

func BenchmarkNewSet(b *testing.B) {
	list := hundred().Paths()
	b.ReportAllocs()
	for b.Loop() {
		permissions.NewSet(list...)
	}
}

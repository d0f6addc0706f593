package bench_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/internal/specimen"
)

// A size counts what is written.
type size int

func (s *size) Write(p []byte) (int, error) {
	*s += size(len(p))
	return len(p), nil
}

// BenchmarkPage writes the page of a review of 1,000 roles and 7,000 accounts,
// groups and clients. The bytes that it allocates in all are more than it holds at
// any time.
func BenchmarkPage(b *testing.B) {
	r := specimen.Large(1000, 7000)
	b.ReportAllocs()
	var written size
	for b.Loop() {
		written = 0
		if err := r.WriteHTML(&written); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(written)/(1<<20), "MiB/page")
}

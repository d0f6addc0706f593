package bench_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/bench"
)

var server *bench.Server

func TestMain(m *testing.M) {
	bench.Child()
	var err error
	if server, err = bench.StartServer(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = server.Close()
	os.Exit(code)
}

// TestWorks does everything once, so that the benchmarks are known to run.
func TestWorks(t *testing.T) {
	list, skipped, err := bench.Works(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	if skipped != "" {
		t.Log(skipped)
	}
	for _, work := range list {
		work.Ops = 1
		if work.Ideal > 0 {
			work.Ways = work.Ways[1:] // the floor takes seconds
		}
		if _, err := bench.Compare(t.Context(), work, 1); err != nil {
			t.Error(err)
		}
	}
}

func Benchmark(b *testing.B) {
	list, skipped, err := bench.Works(b.Context(), server)
	if err != nil {
		b.Fatal(err)
	}
	if skipped != "" {
		b.Log(skipped)
	}
	for _, work := range list {
		b.Run(strings.ReplaceAll(work.Name, ",", ""), func(b *testing.B) {
			for _, way := range work.Ways {
				b.Run(strings.ReplaceAll(way.Name, ",", ""), func(b *testing.B) {
					if err := way.Do(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					b.ResetTimer()
					cost, err := bench.Measure(b.Context(), b.N, way.Do)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(cost.CPU), "cpu-ns/op")
					b.ReportMetric(float64(cost.Time), "ns/op")
					b.ReportMetric(cost.Allocs, "allocs/op")
					b.ReportMetric(cost.Bytes, "B/op")
					if work.Ideal > 0 {
						b.ReportMetric(float64(cost.Time)/float64(work.Ideal), "x-ideal")
					}
				})
			}
		})
	}
}

// BenchmarkMemory reports how much more memory walking 100,000 roles takes than
// doing nothing.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		idle, walk, err := bench.Weigh(b.Context(), server)
		if err != nil {
			b.Fatal(err)
		}
		const mib = 1 << 20
		b.ReportMetric((float64(walk.Heap)-float64(idle.Heap))/mib, "heap-MiB")
		b.ReportMetric((float64(walk.Resident)-float64(idle.Resident))/mib, "process-MiB")
	}
}

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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

// TestWorks does everything once, except what takes seconds, so that the
// benchmarks and the report are known to run.
func TestWorks(t *testing.T) {
	for _, work := range works(t) {
		for _, way := range work.Ways {
			if work.Ideal > 0 && !strings.HasPrefix(way.Name, "this library") {
				continue
			}
			if err := way.Do(t.Context()); err != nil {
				t.Errorf("%s, %s: %v", work.Name, way.Name, err)
			}
		}
	}
}

// TestDefaults holds the row about a walk without options to what it says: the
// ideal time belongs to pages of 200.
func TestDefaults(t *testing.T) {
	list, skipped, err := bench.Works(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	for _, work := range list {
		if !strings.Contains(work.Name, "as a user writes it") {
			continue
		}
		work.Ways = work.Ways[:1]
		results, err := bench.Compare(t.Context(), server, work, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := results[0].Requests; got != 50 {
			t.Errorf("a walk over 10,000 roles made %d requests, not 50", got)
		}
		if want := 50 * 20 * time.Millisecond / 4; work.Ideal != want {
			t.Errorf("the ideal time is %v, not %v", work.Ideal, want)
		}
		return
	}
	if skipped == "" {
		t.Fatal("the row is missing, and nothing says why")
	}
	t.Log(skipped)
}

func TestCompare(t *testing.T) {
	var done [2]int
	work := bench.Work{Name: "a work", Ops: 3, Ways: []bench.Way{
		{Name: "first", Do: func(context.Context) error { done[0]++; return nil }},
		{Name: "second", Do: func(context.Context) error {
			done[1]++
			time.Sleep(time.Millisecond)
			return nil
		}},
	}}
	results, err := bench.Compare(t.Context(), server, work, 5)
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 5*3; done != [2]int{want, want} {
		t.Errorf("the ways were done %v times, not %d", done, want)
	}
	first, second := results[0], results[1]
	if first.Ratio.Time != 1 || second.Ratio.Time < 2 || second.Cost.Time < time.Millisecond {
		t.Errorf("the first takes %v (× %v), the second %v (× %v)", first.Cost.Time, first.Ratio.Time, second.Cost.Time, second.Ratio.Time)
	}
	if first.Rounds != 5 || first.Requests != 0 {
		t.Errorf("%d rounds and %d requests, not 5 and 0", first.Rounds, first.Requests)
	}
	work.Rounds = 2
	if results, err = bench.Compare(t.Context(), server, work, 5); err != nil || results[0].Rounds != 2 {
		t.Errorf("%d rounds (%v), not 2", results[0].Rounds, err)
	}
	work.Ways[1].Do = func(context.Context) error { return errors.New("no") }
	if _, err = bench.Compare(t.Context(), server, work, 5); err == nil || err.Error() != "a work, second: no" {
		t.Errorf("the error is %v", err)
	}
}

func TestWeigh(t *testing.T) {
	weight, err := bench.Weigh(t.Context(), server, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	if weight.Heap < 1<<10 {
		t.Errorf("a walk needs %d bytes", weight.Heap)
	}
}

// TestWindows: every window is measured, and none is shorter than the request that it is.
func TestWindows(t *testing.T) {
	const count = 20
	windows, err := bench.Windows(t.Context(), server, count)
	if err != nil {
		t.Fatal(err)
	}
	if len(windows) != 2 {
		t.Fatalf("%+v", windows)
	}
	for _, w := range windows {
		if w.Count != count || w.Median < 10*time.Millisecond || w.P99 < w.Median || w.Most < w.P99 {
			t.Errorf("%+v", w)
		}
	}
}

func works(t testing.TB) []bench.Work {
	t.Helper()
	list, skipped, err := bench.Works(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	if skipped != "" {
		t.Log(skipped)
	}
	return list
}

func Benchmark(b *testing.B) {
	for _, work := range works(b) {
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

// BenchmarkMemory reports how much more memory a program needs that walks
// 100,000 roles than one that does nothing.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		idle, err := bench.Weigh(b.Context(), server, 0)
		if err != nil {
			b.Fatal(err)
		}
		walk, err := bench.Weigh(b.Context(), server, 100_000)
		if err != nil {
			b.Fatal(err)
		}
		const mib = 1 << 20
		b.ReportMetric((float64(walk.Heap)-float64(idle.Heap))/mib, "heap-MiB")
		b.ReportMetric((float64(walk.Resident)-float64(idle.Resident))/mib, "process-MiB")
	}
}

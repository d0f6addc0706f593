// Package bench measures the library against the floor (the best plain code
// with net/http and encoding/json that does the same work) and against the
// client that Keyfactor publishes.
//
// The benchmarks run as usual (go test -bench .); the program in report runs
// them in turns and prints a table of medians. The server is a process of its
// own, so that processor time and memory are those of the client alone.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Work is one thing to do, and the ways to do it.
type Work struct {
	Name string
	Ways []Way // the first is the floor
	// Ops is how often a round of the report does it each way.
	Ops int
	// Rounds limits the rounds of the report, for what takes long; 0 for all.
	Rounds int
	// Ideal is the time that the server's latency alone takes, 0 where it has none.
	Ideal time.Duration
}

// Way is one way to do it.
type Way struct {
	Name string
	Do   func(context.Context) error
}

// Cost is what it costs to do something once.
type Cost struct {
	Time   time.Duration
	CPU    time.Duration // user and system time of this process; 0 where it cannot be had
	Allocs float64
	Bytes  float64
}

// Measure does something ops times.
func Measure(ctx context.Context, ops int, do func(context.Context) error) (Cost, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	for range ops {
		if err := do(ctx); err != nil {
			return Cost{}, err
		}
	}
	took, used := time.Since(start), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	n := float64(ops)
	return Cost{
		Time: took / time.Duration(ops), CPU: used / time.Duration(ops),
		Allocs: float64(after.Mallocs-before.Mallocs) / n, Bytes: float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, nil
}

// Result is what one way cost, as medians of the rounds, and what it cost in
// proportion to the floor, as medians of the ratios within each round.
type Result struct {
	Way   string
	Cost  Cost
	Ratio struct{ Time, CPU, Allocs float64 }
}

// Compare does w each way, round after round, in turns.
func Compare(ctx context.Context, w Work, rounds int) ([]Result, error) {
	if w.Rounds > 0 {
		rounds = min(rounds, w.Rounds)
	}
	costs := make([][]Cost, len(w.Ways))
	for i, way := range w.Ways { // connections, caches, pools
		if err := way.Do(ctx); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", w.Name, way.Name, err)
		}
		costs[i] = make([]Cost, rounds)
	}
	for round := range rounds {
		for turn := range w.Ways {
			i := (turn + round) % len(w.Ways)
			cost, err := Measure(ctx, w.Ops, w.Ways[i].Do)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", w.Name, w.Ways[i].Name, err)
			}
			costs[i][round] = cost
		}
	}
	results := make([]Result, len(w.Ways))
	for i, way := range w.Ways {
		r := Result{Way: way.Name}
		of := func(value func(Cost) float64) (middle, ratio float64) {
			values, ratios := make([]float64, rounds), make([]float64, rounds)
			for k := range rounds {
				values[k] = value(costs[i][k])
				ratios[k] = values[k] / value(costs[0][k])
			}
			return median(values), median(ratios)
		}
		var t, c float64
		t, r.Ratio.Time = of(func(c Cost) float64 { return float64(c.Time) })
		c, r.Ratio.CPU = of(func(c Cost) float64 { return float64(c.CPU) })
		r.Cost.Time, r.Cost.CPU = time.Duration(t), time.Duration(c)
		r.Cost.Allocs, r.Ratio.Allocs = of(func(c Cost) float64 { return c.Allocs })
		r.Cost.Bytes, _ = of(func(c Cost) float64 { return c.Bytes })
		results[i] = r
	}
	return results, nil
}

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

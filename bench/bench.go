// Package bench measures the library against the floor (the best plain code
// with net/http and encoding/json that does the same work) and against the
// client that Keyfactor publishes.
//
// The benchmarks run as usual (go test -bench .). The program in report
// alternates between the ways to do each work, and prints tables of medians and
// the targets with what was measured. The server is a process of its own, so
// that processor time and memory are those of the client alone.
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
	// Ways are compared with the first of them: the floor if there is one.
	Ways []Way
	// Ops is how often a round of the report does it each way.
	Ops int
	// Rounds limits the rounds of the report, for what takes long; 0 for no limit.
	Rounds int
	// Ideal is the time that the server's latency alone takes; 0 if it has none.
	Ideal time.Duration
	// Targets are the limits that the results have to keep.
	Targets []Target
}

// Way is one way to do it.
type Way struct {
	Name string
	Do   func(context.Context) error
}

// Target is a limit for something that was measured.
type Target struct {
	Text   string
	AtMost float64
	Unit   string
	Of     func([]Result) float64 // what is limited, from the results of all ways
}

// Cost is what it costs to do something once.
type Cost struct {
	Time   time.Duration
	CPU    time.Duration // user and system time of this process; 0 if the system does not say
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
// proportion to the first way, as medians of the ratios within each round.
type Result struct {
	Way      string
	Requests int64 // that the server got when it was done once
	Rounds   int
	Cost     Cost
	Ratio    struct{ Time, CPU, Allocs float64 }
}

// patience is how long doing a work once, in all ways, may take to be repeated.
const patience = 30 * time.Second

// Compare does w in each way, alternating, round after round. A work that takes
// longer than 30 seconds is done once.
func Compare(ctx context.Context, s *Server, w Work, rounds int) ([]Result, error) {
	costs, results := make([][]Cost, len(w.Ways)), make([]Result, len(w.Ways))
	var spent time.Duration
	for i, way := range w.Ways { // this also fills pools and caches, and opens connections
		results[i].Way = way.Name
		before, err := s.Requests(ctx)
		if err != nil {
			return nil, err
		}
		cost, err := Measure(ctx, 1, way.Do)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", w.Name, way.Name, err)
		}
		after, err := s.Requests(ctx)
		if err != nil {
			return nil, err
		}
		results[i].Requests = after - before
		costs[i] = []Cost{cost}
		spent += cost.Time
	}
	if w.Rounds > 0 {
		rounds = min(rounds, w.Rounds)
	}
	if spent <= patience {
		if err := alternate(ctx, w, rounds, costs); err != nil {
			return nil, err
		}
	}
	for i := range results {
		results[i].summarize(costs[i], costs[0])
	}
	return results, nil
}

// alternate does w in each way, rounds times. Each round begins with another way.
func alternate(ctx context.Context, w Work, rounds int, costs [][]Cost) error {
	for i := range costs {
		costs[i] = make([]Cost, rounds)
	}
	for round := range rounds {
		for turn := range w.Ways {
			i := (turn + round) % len(w.Ways)
			cost, err := Measure(ctx, w.Ops, w.Ways[i].Do)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", w.Name, w.Ways[i].Name, err)
			}
			costs[i][round] = cost
		}
	}
	return nil
}

func (r *Result) summarize(costs, first []Cost) {
	of := func(value func(Cost) float64) (middle, ratio float64) {
		values, ratios := make([]float64, len(costs)), make([]float64, len(costs))
		for k := range costs {
			values[k] = value(costs[k])
			ratios[k] = values[k] / value(first[k])
		}
		return median(values), median(ratios)
	}
	var t, c float64
	t, r.Ratio.Time = of(func(c Cost) float64 { return float64(c.Time) })
	c, r.Ratio.CPU = of(func(c Cost) float64 { return float64(c.CPU) })
	r.Cost.Time, r.Cost.CPU = time.Duration(t), time.Duration(c)
	r.Cost.Allocs, r.Ratio.Allocs = of(func(c Cost) float64 { return c.Allocs })
	r.Cost.Bytes, _ = of(func(c Cost) float64 { return c.Bytes })
	r.Rounds = len(costs)
}

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

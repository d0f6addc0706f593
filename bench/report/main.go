// The program report measures everything several times, alternating between the
// ways to do it, and prints tables in Markdown: medians, memory, and the targets
// with whether they are met.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/commandsec/commandsec-go/bench"
)

func main() {
	bench.Child()
	rounds := flag.Int("rounds", 41, "rounds of each measurement; fewer for what takes long")
	only := flag.String("run", "", "only what this regular expression matches; memory is called \"memory\", the window before a write \"window\"")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, os.Stdout, *rounds, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the process ends either way
	}
}

// verdict is a target, and what was measured.
type verdict struct {
	bench.Target
	measured float64
}

func report(ctx context.Context, w io.Writer, rounds int, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	server, err := bench.StartServer(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	list, skipped, err := bench.Works(ctx, server)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %s/%s, %d cores, %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	fmt.Fprintln(w, "| Work | Way | Requests | Time | × | CPU | × | Allocations | × | KiB | × ideal |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	var verdicts []verdict
	for _, work := range list {
		if !wanted.MatchString(work.Name) {
			continue
		}
		results, err := bench.Compare(ctx, server, work, rounds)
		if err != nil {
			return err
		}
		for i, r := range results {
			name, requests, ideal := work.Name, "", ""
			if i > 0 {
				name = ""
			}
			if r.Requests > 0 {
				requests = strconv.FormatInt(r.Requests, 10)
			}
			if work.Ideal > 0 {
				ideal = fmt.Sprintf("%.2f", float64(r.Cost.Time)/float64(work.Ideal))
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %.0f | %s | %.0f | %s |\n", name, r.Way, requests, short(r.Cost.Time),
				ratio(r.Ratio.Time), short(r.Cost.CPU), ratio(r.Ratio.CPU), r.Cost.Allocs, ratio(r.Ratio.Allocs), r.Cost.Bytes/1024, ideal)
		}
		for _, t := range work.Targets {
			verdicts = append(verdicts, verdict{t, t.Of(results)})
		}
	}
	if skipped != "" {
		fmt.Fprintln(w, "\nNot measured:", skipped)
	}
	if wanted.MatchString("memory") {
		more, err := memory(ctx, w, server)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, more...)
	}
	if wanted.MatchString("window") {
		if err := windows(ctx, w, server); err != nil {
			return err
		}
	}
	judge(w, verdicts)
	return nil
}

// windows measures how long what another program writes is not noticed.
func windows(ctx context.Context, w io.Writer, server *bench.Server) error {
	list, err := bench.Windows(ctx, server, 1_000)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\n| Window of a step | Steps | Median | 99 of 100 | Longest | Requests of other steps in between |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|")
	for _, v := range list {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %d |\n", v.Steps, v.Count, short(v.Median), short(v.P99), short(v.Most), v.Between)
	}
	return nil
}

// judge prints which targets are met.
func judge(w io.Writer, verdicts []verdict) {
	if len(verdicts) == 0 {
		return
	}
	fmt.Fprintln(w, "\n| Target | At most | Measured | |")
	fmt.Fprintln(w, "|---|--:|--:|---|")
	missed := 0
	for _, v := range verdicts {
		word := "met"
		if !(v.measured <= v.AtMost) { // true for NaN too
			word = "**missed**"
			missed++
		}
		fmt.Fprintf(w, "| %s | %g %s | %.2f | %s |\n", v.Text, v.AtMost, v.Unit, v.measured, word)
	}
	fmt.Fprintf(w, "\n%d targets, %d missed.\n", len(verdicts), missed)
}

const mib = 1 << 20

// memory measures what walks need, in processes of their own.
func memory(ctx context.Context, w io.Writer, server *bench.Server) ([]verdict, error) {
	const times = 5
	sizes := []int{0, 10_000, 100_000}
	heaps, residents := make([][]uint64, len(sizes)), make([][]uint64, len(sizes))
	for range times {
		for i, size := range sizes {
			weight, err := bench.Weigh(ctx, server, size)
			if err != nil {
				return nil, err
			}
			heaps[i], residents[i] = append(heaps[i], weight.Heap), append(residents[i], weight.Resident)
		}
	}
	fmt.Fprintf(w, "\nMost memory needed, the most of %d runs, in MiB:\n\n", times)
	fmt.Fprintln(w, "| | idle program | walk of 10,000 roles | walk of 100,000 roles |")
	fmt.Fprintln(w, "|---|--:|--:|--:|")
	row := func(name string, values [][]uint64) {
		fmt.Fprintf(w, "| %s | %.1f | %.1f | %.1f |\n", name, most(values[0])/mib, most(values[1])/mib, most(values[2])/mib)
	}
	row("heap", heaps)
	row("whole process", residents)
	return []verdict{
		{bench.Target{Text: "walk of 100,000 roles: heap over an idle program's", AtMost: 16, Unit: "MiB"}, (most(heaps[2]) - most(heaps[0])) / mib},
		{
			bench.Target{Text: "walk: more heap for each role from 10,000 to 100,000", AtMost: 100, Unit: "bytes"},
			(most(heaps[2]) - most(heaps[1])) / float64(sizes[2]-sizes[1]),
		},
	}, nil
}

func most(values []uint64) float64 { return float64(slices.Max(values)) }

// ratio is "" if there is none, because nothing was compared with nothing.
func ratio(f float64) string {
	if math.IsNaN(f) {
		return ""
	}
	return fmt.Sprintf("%.3f", f)
}

// short is a duration with about three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}

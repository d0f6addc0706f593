// The program report measures everything in turns, several times, and prints a
// table of medians in Markdown.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/commandsec/commandsec-go/bench"
)

func main() {
	bench.Child()
	rounds := flag.Int("rounds", 41, "rounds of each measurement; 5 at most of what takes seconds")
	only := flag.String("run", "", "only what this regular expression matches")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, os.Stdout, *rounds, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the process ends either way
	}
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
	fmt.Fprintln(w, "| Work | Way | Time | × | CPU | × | Allocations | × | KiB | × ideal |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, work := range list {
		if !wanted.MatchString(work.Name) {
			continue
		}
		results, err := bench.Compare(ctx, work, rounds)
		if err != nil {
			return err
		}
		for _, r := range results {
			ideal := ""
			if work.Ideal > 0 {
				ideal = fmt.Sprintf("%.2f", float64(r.Cost.Time)/float64(work.Ideal))
			}
			fmt.Fprintf(w, "| %s | %s | %s | %.3f | %s | %.3f | %.0f | %.3f | %.0f | %s |\n", work.Name, r.Way,
				short(r.Cost.Time), r.Ratio.Time, short(r.Cost.CPU), r.Ratio.CPU, r.Cost.Allocs, r.Ratio.Allocs, r.Cost.Bytes/1024, ideal)
		}
	}
	if skipped != "" {
		fmt.Fprintln(w, "\nNot measured:", skipped)
	}
	if !wanted.MatchString("memory") {
		return nil
	}
	return memory(ctx, w, server)
}

func memory(ctx context.Context, w io.Writer, server *bench.Server) error {
	const mib, times = 1 << 20, 5
	var idles, walks []bench.Weight
	for range times {
		idle, walk, err := bench.Weigh(ctx, server)
		if err != nil {
			return err
		}
		idles, walks = append(idles, idle), append(walks, walk)
	}
	most := func(list []bench.Weight, value func(bench.Weight) uint64) float64 {
		var values []uint64
		for _, v := range list {
			values = append(values, value(v))
		}
		slices.Sort(values)
		return float64(values[len(values)-1]) / mib
	}
	heap := func(v bench.Weight) uint64 { return v.Heap }
	resident := func(v bench.Weight) uint64 { return v.Resident }
	fmt.Fprintf(w, "\nMemory at the most, of %d runs, in MiB:\n\n", times)
	fmt.Fprintln(w, "| | idle program | walking 100,000 roles |")
	fmt.Fprintln(w, "|---|--:|--:|")
	fmt.Fprintf(w, "| heap | %.1f | %.1f |\n", most(idles, heap), most(walks, heap))
	fmt.Fprintf(w, "| whole process | %.1f | %.1f |\n", most(idles, resident), most(walks, resident))
	return nil
}

// short is a duration with three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}

package chaos_test

import (
	"context"
	"flag"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

var (
	operations = flag.Int("operations", 2000, "how many operations, half of them in HTTP/1.1 and half in HTTP/2")
	seed       = flag.Uint64("seed", 1, "chooses the operations and the faults")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workers is how many goroutines there are.
const workers = 100

func TestChaos(t *testing.T) { // not parallel: it uses all there is of the machine
	defer log.SetOutput(os.Stderr)
	for proto, opts := range map[string][]securitytest.Option{"HTTP1": nil, "HTTP2": {securitytest.WithHTTP2()}} {
		t.Run(proto, func(t *testing.T) {
			w := newWorld(t, *seed, *operations/2, opts...)
			log.SetOutput(w) // net/http complains of what the faults do to its connections
			w.run(*operations / 2)
			w.mu.Lock()
			w.search()
			w.mu.Unlock()
			state := w.final(t.Context())
			problems := append(w.check(state), state.repeated()...)
			if n := w.strayed.Load(); n > 0 {
				problems = append(problems, fmt.Sprintf("%d requests went to another origin", n))
			}
			for _, p := range problems[:min(len(problems), 10)] {
				t.Error(p)
			}
			if len(problems) > 0 {
				t.Errorf("%d problems. To repeat: go test ./internal/chaos -run TestChaos/%s -operations %d -seed %d", len(problems), proto, *operations, *seed)
			}
			w.summary()
		})
	}
}

// run does the operations, many at a time.
func (w *world) run(n int) {
	w.learn()
	w.server.InjectChaos(securitytest.Chaos{Seed: w.seed, Rate: 0.15, Faults: w.faults()})
	// Lists that lie, and writes that are slow enough for others to come in between.
	w.server.InjectChaos(securitytest.Chaos{Seed: w.seed + 1, Rate: 0.1, Faults: []securitytest.Fault{
		{PageOff: -1}, {PageOff: 1}, {ItemOff: -1}, {ItemOff: 1}, {TotalOff: -1}, {TotalOff: 1},
	}})
	w.server.InjectChaos(securitytest.Chaos{Seed: w.seed + 2, Rate: 0.5, Faults: []securitytest.Fault{
		{Method: http.MethodPut, Path: "/Security/Roles", Latency: 5 * time.Millisecond},
	}})
	w.server.InjectChaos(securitytest.Chaos{Seed: w.seed + 3, Rate: 0.4, Faults: []securitytest.Fault{
		{Path: securitytest.TokenPath, Status: 503},
		{Path: securitytest.TokenPath, Status: 401, Body: `{"error":"invalid_client"}`},
		{Path: securitytest.TokenPath, Status: 500, Echo: true},
		{Path: securitytest.TokenPath, Reset: true},
		{Path: securitytest.TokenPath, Hang: true},
		{Path: securitytest.TokenPath, Truncate: true},
		{Path: securitytest.TokenPath, HTMLLogin: true},
		{Path: securitytest.TokenPath, Location: w.elsewhere.URL + "{uri}"},
	}})
	ctx, stop := context.WithCancel(w.t.Context())
	var beating sync.WaitGroup
	beating.Go(func() { w.pulse.run(ctx) })
	defer func() { stop(); beating.Wait() }()
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				w.one(i)
			}
		})
	}
	group.Wait()
	time.Sleep(200 * time.Millisecond) // for what is carried out late
	for _, client := range append(w.clients, w.settling...) {
		client.CloseIdleConnections()
	}
	w.server.ClearFaults()
}

// one does the operation with a number. Some are given up in the middle.
func (w *world) one(i int) {
	o := &op{world: w, i: i, draw: rand.New(rand.NewPCG(w.seed, uint64(i))), client: w.clients[i%len(w.clients)]}
	ctx, cancel := context.WithTimeout(w.t.Context(), patient)
	defer cancel()
	if o.draw.IntN(10) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.draw.Int64N(int64(100*time.Millisecond))))
		defer cancel()
	}
	if i%10 == 0 {
		w.server.RevokeTokens()
	}
	o.ctx = ctx
	kinds[o.draw.IntN(len(kinds))](o)
	end, _ := ctx.Deadline()
	over := time.Since(end)
	if ctx.Err() == nil || over < 0 {
		return
	}
	if most := 300*time.Millisecond + 10*w.pulse.latest(end); over > most {
		w.problem("operation %d went on for %v after its context, which is more than the %v that this machine explains", i, over, most)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = max(w.late, over)
}

// pulse tells how slow the machine is: a hundred goroutines and a server share it with the race detector, and with
// whatever else it does. It beats every few milliseconds, as far as it can.
type pulse struct {
	mu    sync.Mutex
	beats []beat
}

type beat struct {
	at   time.Time
	late time.Duration
}

func (p *pulse) run(ctx context.Context) {
	const every = 5 * time.Millisecond
	for ctx.Err() == nil {
		before := time.Now()
		time.Sleep(every) // how long that really takes is the question
		p.mu.Lock()
		p.beats = append(p.beats, beat{time.Now(), time.Since(before) - every})
		if len(p.beats) > 4000 {
			p.beats = slices.Clone(p.beats[2000:])
		}
		p.mu.Unlock()
	}
}

// latest is the latest beat since a time. The beat that is due now may be late as well.
func (p *pulse) latest(since time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := time.Duration(0)
	last := since
	for _, b := range p.beats {
		if last = b.at; b.at.After(since) {
			late = max(late, b.late)
		}
	}
	return max(late, time.Since(last))
}

// summary tells what was done.
func (w *world) summary() {
	hit, kinds := 0, map[string]bool{}
	requests := w.server.Requests()
	for _, r := range requests {
		if r.Fault != "" {
			hit++
			kinds[r.Fault] = true
		}
	}
	w.t.Logf("%d requests, %d of them hit by %d kinds of faults; at most %v after the end of a context", len(requests), hit, len(kinds), w.late)
	for _, fault := range w.server.UnusedFaults() {
		w.t.Logf("hit nothing: %v", fault)
	}
	for _, counts := range []map[string]int{w.outcomes, w.errors} {
		for _, key := range slices.Sorted(maps.Keys(counts)) {
			w.t.Logf("%6d %s", counts[key], key)
		}
	}
}

// said notes the text of an error and of a change.
func (w *world) said(err error, change security.Change) {
	if err != nil {
		w.print(fmt.Sprintf("%v\n%+v\n%#v", err, err, err))
	}
	w.print(change.String())
}

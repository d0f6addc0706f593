package chaos_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/commandsec/commandsec-go/security"
)

// outcome is what a result says about a write.
type outcome int

const (
	failed  outcome = iota // it was not done
	unknown                // it may have been done
	done
)

func (o outcome) String() string { return [...]string{"failed", "unknown", "done"}[o] }

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, security.ErrUnknownOutcome):
		return unknown
	}
	return failed
}

// fact is something about the server that a write changes: that there is an object, that a role holds a claim.
type fact struct {
	what string // as it is looked up in the final state, see final
	// allowed are the values that the results permit, with the write that led to the last one.
	allowed []string
	why     string
}

// ledger is what the results said.
type ledger struct {
	mu       sync.Mutex
	facts    map[string]*fact
	ensured  map[string]outcome
	counted  map[string][2]int // done, and unknown
	outcomes map[string]int
	errors   map[string]int // kinds of failures, for the summary
	problems []string
}

func newLedger() *ledger {
	return &ledger{facts: map[string]*fact{}, ensured: map[string]outcome{}, counted: map[string][2]int{}, outcomes: map[string]int{}, errors: map[string]int{}}
}

// wrote notes a write that was to give what, which had the value before, the value after. No two writes of the same thing
// run at the same time.
func (l *ledger) wrote(op, what, before, after string, err error) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := outcomeOf(err)
	f := l.facts[what]
	if f == nil {
		f = &fact{what: what}
		l.facts[what] = f
	}
	switch result {
	case done:
		f.allowed = []string{after}
	case failed:
		f.allowed = []string{before}
	case unknown:
		f.allowed = []string{before, after}
	}
	f.why = fmt.Sprintf("%s: %v", op, err)
	l.note(op, result, err)
	return result
}

// ensure notes that what was ensured: any success means that it is there once.
func (l *ledger) ensure(op, what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := outcomeOf(err)
	l.ensured[what] = max(l.ensured[what], result)
	l.note(op, result, err)
}

// count notes one increment of a counter.
func (l *ledger) count(op, what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.counted[what]
	switch result := outcomeOf(err); result {
	case done:
		n[0]++
	case unknown:
		n[1]++
	case failed:
	}
	l.counted[what] = n
	l.note(op, outcomeOf(err), err)
}

// read notes a read.
func (l *ledger) read(op string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := outcomeOf(err)
	if result == unknown {
		l.problems = append(l.problems, fmt.Sprintf("%s: a read of unknown outcome: %v", op, err))
	}
	l.note(op, result, err)
}

func (l *ledger) note(op string, result outcome, err error) {
	op, _, _ = strings.Cut(op, " ")
	l.outcomes[op+" "+result.String()]++
	if err != nil {
		text := err.Error()
		for _, kind := range []error{
			security.ErrUnknownOutcome, security.ErrListChanged, security.ErrConflict, security.ErrUnauthorized, security.ErrForbidden,
			security.ErrNotFound, security.ErrNoEndpoint, security.ErrRateLimited, security.ErrInvalid,
		} {
			if errors.Is(err, kind) {
				text = kind.Error()
				break
			}
		}
		l.errors[text[:min(len(text), 40)]]++
	}
}

func (l *ledger) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// check compares what the results said with what there is: the value of each thing, and how often it is there.
func (l *ledger) check(state *final) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	problems := l.problems
	wrong := func(what, format string, args ...any) {
		problems = append(problems, what+": "+fmt.Sprintf(format, args...)+state.trace(what))
	}
	for what, f := range l.facts {
		values := state.values[what]
		if len(values) > 1 {
			wrong(what, "is there %d times (%s)", len(values), f.why)
			continue
		}
		got := absent
		if len(values) == 1 {
			got = values[0]
		}
		if !slices.Contains(f.allowed, got) {
			wrong(what, "is %q, want one of %q (%s)", got, f.allowed, f.why)
		}
	}
	for what, result := range l.ensured {
		n := len(state.values[what])
		if n > 1 || result == done && n == 0 || result == failed && n > 0 {
			wrong(what, "is there %d times, and the best result of ensuring it is %v", n, result)
		}
	}
	for what, n := range l.counted {
		got := -1
		if values := state.values[what]; len(values) == 1 {
			_, _ = fmt.Sscan(values[0], &got)
		}
		if got < n[0] || got > n[0]+n[1] {
			wrong(what, "was counted up to %d, with %d successes and %d unknown outcomes", got, n[0], n[1])
		}
	}
	return problems
}

// absent is the value of what is not there.
const absent = ""

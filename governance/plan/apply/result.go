package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// Status is what became of a step.
type Status string

// The statuses.
const (
	Done        Status = "done"
	AlreadyDone Status = "already done" // by an earlier run, or by somebody else
	Skipped     Status = "skipped"      // it is blocked, or needs what was not done
	Failed      Status = "failed"       // it was not done
	Unknown     Status = "unknown"      // it may or may not have been done
	NotBegun    Status = "not begun"    // something stopped the run before
	ToDo        Status = "to do"        // by a dry run
)

// Result is what became of a plan.
type Result struct {
	Plan   string // digest
	DryRun bool
	Steps  []StepResult // all steps of the plan, in its order
	Notes  []string     // what was assumed, and what the journal does not have
}

// StepResult is what became of a step.
type StepResult struct {
	Number int
	Action plan.Action
	Kind   plan.Kind
	Name   string
	Status Status
	// Earlier: an earlier run with the same journal did it. The status is AlreadyDone.
	Earlier bool
	Text    string       // for people: which step it is, and what was done, or why not
	Err     error        // if it failed or is unknown
	After   *plan.Object // as it was read after the write; nil if it is gone, or was not written
}

// Count is how many steps have a status.
func (r *Result) Count(s Status) int {
	n := 0
	for i := range r.Steps {
		if r.Steps[i].Status == s {
			n++
		}
	}
	return n
}

// String says in a line how many steps became what: "12 done, 1 failed, 2 skipped".
func (r *Result) String() string {
	var parts []string
	for _, s := range []Status{Done, AlreadyDone, ToDo, Failed, Unknown, Skipped, NotBegun} {
		if n := r.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Result) fill(steps []*step) {
	for _, s := range steps {
		status, text := s.status, s.text
		if status == "" {
			status, text = NotBegun, s.Words()+": it was not begun; something stopped the run before"
		}
		r.Steps = append(r.Steps, StepResult{
			Number: s.Number, Action: s.Action, Kind: s.Kind, Name: s.Name, Status: status, Earlier: s.earlier, Text: text, Err: s.err, After: s.now,
		})
	}
}

// maxListed is how many steps or objects an error lists.
const maxListed = 20

// err is nil if nothing is left that is not blocked in the plan.
func (r *Result) err() error {
	var first error
	var texts []string
	left := 0
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Status != Failed && s.Status != Unknown {
			continue
		}
		if first == nil {
			first = s.Err
		}
		if left++; left <= maxListed {
			texts = append(texts, fmt.Sprintf("step %d %s: %s", s.Number, s.Status, s.Text))
		}
	}
	if left > maxListed {
		texts = append(texts, fmt.Sprintf("and %d more", left-maxListed))
	}
	if left == 0 {
		return nil
	}
	return &incomplete{strings.Join(texts, "\n"), first}
}

// incomplete is the error of a run that left something. It wraps that of the first step.
type incomplete struct {
	text  string
	first error
}

func (e *incomplete) Error() string { return e.text }
func (e *incomplete) Unwrap() error { return e.first }

// Moved is an object that is not as the plan found it.
type Moved struct {
	Kind  plan.Kind
	Name  string
	Steps []int  // that are about it
	Text  string // what is different
}

// MovedError says that objects are not as the plan found them, all of them, so that
// this run has written nothing.
type MovedError struct{ Objects []Moved }

// Error has a line for each of the first 20 objects.
func (e *MovedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the objects of the plan changed since it was made, and nothing was written by this run; take a new snapshot and make a new plan", len(e.Objects))
	for i, o := range e.Objects {
		if i == maxListed {
			fmt.Fprintf(&b, "\nand %d more", len(e.Objects)-i)
			break
		}
		fmt.Fprintf(&b, "\n%s %q: %s", o.Kind, show.Text(o.Name, maxShown), o.Text)
	}
	return b.String()
}

// movedError is that of one object, right before the write.
type movedError struct{ text string }

func (e *movedError) Error() string { return e.text }

// stops reports whether an error ends the whole run: each further request would fail in
// the same way.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, security.ErrUnauthorized)
}

package plan

import (
	"errors"

	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// Entry is a step that was carried out, as the journal of package apply has it.
type Entry struct {
	Step   Step    `json:"step"`
	Before *Object `json:"before,omitempty"` // as it was read before the write; nil: it was not there
	After  *Object `json:"after,omitempty"`  // as it was read after it, with its id; nil: it is gone
}

func Back(done []Entry, now *snapshot.Snapshot) (*Plan, error) { return nil, errors.New("not yet") }

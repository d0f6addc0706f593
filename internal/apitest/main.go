package apitest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/source"
)

// exchanged holds the operations that clients made by [Client] have sent.
var exchanged sync.Map

// Main is the TestMain of a package that declares operations. It runs the tests
// and fails if one of the operations was not sent through [Client], and so has
// no wire test, or if a goroutine outlives the tests. If only some of the tests
// run, operations are not checked.
func Main(m *testing.M) { goleak.VerifyTestMain(wireTests{m}) }

type wireTests struct{ tests *testing.M }

// Run runs the tests and returns the exit status.
func (w wireTests) Run() int {
	status := w.tests.Run()
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return status
		}
	}
	if status != 0 {
		return status
	}
	problems, err := untested(".")
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
		status = 1
	}
	return status
}

// untested says which operations of the package in a directory were not sent.
func untested(dir string) ([]string, error) {
	declared, err := source.OperationsIn(dir)
	if err != nil {
		return nil, err
	}
	here, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, op := range declared {
		if _, ok := exchanged.Load(op); !ok {
			problems = append(problems, fmt.Sprintf("FAIL: %s has no wire test: no test of package %s sent it. Add one beside the others in %[2]s/: "+
				"call the method with a client from apitest.Client, and say in an apitest.Exchange what must be sent.", op, filepath.Base(here)))
		}
	}
	return problems, nil
}

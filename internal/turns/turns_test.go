package turns_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commandsec/commandsec-go/internal/turns"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r turns.Registry
		first, err := turns.Take[[]string](t.Context(), &r, "a")
		if err != nil {
			t.Fatal(err)
		}
		*first.Shared = append(*first.Shared, "first")
		other, err := turns.Take[int](t.Context(), &r, "b") // another name is another turn
		if err != nil || *other.Shared != 0 {
			t.Fatal(err)
		}
		other.Leave()

		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer cancel()
		_, err = turns.Take[[]string](ctx, &r, "a")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, enough) || !strings.HasPrefix(err.Error(), "waiting for another call") {
			t.Errorf("a turn that is taken: %v", err)
		}

		begin := time.Now()
		time.AfterFunc(2*time.Second, first.Pause)
		second, err := turns.Take[[]string](t.Context(), &r, "a")
		if took := time.Since(begin); err != nil || took != 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		*second.Shared = append(*second.Shared, "second")
		time.AfterFunc(time.Second, second.Leave)
		if err := first.Resume(t.Context()); err != nil || len(*first.Shared) != 2 {
			t.Errorf("shared is %v, %v", *first.Shared, err)
		}
		first.Leave()

		fresh, err := turns.Take[[]string](t.Context(), &r, "a")
		if err != nil || *fresh.Shared != nil {
			t.Errorf("what was shared outlives those who shared it: %v, %v", *fresh.Shared, err)
		}
		fresh.Leave()
	})
}

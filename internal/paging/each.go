package paging

import (
	"context"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/security"
)

// Each yields what fetch makes of every item of a list, in the order of the list,
// with as many fetches under way at a time as the call options say. list makes the
// sequence with the options that it is given: it reads one page at a time and
// reports nothing to the caller. The first error, of the list or of fetch, ends it.
func Each[In, Out any](ctx context.Context, c *service.Client, call []security.CallOption,
	list func([]security.CallOption) iter.Seq2[In, error], fetch func(context.Context, In) (Out, error),
) iter.Seq2[Out, error] {
	type result struct {
		value Out
		err   error
	}
	return func(yield func(Out, error) bool) {
		options := service.Resolve(c, call)
		limit := options.InFlight()
		total, done := -1, 0
		listed := append(slices.Clip(call), security.WithConcurrency(1), service.Option[security.CallOption](func(s *service.Settings) {
			s.OnMeta = nil
			s.Progress = func(_, n int) { total = n } // runs in this goroutine: the sequence is pulled below
		}))
		// Leaving ends every fetch that is still under way and waits for it.
		ctx, cancel := context.WithCancel(ctx)
		var group errgroup.Group
		defer func() { cancel(); _ = group.Wait() }()
		next, stop := iter.Pull2(list(listed))
		defer stop()

		var queue []chan result
		for more := true; ; {
			for more && len(queue) < limit {
				item, err, ok := next()
				if more = ok && err == nil; !ok {
					break
				}
				slot := make(chan result, 1)
				queue = append(queue, slot)
				if err != nil {
					slot <- result{err: err}
					break
				}
				group.Go(func() error {
					value, err := fetch(ctx, item)
					slot <- result{value, err}
					return nil
				})
			}
			if len(queue) == 0 {
				return
			}
			r := <-queue[0]
			queue = queue[1:]
			if done++; r.err == nil && options.Progress != nil {
				options.Progress(done, total)
			}
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}

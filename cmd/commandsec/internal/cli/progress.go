package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A progress tells how far something is: with a bar on a terminal, elsewhere with a
// line from time to time.
type progress struct {
	w        io.Writer
	terminal bool

	mu   sync.Mutex
	what string
	bar  *progressbar.ProgressBar
	line int // how long the line is that stands on a terminal without a bar
	last time.Time
}

// between is the time between two lines.
const between = 5 * time.Second

func newProgress(w io.Writer) *progress {
	return &progress{w: w, terminal: isTerminal(w) && os.Getenv("TERM") != "dumb"}
}

// isTerminal reports whether a person sits at the other end of a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// tell is called with what is being done, and how much of it is. A total of -1 is not
// known yet.
func (p *progress) tell(what string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if what != p.what {
		p.clear()
		p.what, p.last = what, time.Now()
	}
	if p.terminal {
		p.draw(done, total)
		return
	}
	if now := time.Now(); now.Sub(p.last) >= between {
		p.last = now
		if total < 0 {
			fmt.Fprintf(p.w, "%s: %d\n", what, done)
		} else {
			fmt.Fprintf(p.w, "%s: %d of %d\n", what, done, total)
		}
	}
}

// draw draws the bar, once the total is known. Until then it only counts: a bar without
// an end would go on drawing by itself.
func (p *progress) draw(done, total int) {
	if total < 0 {
		p.line, _ = fmt.Fprintf(p.w, "\r%s: %d", p.what, done)
		return
	}
	if p.bar == nil {
		p.clear()
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.what), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		)
	}
	if p.bar.GetMax() != total {
		p.bar.ChangeMax(total)
	}
	_ = p.bar.Set(done) // a bar that cannot be drawn is no reason to stop
}

// clear takes what was drawn off the terminal.
func (p *progress) clear() {
	if p.line > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.line, "")
		p.line = 0
	}
	if p.bar != nil {
		_ = p.bar.Clear() // as in draw
		p.bar = nil
	}
}

// end takes the bar off the terminal, so that what is written next has a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Window is how long what another program writes is not noticed: from the last reading
// before a write until that write, as the server processes them.
type Window struct {
	Steps             string
	Count             int
	Median, P99, Most time.Duration
	Between           int // requests of other steps that the server got in between, the median
}

// Windows changes so many roles and makes as many claims with the default concurrency, at
// 10 ms a request, and measures the windows.
func Windows(ctx context.Context, s *Server, count int) ([]Window, error) {
	p, err := appliedPlan(ctx, s, count, count)
	if err != nil {
		return nil, err
	}
	if err := s.apply(ctx, p); err != nil {
		return nil, err
	}
	var seen map[string][]gap
	if err := s.ask(ctx, windowsPath, &seen); err != nil {
		return nil, err
	}
	var list []Window
	for _, steps := range []string{changes, creations} {
		gaps := seen[steps]
		if len(gaps) != count {
			err = errors.Join(err, fmt.Errorf("%s was not measured in full: %d of %d", steps, len(gaps), count))
			continue
		}
		slices.SortFunc(gaps, func(a, b gap) int { return cmp.Compare(a.Time, b.Time) })
		between := make([]int, len(gaps))
		for i, g := range gaps {
			between[i] = g.Between
		}
		list = append(list, Window{
			Steps: steps, Count: len(gaps), Median: gaps[len(gaps)/2].Time, P99: gaps[len(gaps)*99/100].Time, Most: gaps[len(gaps)-1].Time, Between: median(between),
		})
	}
	return list, err
}

// The steps whose windows are measured.
const (
	changes   = "change a role"
	creations = "make a claim, which is looked for in the list of all"
)

// gap is one window.
type gap struct {
	Time    time.Duration
	Between int
}

// watch notes when the server that plans are applied to processes what begins and ends a
// window.
type watch struct {
	mu       sync.Mutex
	requests int
	readings map[string]reading // the last one of an object
	seen     map[string][]gap
}

type reading struct {
	at      time.Time
	request int
}

func newWatch() *watch { return &watch{readings: map[string]reading{}, seen: map[string][]gap{}} }

// note is called right before a request is processed.
func (w *watch) note(r *http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	now := reading{time.Now(), w.requests}
	end := func(steps, object string) {
		if before, ok := w.readings[object]; ok {
			w.seen[steps] = append(w.seen[steps], gap{now.at.Sub(before.at), now.request - before.request - 1})
		}
	}
	at := r.Method + " " + r.URL.Path[strings.Index(r.URL.Path, apiRoot)+len(apiRoot):]
	switch {
	case strings.HasPrefix(at, "GET /Security/Roles/"):
		w.readings[path.Base(at)] = now
	case at == "PUT /Security/Roles":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var role struct{ ID json.Number }
		if err := json.Unmarshal(body, &role); err != nil {
			return err
		}
		end(changes, role.ID.String())
	case at == "GET /Security/Claims" && r.URL.Query().Get("PageReturned") == "1":
		w.readings["claims"] = now // the page that is the oldest when the list is complete
	case at == "POST /Security/Claims":
		end(creations, "claims")
	}
	return nil
}

func (w *watch) write(to io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return json.NewEncoder(to).Encode(w.seen)
}

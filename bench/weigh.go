package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// Weight is the most memory that a program needed.
type Weight struct {
	Heap     uint64 `json:"heap"`     // bytes of the heap in use: objects, garbage, and gaps between them
	Resident uint64 `json:"resident"` // bytes of memory of the whole process; 0 if the system does not say
}

// load is what the program is told to do.
type load struct {
	Server *Server `json:"server"`
	Roles  int     `json:"roles"`
}

// Weigh runs a program that walks that many roles, in a process of its own. With
// 0 roles it has a client and does nothing with it.
func Weigh(ctx context.Context, s *Server, count int) (w Weight, err error) {
	config, err := json.Marshal(load{s, count})
	if err != nil {
		return w, err
	}
	cmd, err := child(ctx, roleWeigh)
	if err != nil {
		return w, err
	}
	cmd.Stdin = bytes.NewReader(config)
	out, err := cmd.Output()
	if err != nil {
		return w, err
	}
	return w, json.Unmarshal(out, &w)
}

// peak does something, and returns the most bytes of the heap that were in use
// meanwhile. It looks every millisecond.
func peak(do func() error) (heap uint64, err error) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		samples := []metrics.Sample{
			{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(samples)
			heap = max(heap, samples[0].Value.Uint64()+samples[1].Value.Uint64())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	err = do()
	close(stop)
	<-stopped
	return heap, err
}

// weigh is the program.
func weigh() error {
	var l load
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	s := l.Server
	client, err := security.NewClient(s.Base(l.Roles, 0), security.WithBasicAuth(s.Username, s.Password),
		security.WithRootCAs(s.Certificate))
	if err != nil {
		return err
	}
	runtime.GC()

	var w Weight
	w.Heap, err = peak(func() error {
		if l.Roles > 0 {
			return walkAll(client, l.Roles)
		}
		<-time.After(100 * time.Millisecond)
		return nil
	})
	if err != nil {
		return err
	}
	w.Resident = maxResident()
	return json.NewEncoder(os.Stdout).Encode(w)
}

func walkAll(client *security.Client, want int) error {
	count := 0
	for _, err := range roles.NewV2(client).All(context.Background(), nil) {
		if err != nil {
			return err
		}
		count++
	}
	if count != want {
		return fmt.Errorf("%d roles came, not %d", count, want)
	}
	return nil
}

// maxResident is the most memory that this process has had, as Linux reports it.
// What getrusage reports includes the parent's.
func maxResident() uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib uint64
	_, _ = fmt.Sscan(after, &kib)
	return kib << 10
}

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// Weight is what a program needed at its most.
type Weight struct {
	Heap     uint64 // bytes of the heap in use: objects, garbage, and gaps between them
	Resident uint64 // bytes of memory of the whole process; 0 where it cannot be had
	Count    int    // roles walked
}

// Weigh runs a program that has a client and does nothing with it, and one that
// walks 100,000 roles, each in a process of its own.
func Weigh(ctx context.Context, s *Server) (idle, walk Weight, err error) {
	config, err := json.Marshal(s)
	if err != nil {
		return idle, walk, err
	}
	run := func(role string) (w Weight, err error) {
		cmd, err := child(ctx, role)
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
	var errs [2]error
	idle, errs[0] = run(roleIdle)
	walk, errs[1] = run(roleWalk)
	return idle, walk, errors.Join(errs[:]...)
}

// weigh is the program.
func weigh(walk bool) error {
	var s Server
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return err
	}
	client, err := security.NewClient(s.Base(memoryRoles, 0), security.WithBasicAuth(s.Username, s.Password),
		security.WithRootCAs(s.Certificate))
	if err != nil {
		return err
	}
	runtime.GC()

	// Sample the heap all the time.
	var w Weight
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
			w.Heap = max(w.Heap, samples[0].Value.Uint64()+samples[1].Value.Uint64())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	count := 0
	if walk {
		count, err = walkAll(client)
	} else {
		time.Sleep(100 * time.Millisecond)
	}
	close(stop)
	<-stopped
	if err != nil {
		return err
	}
	w.Count, w.Resident = count, maxResident()
	return json.NewEncoder(os.Stdout).Encode(w)
}

func walkAll(client *security.Client) (count int, err error) {
	for _, err := range roles.NewV2(client).All(context.Background(), nil) {
		if err != nil {
			return count, err
		}
		count++
	}
	if count != memoryRoles {
		return count, fmt.Errorf("%d roles came, not %d", count, memoryRoles)
	}
	return count, nil
}

// maxResident is the most memory that this process has had, as Linux tells it.
// What getrusage tells includes the parent's.
func maxResident() uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib uint64
	_, _ = fmt.Sscan(after, &kib)
	return kib << 10
}

// Package chaos holds a test only: all services at the same time, from a hundred goroutines and several clients, on the
// simulated server, under random faults. Afterwards the server must hold what the results said: each success once, no
// definite failure, and each security.ErrUnknownOutcome one of the two.
//
//	go test ./internal/chaos                                      a short run, as in .ci/run
//	go test ./internal/chaos -race -operations 100000 -timeout 2h a long one
//	go test ./internal/chaos -seed 7                              other operations, other faults
//
// A run that fails prints the command to repeat it. The seed decides which operations there are and which request is hit
// by which fault. The order in which goroutines run is not in its hands, so repeat it a few times.
package chaos

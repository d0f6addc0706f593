// Command vulnscan runs govulncheck over the library, if the database of known
// vulnerabilities can be reached.
//
// It fails if the library calls something that is known to be vulnerable, and
// if the scan itself fails. It does not fail for lack of a network: it says that
// the scan was left out. GOVULNDB names another database, as a URL with the
// scheme https, http or file.
//
//	go -C tools run ./vulnscan
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/vuln/scan"
)

func main() {
	dir := flag.String("module", "..", "directory of the library")
	flag.Parse()
	database := os.Getenv("GOVULNDB")
	if database == "" {
		database = "https://vuln.go.dev"
	}
	http.DefaultClient.Timeout = 30 * time.Second // govulncheck uses this client
	if err := run(context.Background(), *dir, database, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulnscan:", err)
		os.Exit(1)
	}
}

// run scans the module at dir. It returns nil if the scan found nothing that is
// called, and if the database cannot be reached.
func run(ctx context.Context, dir, database string, out io.Writer) error {
	leftOut := func(reason error) error {
		_, err := fmt.Fprintf(out, "LEFT OUT: the vulnerability database cannot be reached, so nothing was scanned.\n%v\n", reason)
		return err
	}
	if err := reach(ctx, database); err != nil {
		return leftOut(err)
	}
	cmd := scan.Command(ctx, "-C", dir, "-db", database, "./...")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	if err == nil {
		return nil
	}
	if exit, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok && exit.ExitCode() == 3 {
		return errors.New("the library calls what is known to be vulnerable: see above. " +
			"For a module, raise its version in go.mod. For the standard library, use a newer release of Go")
	}
	// The network may have gone after the first request. The error has no type to
	// tell it by; a test holds these words.
	if remote(database) && strings.Contains(err.Error(), "fetching vulnerabilities") {
		return leftOut(err)
	}
	return fmt.Errorf("scan: %w", err)
}

func remote(database string) bool {
	u, err := url.Parse(database)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// reach asks a remote database when it was last changed. Whether another one is
// there, and whether its URL makes sense, is for govulncheck to say.
func reach(ctx context.Context, database string) error {
	if !remote(database) {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(database, "/")+"/index/db.json.gz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // only the status counts
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", req.URL.Redacted(), resp.Status)
	}
	return nil
}

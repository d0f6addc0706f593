package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project is a module that calls net/url.Parse, and nothing else.
func project(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"go.mod": "module example.com/project\n\ngo 1.26\n",
		"p.go": `package project

import "net/url"

// Parse calls what the tests take to be vulnerable.
func Parse(s string) error {
	_, err := url.Parse(s)
	return err
}
`,
	})
}

// database is one that knows a single vulnerability: of the symbol, in every
// release of Go.
func database(t *testing.T, symbol string) string {
	t.Helper()
	return tree(t, map[string]string{
		"index/db.json":      `{"modified":"2026-01-02T03:04:05Z"}`,
		"index/modules.json": `[{"path":"stdlib","vulns":[{"id":"GO-2026-9999","modified":"2026-01-02T03:04:05Z"}]}]`,
		"index/vulns.json":   `[{"id":"GO-2026-9999","modified":"2026-01-02T03:04:05Z"}]`,
		"ID/GO-2026-9999.json": `{
			"schema_version": "1.3.1", "id": "GO-2026-9999", "modified": "2026-01-02T03:04:05Z", "published": "2026-01-02T03:04:05Z",
			"summary": "Made up for a test", "details": "Made up for a test.",
			"database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-9999"},
			"affected": [{
				"package": {"name": "stdlib", "ecosystem": "Go"},
				"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
				"ecosystem_specific": {"imports": [{"path": "net/url", "symbols": ["` + symbol + `"]}]}
			}]}`,
	})
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fileURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}

func TestCalled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), project(t), fileURL(database(t, "Parse")), &out)
	if err == nil || !strings.Contains(err.Error(), "known to be vulnerable") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"GO-2026-9999", "project.Parse calls url.Parse"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}

func TestNotCalled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), project(t), fileURL(database(t, "JoinPath")), &out); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "Your code is affected by 0 vulnerabilities") {
		t.Errorf("the scan did not say that nothing is called:\n%s", &out)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer broken.Close()
	for _, server := range []string{closed.URL, broken.URL} {
		var out bytes.Buffer
		if err := run(t.Context(), project(t), server, &out); err != nil {
			t.Errorf("%s: %v", server, err)
		}
		if !strings.Contains(out.String(), "LEFT OUT: the vulnerability database cannot be reached") {
			t.Errorf("%s: the output does not say so:\n%s", server, &out)
		}
	}
}

// server serves a database over HTTP. After the first requests, which ask
// whether it is there, intercept may answer instead.
func server(t *testing.T, dir string, intercept func(w http.ResponseWriter) bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(r.URL.Path, ".gz")
		if r.Method == http.MethodGet && name != "/index/db.json" && intercept(w) {
			return
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		z := gzip.NewWriter(w)
		if _, err := z.Write(text); err != nil {
			t.Error(err)
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	url := server(t, database(t, "Parse"), func(http.ResponseWriter) bool { return false })
	if err := run(t.Context(), project(t), url, &out); err == nil || !strings.Contains(out.String(), "GO-2026-9999") {
		t.Errorf("error %v\n%s", err, &out)
	}
}

func TestNetworkDropsDuringScan(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	url := server(t, database(t, "Parse"), func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) })
	if err := run(t.Context(), project(t), url, &out); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "LEFT OUT") {
		t.Errorf("the output does not say so:\n%s", &out)
	}
}

// What is not the network's fault fails.
func TestBroken(t *testing.T) {
	t.Parallel()
	fine := database(t, "Parse")
	for name, test := range map[string]struct{ dir, database string }{
		"no such database":   {project(t), fileURL(filepath.Join(t.TempDir(), "none"))},
		"no module":          {t.TempDir(), fileURL(fine)},
		"does not compile":   {tree(t, map[string]string{"go.mod": "module example.com/p\n\ngo 1.26\n", "p.go": "package p\n\nfunc f() { g() }\n"}), fileURL(fine)},
		"unsupported scheme": {project(t), "ftp://localhost/db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := run(t.Context(), test.dir, test.database, &out); err == nil || strings.Contains(out.String(), "LEFT OUT") {
				t.Errorf("error %v\n%s", err, &out)
			}
		})
	}
}

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/bench"
)

func TestMain(m *testing.M) {
	bench.Child()
	os.Exit(m.Run())
}

func TestReport(t *testing.T) {
	var out strings.Builder
	if err := report(t.Context(), &out, 1, "^one role$"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^\| one role \| floor \| 1 \| .*s \| 1\.000 \| .*s \| 1\.000 \| \d+ \| 1\.000 \| \d+ \|  \|$`,
		`(?m)^\|  \| this library \| 1 \| `,
		`(?m)^\| one role: CPU \| 1\.15 × floor \| [\d.]+ \| (met|\*\*missed\*\*) \|$`,
		`(?m)^2 targets, [012] missed\.$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no line matches %s in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "memory") || strings.Contains(out.String(), "page") {
		t.Errorf("more was measured than was asked for:\n%s", out.String())
	}
}

func TestJudge(t *testing.T) {
	var out strings.Builder
	judge(&out, []verdict{
		{bench.Target{Text: "on the line", AtMost: 1.15, Unit: "× floor"}, 1.15},
		{bench.Target{Text: "above it", AtMost: 100, Unit: "ms"}, 100.1},
	})
	for _, want := range []string{
		"| on the line | 1.15 × floor | 1.15 | met |\n",
		"| above it | 100 ms | 100.10 | **missed** |\n",
		"2 targets, 1 missed.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

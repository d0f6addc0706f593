package conventions_test

import (
	"go/token"
	"path"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

// pure are the packages that compute and do nothing else. What they compute with
// may come from a file, never from the network.
var pure = []string{
	"permissions",
	"governance/snapshot", "governance/review", "governance/report", "governance/plan", "governance/migration",
}

// An importRule says what packages must not import, directly or through others.
type importRule struct {
	packages func(*source.Package) bool
	never    []string // import paths; those of the module as "./security"
	services bool     // nor any service
	why      string
}

var importRules = []importRule{
	{
		packages: among(pure...),
		never:    []string{"net", "net/http", "os/exec", "./security", "./internal/transport"},
		why:      "it is pure: it computes, and knows no network",
	},
	{
		packages: (*source.Package).Public,
		never: []string{
			"testing", "github.com/jarcoal/httpmock", "go.uber.org/goleak", "github.com/getkin/kin-openapi/openapi3",
			"./internal/apitest", "./internal/spec", "./internal/source",
		},
		why: "programs link it, and that is for tests",
	},
	{
		packages: among("security/securitytest"),
		never:    []string{"testing", "github.com/jarcoal/httpmock"},
		services: true,
		why:      "the simulated server is for programs, too, and shares no types with the services, so that a wrong type shows",
	},
	{
		packages: func(p *source.Package) bool { return p.Public() && p.Dir != "security/kerberos" },
		never:    []string{"./security/kerberos"},
		why:      "only programs that import it themselves link a Kerberos library",
	},
	{
		packages: under("governance"),
		services: true,
		why:      "only governance/snapshot/take and governance/plan/apply talk to a server",
	},
}

func among(dirs ...string) func(*source.Package) bool {
	return func(p *source.Package) bool { return slices.Contains(dirs, p.Dir) }
}

func under(dir string) func(*source.Package) bool {
	return func(p *source.Package) bool {
		return strings.HasPrefix(p.Dir, dir+"/") && p.Dir != "governance/snapshot/take" && p.Dir != "governance/plan/apply"
	}
}

// dependencies are the packages of others that the library uses, and where. What
// is imported under cmd/ only (a library for command lines) needs no row.
var dependencies = map[string][]string{
	"github.com/google/go-querystring":      {"internal/paging"},
	"github.com/hashicorp/go-retryablehttp": {"internal/transport"},
	"golang.org/x/oauth2":                   {"security", "internal/transport"},
	"golang.org/x/sync":                     {"internal/paging", "internal/safe", "governance/snapshot/take", "governance/plan/apply", "examples/onboard"},
	"golang.org/x/sys":                      {"governance/plan/apply"}, // the lock on Windows
	"golang.org/x/time":                     {"security", "internal/transport"},
	"go.yaml.in/yaml":                       {"security", "internal/yamlfile", "governance/plan"},
	"github.com/jcmturner/gokrb5":           {"security/kerberos"},

	"github.com/getkin/kin-openapi": {"internal/spec"},
	"github.com/jarcoal/httpmock":   {"internal/apitest"},
	"go.uber.org/goleak":            {"internal/apitest"},

	"github.com/santhosh-tekuri/jsonschema": {"governance/report", "governance/plan"}, // their tests only
}

// imports: who may import whom.
func imports(c *checker) {
	var services []string
	for _, p := range c.services() {
		services = append(services, "./"+p.Dir)
	}
	for _, p := range c.Packages {
		for _, rule := range importRules {
			if !rule.packages(p) {
				continue
			}
			never := rule.never
			if rule.services {
				never = slices.Concat(never, services)
			}
			var shortest []string
			for _, name := range never {
				if inside, ok := strings.CutPrefix(name, "./"); ok {
					name = path.Join(module, inside)
				}
				if chain := c.Chain(p, name); chain != nil && (shortest == nil || len(chain) < len(shortest)) {
					shortest = chain
				}
			}
			if shortest != nil {
				c.report(importing(p, shortest[0]), "%s imports %s; %s", p.Dir, strings.Join(shortest, ", which imports "), rule.why)
			}
		}
		for _, f := range p.Files {
			for _, i := range f.Imports {
				name := source.Imported(i)
				switch {
				case strings.HasPrefix(name, module+"/cmd") && !strings.HasPrefix(p.Dir, "cmd/"):
					c.report(i.Pos(), "%s imports %s; the library does not know its programs", p.Dir, name)
				case p.Dir == "internal/transport" && source.Inside(name) && name != module+"/internal/show":
					c.report(i.Pos(), "internal/transport imports %s; it knows how to send a call and nothing else", name)
				case p.Dir == "permissions" && source.Inside(name) && name != module+"/internal/show":
					c.report(i.Pos(), "permissions imports %s; the permission model stands alone", name)
				case !allowed(p.Dir, name):
					c.report(i.Pos(), "%s imports %s; a library for command lines belongs under cmd/, and any other dependency "+
						"needs a row in internal/conventions/imports_test.go, and in its commit a sentence on why it is worth its weight", p.Dir, name)
				}
			}
		}
	}
}

// importing is where a package imports another one.
func importing(p *source.Package, name string) token.Pos {
	for _, f := range p.Files {
		for _, i := range f.Imports {
			if source.Imported(i) == name {
				return i.Pos()
			}
		}
	}
	return token.NoPos
}

// allowed reports whether a package may import one that others made.
func allowed(dir, name string) bool {
	first, _, _ := strings.Cut(name, "/")
	if !strings.Contains(first, ".") || source.Inside(name) || strings.HasPrefix(dir, "cmd/") {
		return true
	}
	for prefix, dirs := range dependencies {
		if name == prefix || strings.HasPrefix(name, prefix+"/") {
			return slices.Contains(dirs, dir)
		}
	}
	return false
}

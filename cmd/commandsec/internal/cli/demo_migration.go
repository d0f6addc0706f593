package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/simulated"
	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/security"
)

// oldVersion is the version that the demo migrates from.
const oldVersion = "10.5"

// oldIdentities are accounts of the old server besides those that the roles bring.
const oldIdentities = 850

// at is a file about the migration.
func at(name string) string { return filepath.Join("migration", name) }

// migrate tells the second part of the story: from an old server to an empty new one.
func (s *story) migrate(ctx context.Context, tenant simulated.Tenant) (err error) {
	s.say("\nThe second part: from a Command %s to an empty Command %s, on other servers.", oldVersion, simulatedVersion)
	if err := os.MkdirAll(filepath.Join(s.dir, at("")), 0o700); err != nil {
		return err
	}
	tenant.Version, tenant.Identities = oldVersion, oldIdentities
	source, err := s.visit(ctx, tenant, "old.json", nil)
	if err != nil {
		return err
	}
	empty := simulated.Tenant{Version: simulatedVersion, Seed: tenant.Seed}
	_, err = s.visit(ctx, empty, "new.json", func(target *snapshot.Snapshot) error {
		rules, desired, err := s.decide(source, target)
		if err != nil {
			return err
		}
		after, err := s.carryOut(ctx, desired, target)
		if err != nil {
			return err
		}
		return s.compare(source, after, rules)
	})
	return err
}

// visit takes a snapshot of a server of its own, and goes on while that runs.
func (s *story) visit(ctx context.Context, tenant simulated.Tenant, name string, then func(*snapshot.Snapshot) error) (_ *snapshot.Snapshot, err error) {
	server, err := startServer(ctx, "127.0.0.1:0", tenant)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if s.client, err = server.Client(); err != nil {
		return nil, err
	}
	taken, err := s.snapshot(ctx, at(name))
	if err != nil || then == nil {
		return taken, err
	}
	return taken, then(taken)
}

// decide makes rules, and a desired state by them.
func (s *story) decide(source, target *snapshot.Snapshot) (*migration.Rules, *plan.Desired, error) {
	const call = "migrate --source %s --target %s --rules %s --out %s --report %s"
	files := []any{at("old.json"), at("new.json"), at("rules.yaml"), at("desired.yaml"), at("migration.html")}
	s.command(call, append([]any(nil), files...)...)
	text, err := migration.Skeleton(source, target)
	if err != nil {
		return nil, nil, err
	}
	_, r, err := migration.Desired(source, target, nil)
	if err != nil {
		return nil, nil, err
	}
	s.say("%s", r.Lead)
	s.say("The rules say what has to be decided, each with a suggestion. Here, all suggestions are taken:")
	rules := strings.ReplaceAll(string(text), "\n  #- ", "\n  - ")
	if err := s.write(at("rules.yaml"), plain(rules)); err != nil {
		return nil, nil, err
	}
	decided, err := migration.LoadRules(filepath.Join(s.dir, at("rules.yaml")))
	if err != nil {
		return nil, nil, err
	}
	s.command(call, files...)
	desired, r, err := migration.Desired(source, target, decided)
	if err != nil {
		return nil, nil, err
	}
	if err := s.write(at("migration.html"), byThisProgram(r).WriteHTML); err != nil {
		return nil, nil, err
	}
	s.say("%s", r.Lead)
	if err := s.write(at("desired.yaml"), desired.WriteYAML); err != nil {
		return nil, nil, err
	}
	desired, err = plan.LoadDesired(filepath.Join(s.dir, at("desired.yaml")))
	return decided, desired, err
}

// carryOut plans, applies and verifies. It returns what the server is then.
func (s *story) carryOut(ctx context.Context, desired *plan.Desired, target *snapshot.Snapshot) (*snapshot.Snapshot, error) {
	s.command("plan %s --in %s --out %s --html %s", at("desired.yaml"), at("new.json"), at("plan.json"), at("plan.html"))
	made, err := plan.Make(target, desired, nil)
	if err != nil {
		return nil, err
	}
	if err := made.Save(filepath.Join(s.dir, at("plan.json"))); err != nil {
		return nil, err
	}
	r := planReport(made)
	if err := s.write(at("plan.html"), r.WriteHTML); err != nil {
		return nil, err
	}
	s.say("%s The page can be printed and signed; who signs it approves the digest.", r.Lead)

	s.command("apply %s --approve "+made.Digest()+" --journal %s", at("plan.json"), at("journal.log"))
	result, err := s.apply(ctx, made, filepath.Join(s.dir, at("journal.log")))
	if err != nil {
		return nil, err
	}
	s.say("%s. The journal has each object as it was; the way back is planned from it.", result)

	after, err := s.snapshot(ctx, at("after.json"))
	if err != nil {
		return nil, err
	}
	s.command("verify %s --in %s --out %s", at("plan.json"), at("after.json"), at("verified.html"))
	verified := byThisProgram(plan.Verify(made, after))
	if err := s.write(at("verified.html"), verified.WriteHTML); err != nil {
		return nil, err
	}
	s.say("%s", verified.Lead)
	return after, nil
}

// compare compares what everybody could do on the old server with what they can do now.
func (s *story) compare(source, after *snapshot.Snapshot, rules *migration.Rules) error {
	s.command("verify --source %s --rules %s --in %s --out %s", at("old.json"), at("rules.yaml"), at("after.json"), at("migrated.html"))
	r := byThisProgram(migration.Verify(source, after, rules))
	if err := s.write(at("migrated.html"), r.WriteHTML); err != nil {
		return err
	}
	s.say("%s The page has, for each holder of the old server, what they could do and can do now.", r.Lead)
	return nil
}

// apply carries a plan out, with a new journal in place of that of an earlier demo.
func (s *story) apply(ctx context.Context, made *plan.Plan, file string) (_ *apply.Result, err error) {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	journal, err := apply.OpenJournal(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	return apply.Run(ctx, s.client, made, journal, &apply.Options{
		Approve: made.Digest(), ApprovedBy: "Somebody who has read the page", Reason: "Demo",
		Call: []security.CallOption{security.WithConcurrency(8)},
	})
}

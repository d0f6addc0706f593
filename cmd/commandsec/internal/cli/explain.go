package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// explanation is what explain says about one argument.
type explanation struct {
	Input string `json:"input"`
	permissions.Entries
}

func newExplain() *cobra.Command {
	var f permissionFlags
	c := &cobra.Command{
		Use:   "explain [WHAT...]",
		Short: "Say what a name, a path, an area or a label of the portal means",
		Long: `Explain says what is known about a name of version 1, a path of version 2, an area or a
label of the portal: what it allows, how risky it is, what it becomes in the other
notation, and how that is known.

Exit status 1 if something is not known.`,
		Example: `  commandsec permissions explain /certificates/requests/manage/
  commandsec permissions explain "Manage Pending CSRs" PkiManagement:Modify`,
		RunE: func(c *cobra.Command, args []string) error { return explain(c, f, args) },
	}
	addPermissionFlags(c, &f)
	return c
}

func explain(c *cobra.Command, f permissionFlags, args []string) error {
	in, err := f.read(c, args)
	if err != nil {
		return err
	}
	list, err := in.list()
	if err != nil {
		return err
	}
	all := make([]explanation, len(list))
	unknown := 0
	for i, s := range list {
		if all[i] = (explanation{s, lookUp(s)}); all[i].empty() {
			unknown++
		}
	}
	var text strings.Builder
	t := table{tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)}
	for _, e := range all {
		if e.empty() {
			fmt.Fprintf(t, "\"%s\" is not known here%s\n", show.Text(e.Input, 200), similar(e.Input))
		}
		for _, l := range e.Legacy {
			t.name(l)
		}
		for _, p := range e.Paths {
			t.path(p, e.Input)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := f.write(c, all, text.String()); err != nil {
		return err
	}
	if unknown > 0 {
		return fmt.Errorf("%s not known", count(unknown, "of them is", "of them are"))
	}
	return nil
}

// similar asks whether something that is known was meant.
func similar(s string) string {
	for _, f := range permissions.Lint([]permissions.Path{permissions.Path(s)}, nil) {
		if strings.Contains(s, "/") && len(f.Suggest) > 0 {
			return "; did you mean " + join(f.Suggest, " or ") + "?"
		}
	}
	for _, item := range permissions.Convert([]permissions.Legacy{permissions.Legacy(s)}, nil).Items {
		if _, question, ok := strings.Cut(item.Reason, "; did you mean"); ok && item.Outcome == permissions.OutcomeUnknown {
			return "; did you mean" + question
		}
	}
	return ""
}

// lookUp finds what is known about a path, a name, an area or a label.
func lookUp(s string) permissions.Entries {
	if info, ok := permissions.Known(permissions.Path(s)); ok && strings.Contains(s, "/") {
		return permissions.Entries{Legacy: []permissions.LegacyInfo{}, Paths: []permissions.PathInfo{info}}
	}
	if info, ok := permissions.KnownLegacy(permissions.Legacy(s)); ok {
		return permissions.Entries{Legacy: []permissions.LegacyInfo{info}, Paths: []permissions.PathInfo{}}
	}
	if found := permissions.FindByArea(s); len(found.Legacy)+len(found.Paths) > 0 {
		return found
	}
	return permissions.FindByLabel(s)
}

func (e explanation) empty() bool { return len(e.Legacy)+len(e.Paths) == 0 }

// table aligns what is said about names and paths.
type table struct{ *tabwriter.Writer }

// row writes a line unless there is nothing to say.
func (t table) row(what, text string) {
	if text != "" {
		fmt.Fprintf(t, "  %s\t%s\n", what, text)
	}
}

// name writes what is known about a name.
func (t table) name(l permissions.LegacyInfo) {
	fmt.Fprintf(t, "%s\n", l.Name)
	t.row("allows", l.Description())
	t.row("portal", strings.Trim(l.Area+": "+l.Label, ": "))
	t.row("listed", join(l.Listed, " "))
	t.row("deprecated", l.Deprecated)
	for _, m := range l.Mappings {
		if m.Path == "" {
			t.row("version 2", "none: "+m.Remark)
		} else {
			t.row("version 2", fmt.Sprintf("%s (%s %s: %s)", m.Path, m.Confidence, m.Evidence, m.Source))
			t.row("reasoning", m.Remark)
		}
		for _, e := range m.Widens {
			t.row("widens", "can then "+effect(e))
		}
		for _, e := range m.Narrows {
			t.row("narrows", "can then no longer "+effect(e))
		}
		t.row("caution", m.Caution)
	}
}

// effect says what a conversion gives or takes, and when.
func effect(e permissions.SideEffect) string {
	text := e.Effect
	if e.Since != "" {
		text += ", from Command " + e.Since + " on"
	}
	if len(e.Unless) > 0 {
		text += ", unless the role also holds " + join(e.Unless, " and ")
	}
	return text + " (" + e.Source + ")"
}

// path writes what is known about a path, limited to one object if the input is.
func (t table) path(p permissions.PathInfo, input string) {
	asked := p.Path
	if c, err := permissions.ParsePath(input); err == nil && p.Path.Covers(c) {
		asked = c
	}
	fmt.Fprintf(t, "%s\n", asked)
	t.row("allows to", permissions.EffectOf(asked))
	t.row("note", p.Note)
	t.row("risk", p.Risk)
	if p.Sensitive != p.Risk {
		t.row("never by a guess", p.Sensitive)
	}
	if p.Scope != permissions.ScopeGlobal {
		t.row("can be limited to one", strings.ReplaceAll(string(p.Scope), "_", " "))
	}
	t.row("since", p.Since)
	t.row("deprecated", p.Deprecated())
	t.row("evidence", strings.TrimSuffix(string(p.Evidence)+"; seen: "+p.Seen, "; seen: "))
	t.row("version 1", join(permissions.NamesOf(asked), ", "))
}

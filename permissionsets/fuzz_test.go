package permissionsets_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
)

const fuzzID = "099c05f0-deba-4562-a5b1-f491e19c0749"

// FuzzAnswers: whatever the server answers, a call refuses it or understands it.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"mine.json", "set.json", "sets.json"} {
		f.Add([]byte(apitest.Fixture(f, name)))
	}
	f.Add([]byte(`[{"Id":"\u001b[31m","Name":"Ops","Permissions":["/a/"]}]`))
	f.Add([]byte(`{"Id":"099C05F0-DEBA-4562-A5B1-F491E19C0749","Name":null,"Permissions":[null,"/"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, s := t.Context(), permissionsets.NewV1(apitest.Saying(t, body))
		page, err := s.List(ctx, nil)
		apitest.Listed(t, page, err)
		apitest.Walked(t, s.All(ctx, nil))
		got, err := s.Get(ctx, fuzzID)
		apitest.Answered(t, got, err)
		if err == nil && !strings.EqualFold(got.ID, fuzzID) {
			t.Errorf("the set is %+v", got)
		}
		if err == nil && !slices.Equal(got.ToUpdate().Permissions, got.Permissions) {
			t.Errorf("%+v is updated with %+v", got, got.ToUpdate())
		}
		found, err := s.Find(ctx, "Ops")
		apitest.Answered(t, found, err)
		if err == nil && !names.Same(found.Name, "Ops") {
			t.Errorf("found %q", found.Name)
		}
		// The role is there, and is corrected; its id is text of the server.
		_, change, err := s.Ensure(ctx, permissionsets.Create{Name: "Ops", Permissions: []permissions.Path{"/a/b/"}})
		apitest.Presentable(t, err)
		apitest.Lines(t, change.String(), 2+len(change.Fields)*1000)
		available, err := s.Available(ctx)
		apitest.Answered(t, available, err)
		mine, err := s.Mine(ctx, "/a/")
		apitest.Answered(t, mine, err)
	})
}

// FuzzEnsure: what is desired is refused before anything is sent, or sent as it is.
func FuzzEnsure(f *testing.F) {
	f.Add("Ops", "/certificates/")
	f.Add("", "")
	f.Add("Ops\u202e", "certificates")
	f.Add("\xff\"", "/a//b\n/")
	f.Fuzz(func(t *testing.T, name, path string) {
		desired := permissionsets.Create{Name: name, Permissions: []permissions.Path{permissions.Path(path)}}
		d := apitest.Desire(t, `{"Id":"`+fuzzID+`","Name":"x","Permissions":[]}`)
		_, _, err := permissionsets.NewV1(d.Client).Ensure(t.Context(), desired)
		d.Check(desired.Validate(), err)
		if body := d.Created(); body != nil {
			if paths, _ := body["Permissions"].([]any); body["Name"] != name || len(paths) != 1 || paths[0] != path {
				t.Errorf("%+v is sent as %v", desired, body)
			}
		}
	})
}

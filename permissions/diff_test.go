package permissions_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		from, to []permissions.Path
		want     string
	}{
		{paths("/portal/read/"), paths("Portal/Read/", "/portal/read/"), ""},
		{nil, paths("/certificates/collections/revoke/6/"), "+ revoke certificates in collection 6\n"},
		{
			paths("/certificates/collections/read/6/"), paths("/certificates/collections/read/"),
			"+ view certificates, whatever their collection (so far only: view certificates in collection 6)\n",
		},
		{
			paths("/certificates/collections/read/"), paths("/certificates/collections/read/6/", "/certificates/collections/read/7/"),
			"- view certificates, whatever their collection (from now on only: view certificates in collection 6; view certificates in collection 7)\n",
		},
		{
			paths("/pam/"), paths("/pam/read/", "/pam/modify/1/"),
			"- add, change and remove PAM providers (from now on only: add, change and remove PAM providers (PAM provider 1 only))\n" +
				"- anything else under /pam/, now or in later versions of Command\n",
		},
		{
			paths("/certificates/collections/read/", "/portal/read/"), paths("/certificates/", "/ssh/user/"),
			"+ change the owner of certificates, whatever their collection\n" +
				"+ delete certificates and their stored private keys, whatever their collection\n" +
				"+ change the metadata of certificates, whatever their collection\n" +
				"+ add and change certificate collections\n" +
				"+ store private keys of imported certificates\n" +
				"+ download private keys of certificates, whatever their collection\n" +
				"+ revoke certificates, whatever their collection\n" +
				"+ anything else under /certificates/collections/, now or in later versions of Command\n" +
				"+ do everything with enrollment\n" +
				"+ change the owner of certificates by the expanded right\n" +
				"+ import certificates\n" +
				"+ approve and deny certificate requests and handle pending CSRs\n" +
				"+ anything else under /certificates/, now or in later versions of Command\n" +
				"+ generate SSH keys of their own\n" +
				"- sign in to the Management Portal\n",
		},
		{
			paths("/workflows/instances/read/mine/"), paths("/workflows/instances/read/"),
			"+ view all workflow instances (so far only: view the workflow instances they started)\n",
		},
		{
			paths("/reports/new/"), paths("/reports/"),
			"+ add, change, remove and schedule reports\n+ run and view reports\n" +
				"+ anything else under /reports/, now or in later versions of Command (so far only: do what /reports/new/ grants, which is not known here)\n",
		},
		{paths("/unknown/", "odd\x00"), nil, "- do what /unknown/ grants, which is not known here\n- do what \"odd\\x00\" grants, which is not known here\n"},
	} {
		from, to := permissions.NewSet(c.from...), permissions.NewSet(c.to...)
		if got := from.Diff(to).String(); got != c.want {
			t.Errorf("%v to %v:\n%swant\n%s", from, to, got, c.want)
		}
	}
}

func TestDiffLaws(t *testing.T) {
	set := rapid.Map(rapid.SliceOfN(rapid.OneOf(realPath(), anyPath()), 0, 8), func(p []permissions.Path) permissions.Set { return permissions.NewSet(p...) })
	rapid.Check(t, func(t *rapid.T) {
		a, b := set.Draw(t, "a"), set.Draw(t, "b")
		there, back := a.Diff(b), b.Diff(a)
		if len(there.Added) != len(back.Removed) || len(there.Removed) != len(back.Added) {
			t.Fatalf("%v is not the reverse of %v", there, back)
		}
		together := a
		for _, e := range there.Added {
			if !b.Allows(e.Path) || a.Allows(e.Path) || e.Text == "" {
				t.Fatalf("%+v is no addition", e)
			}
			for _, p := range e.Apart {
				if !a.Allows(p) || !b.Allows(p) || !e.Path.Covers(p) {
					t.Fatalf("%+v: %s is not held before and after", e, p)
				}
			}
			together = together.Add(e.Path)
		}
		if !together.Equal(a.Union(b)) {
			t.Fatalf("%v with its additions %v makes %v, not %v", a, there.Added, together, a.Union(b))
		}
	})
}

// Every path of the catalogue says what it does, limited to an object or not.
func TestEffectOf(t *testing.T) {
	for _, info := range permissions.Catalogue().Paths {
		if text := permissions.EffectOf(info.Path); text == "" || text[0] < 'a' || 'z' < text[0] || text[len(text)-1] == '.' {
			t.Errorf("%s: %q is no verb phrase", info.Path, text)
		}
	}
	for p, want := range map[permissions.Path]string{
		"/certificate_stores/schedule/2/": "schedule adding, renewing and removing certificates in stores in container 2",
		"/certificate_stores/read/":       "view certificate stores, whatever their container",
		"/pam/read/1/":                    "view PAM providers (PAM provider 1 only)",
		"/portal/read/":                   "sign in to the Management Portal",
		"":                                `do what "" grants, which is not known here`,
	} {
		if got := permissions.EffectOf(p); got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

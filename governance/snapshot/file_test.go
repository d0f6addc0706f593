package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

var (
	jsmith = snapshot.Key{Type: "User", Value: `KEYEXAMPLE\jsmith`, Scheme: "Active Directory"}
	pkiOps = snapshot.Key{Type: "OAuthRole", Value: "pki-ops", Scheme: "System"}
)

// sample is a snapshot with something of everything, in no order.
func sample() *snapshot.Snapshot {
	return &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"},
		TakenAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Account: `KEYEXAMPLE\auditor`, Signatures: snapshot.SignaturesChecked,
		Roles: []snapshot.Role{
			{
				ID: 3, Name: "operators", Description: "d", PermissionSetID: "s1", Enabled: new(true), Valid: new(false), Versions: []int{2, 1},
				Paths:   []permissions.Path{"/portal/read/", "/certificates/collections/read/6/", "/portal/read/"},
				Names:   []permissions.Legacy{"AdminPortal:Read"},
				Holders: []snapshot.Holder{{Key: jsmith, Versions: []int{1}}, {Key: pkiOps, Versions: []int{2}}},
			},
			{ID: 4, Name: "Auditors", Versions: []int{2}, Holders: []snapshot.Holder{}},
		},
		Claims: []snapshot.Claim{
			{Key: jsmith, IdentityID: 7, Valid: new(true), Versions: []int{1}},
			{Key: pkiOps, ClaimID: 9, Description: "Ops", Versions: []int{2}},
		},
		PermissionSets: []snapshot.PermissionSet{{ID: "s1", Name: "Global", Permissions: []permissions.Path{"/"}}},
		Providers:      []snapshot.Provider{{ID: "p1", Scheme: "System", Name: "System", Enabled: true, Parameters: map[string]string{"Authority": "https://idp.example.com"}}},
		Permissions:    []permissions.Path{"/portal/read/", "/"},
		Collections:    []snapshot.Collection{{ID: 6, Name: "Web", Query: `CN -contains "www"`}},
		Containers:     []snapshot.Object{{ID: 2, Name: "IIS"}},
		PAMProviders:   []snapshot.Object{{ID: 1, Name: "Vault"}},
		Gaps:           []snapshot.Gap{{Part: snapshot.PartObjectNames, Reason: snapshot.ReasonNotAsked, Option: "Proof"}},
		Rereads:        []snapshot.Reread{{Part: snapshot.PartClaims, Times: 1}},
	}
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	s := sample()
	path := filepath.Join(t.TempDir(), "s.json")
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, sample()) {
		t.Error("saving changed the snapshot")
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	back, err := snapshot.Load(path)
	if err != nil || !reflect.DeepEqual(back, s.Sorted()) {
		t.Errorf("read %+v, %v", back, err)
	}
	data, err := os.ReadFile(path)
	sum := sha256.Sum256(data)
	if digest := "sha256:" + hex.EncodeToString(sum[:]); err != nil || digest != s.Digest() || digest != back.Digest() {
		t.Errorf("digests %s, %s, that of the file is %s", s.Digest(), back.Digest(), digest)
	}
	if err := s.Save(filepath.Join(path, "below")); err == nil || !strings.Contains(err.Error(), "save the snapshot to") {
		t.Errorf("saved below a file: %v", err)
	}
	s.Claims = nil
	if err := s.Save(path); err == nil || !strings.Contains(err.Error(), "is not among the claims") {
		t.Errorf("saved what cannot be loaded: %v", err)
	}
}

// TestFile: the file to the letter. A change of this breaks the files that people have.
func TestFile(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := written(t, sample()); !bytes.Equal(got, want) {
		t.Errorf("the file is\n%s", got)
	}
}

func written(t *testing.T, s *snapshot.Snapshot) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.json")
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDigest: the order of lists does not count, everything that is said does.
func TestDigest(t *testing.T) {
	t.Parallel()
	other := sample()
	slices.Reverse(other.Roles)
	slices.Reverse(other.Claims)
	slices.Reverse(other.Roles[1].Holders)
	same := sample()
	other.Roles[1].Holders[0].Versions, same.Roles[0].Holders[1].Versions = []int{2, 1, 2}, []int{1, 2}
	other.Claims[0].Versions, same.Claims[1].Versions = []int{2, 1}, []int{1, 2}
	if other.Digest() != same.Digest() {
		t.Error("the order of lists changes the digest")
	}
	for name, change := range map[string]func(*snapshot.Snapshot){
		"time":   func(s *snapshot.Snapshot) { s.TakenAt = s.TakenAt.Add(time.Second) },
		"query":  func(s *snapshot.Snapshot) { s.Collections[0].Query = "" },
		"holder": func(s *snapshot.Snapshot) { s.Roles[0].Holders = nil },
		"valid":  func(s *snapshot.Snapshot) { s.Roles[0].Valid = nil },
		"gap":    func(s *snapshot.Snapshot) { s.Gaps = nil },
	} {
		other := sample()
		change(other)
		if other.Digest() == sample().Digest() {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

// TestHiddenCharacters: what would hide something from a reader of the file is escaped.
func TestHiddenCharacters(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Roles[0].Name = "a\u202eb\U000e0041c <&> ü \u2028"
	data := written(t, s)
	if want := `"name": "a\u202eb\udb40\udc41c <&> ü \u2028"`; !bytes.Contains(data, []byte(want)) {
		t.Errorf("the file is\n%s", data)
	}
}

// TestLoadRefuses: what no file of ours is, is refused, and the error says where.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	good := string(written(t, sample()))
	replace := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the file has no %s", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":             {"", "it is not JSON"},
		"cut off":           {good[:len(good)/2], "it is not JSON"},
		"two":               {good + good, "it is not JSON"},
		"no snapshot":       {`{"roles":[]}`, "does not say its format"},
		"a newer format":    {replace(`"format": 1`, `"format": 2, "new": 1`), "unknown format: 2; this version of commandsec-go reads format 1"},
		"unknown member":    {replace(`"roles": [`, `"rolls": [],`+"\n"+`"roles": [`), "line 10: rolls: there is no such member"},
		"unknown in a role": {replace(`"immutable": false`, `"immutable": false, "Immutable": true`), "roles[0].Immutable: there is no such member"},
		"twice":             {replace(`"roles": [`, `"claims": [], "roles": [`), "claims: it is there twice"},
		"missing":           {replace(`"rereads": [`, `"gaps": [`), "gaps: it is there twice"},
		"no gaps":           {good[:strings.Index(good, ",\n  \"gaps\"")] + "}", `the member "gaps" is missing`},
		"wrong type":        {replace(`"id": 4`, `"id": "4"`), "roles[0].id: must be of the kind int, not a string"},
		"unknown in a key":  {replace(`"scheme": "System"`, `"scheme": "System", "x": 1`), "key: "},
		"same id":           {replace(`"id": 4`, `"id": 3`), "roles[1].id: it is that of roles[0], too"},
		"no id":             {replace(`"id": 6`, `"id": 0`), "collections[0].id: must not be empty"},
		"claim twice":       {replace(`"claimId": 9,`, `"claimId": 9, "versions": [2]}, {"key": {"type":"OAuthRole","value":"pki-ops","scheme":"System"},`), "claims[1].key: OAuthRole pki-ops (System) is there twice"},
		"unknown holder":    {replace(`"value": "pki-ops"`, `"value": "other"`), "roles[1].holders[0].key: OAuthRole other (System) is not among the claims"},
		"version":           {replace(`"versions": [`+"\n        2", `"versions": [`+"\n        3"), "versions: must be among 1 and 2"},
		"signatures":        {replace(`"checked"`, `"maybe"`), "signatures: must be"},
		"URL":               {replace(`https://command.example.com/KeyfactorAPI`, `https://Command.example.com:443/KeyfactorAPI/`), `server.url: must be written "https://command.example.com/KeyfactorAPI"`},
		"no URL":            {replace(`https://command.example.com/KeyfactorAPI`, `file:///etc/passwd`), "server.url: the server's URL must look like"},
		"null":              {replace(`"roles": [`, `"roles": null, "x": [`), "roles: must be a list"},
	} {
		path := filepath.Join(t.TempDir(), "s.json")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := snapshot.Load(path)
		if s != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		if format := strings.Contains(name, "format") || name == "no snapshot"; errors.Is(err, snapshot.ErrFormat) != format {
			t.Errorf("%s: ErrFormat is %v", name, !format)
		}
	}
	if _, err := snapshot.Load(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestLoadBounded: a file without end is not read to its end.
func TestLoadBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<38), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Load(path); err == nil || !strings.Contains(err.Error(), "larger than 256 MiB") {
		t.Errorf("a file of 256 GiB: %v", err)
	}
}

func TestNormalizeURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://command.example.com/KeyfactorAPI":          "https://command.example.com/KeyfactorAPI",
		" HTTPS://Command.Example.COM:443/KeyfactorAPI// ":  "https://command.example.com/KeyfactorAPI",
		"http://127.0.0.1:80":                               "http://127.0.0.1",
		"https://command.example.com:8443/Keyfactor/./API/": "https://command.example.com:8443/Keyfactor/API",
		"https://[::1]:443/KeyfactorAPI":                    "https://[::1]/KeyfactorAPI",
		"https://command.example.com:/KeyfactorAPI":         "https://command.example.com/KeyfactorAPI",
	} {
		got, err := snapshot.NormalizeURL(raw)
		if err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", raw, got, err, want)
		}
		if again, err := snapshot.NormalizeURL(got); err != nil || again != got {
			t.Errorf("%s is %s, %v, when done again", got, again, err)
		}
	}
	for _, raw := range []string{"", "command", "ftp://command", "https://", "https://u:hush@command", "https://command?x=1", "https://command/#x", "https://%zz", "https://:443"} {
		if got, err := snapshot.NormalizeURL(raw); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s is %s, %v", raw, got, err)
		}
	}
}

// FuzzLoad: whatever a file has (apart from the file system), what is read from it can be written, is read again as
// the same, and compares as the same.
func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Add(bytes.ReplaceAll(data, []byte("\n"), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := snapshot.Decode(data)
		if err != nil {
			return
		}
		if data, err = s.Encode(); err != nil {
			t.Fatal(err)
		}
		back, err := snapshot.Decode(data)
		if err != nil || back.Digest() != s.Digest() || s.Digest() == "" {
			t.Fatalf("it is read again as %+v, %v", back, err)
		}
		if c := snapshot.Compare(s, back); !c.Empty() {
			t.Errorf("it differs from itself: %+v", c)
		}
	})
}

package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/security"
)

// cacheWriter writes a credential cache as MIT's documentation says.
type cacheWriter struct {
	b      []byte
	key    string // of tickets
	begins int64  // 0 for when somebody signed in
}

func (w *cacheWriter) number(n uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, n) }
func (w *cacheWriter) short(n uint16)    { w.b = binary.BigEndian.AppendUint16(w.b, n) }
func (w *cacheWriter) data(text string)  { w.number(uint32(len(text))); w.b = append(w.b, text...) }
func (w *cacheWriter) raw(bytes ...byte) { w.b = append(w.b, bytes...) }
func (w *cacheWriter) principal(realm string, parts ...string) {
	w.number(1)
	w.number(uint32(len(parts)))
	w.data(realm)
	for _, part := range parts {
		w.data(part)
	}
}

func (w *cacheWriter) credential(t testing.TB, realm string, end int64, server ...string) {
	t.Helper()
	ticket := messages.Ticket{TktVNO: 5, Realm: realm, SName: types.PrincipalName{NameType: 2, NameString: server}, EncPart: types.EncryptedData{EType: 18, Cipher: []byte("x")}}
	raw, err := ticket.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	w.principal("EXAMPLE.COM", "svc")
	w.principal(realm, server...)
	w.short(18)
	w.data(w.key)
	for _, at := range []int64{1000, w.begins, end, 5000} { // signed in, begins, ends, can be renewed until
		w.number(uint32(at))
	}
	w.raw(0, 0, 0, 0, 0)
	w.number(1) // addresses
	w.short(2)
	w.data("1234")
	w.number(1) // authorization data
	w.short(1)
	w.data("y")
	w.data(string(raw))
	w.data("")
}

func cacheFile(t testing.TB) []byte {
	t.Helper()
	w := &cacheWriter{key: "a key"}
	w.raw(5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0) // with the offset of a KDC's clock
	w.principal("EXAMPLE.COM", "svc")
	w.credential(t, "EXAMPLE.COM", 2000, "HTTP", "command.example.com")
	w.credential(t, "EXAMPLE.COM", 3000, "krbtgt", "EXAMPLE.COM")
	w.credential(t, "X-CACHECONF:", 9000, "krb5_ccache_conf_data", "fast_avail")
	w.credential(t, "EXAMPLE.COM", 2500, "krbtgt", "EXAMPLE.COM") // an older one
	w.credential(t, "EXAMPLE.COM", 9000, "krbtgt", "OTHER.COM")
	return w.b
}

// TestParseCache: the longest ticket-granting ticket of the own realm is found, and a
// cache that ends anywhere is refused or has another end.
func TestParseCache(t *testing.T) {
	t.Parallel()
	whole := cacheFile(t)
	c, err := parseCache(whole)
	if err != nil {
		t.Fatal(err)
	}
	if c.realm != "EXAMPLE.COM" || c.name.PrincipalNameString() != "svc" || c.tgt == nil {
		t.Fatalf("parseCache = %+v", c)
	}
	if tgt := c.tgt; !tgt.end.Equal(time.Unix(3000, 0)) || !tgt.from.Equal(time.Unix(1000, 0)) || !tgt.renewTill.Equal(time.Unix(5000, 0)) ||
		tgt.key.KeyType != 18 || string(tgt.key.KeyValue) != "a key" || tgt.ticket.SName.PrincipalNameString() != "krbtgt/EXAMPLE.COM" ||
		tgt.name.PrincipalNameString() != "svc" || tgt.realm != "EXAMPLE.COM" {
		t.Errorf("the ticket is %+v", tgt)
	}
	complete := 0
	for n := range whole {
		if _, err := parseCache(whole[:n]); err == nil {
			complete++ // it ends between two tickets
		}
	}
	if complete != 5 {
		t.Errorf("%d shortened caches are read, want 5", complete)
	}
	for at := 16; at+4 <= len(whole); at++ { // a length of 4 GiB, anywhere
		broken := slices.Clone(whole)
		copy(broken[at:], "\xff\xff\xff\xff")
		_, _ = parseCache(broken) // neither panics nor takes memory
	}
	for _, version := range []string{"", "\x05", "\x05\x02", "\x05\x05", "PK"} {
		if _, err := parseCache([]byte(version)); err == nil {
			t.Errorf("%q is read", version)
		}
	}
}

func FuzzParseCache(f *testing.F) {
	f.Add(cacheFile(f))
	f.Add([]byte("\x05\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCache(data)
		if err == nil && (c.realm == "" || c.tgt != nil && len(c.tgt.ticket.SName.NameString) == 0) {
			t.Errorf("parseCache = %+v", c)
		}
	})
}

func write(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrincipals: a keytab lists each name once, and which types of key it has.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	kt := keytab.New()
	for _, e := range []struct {
		name string
		kind int32
	}{{"svc", 17}, {"svc", 18}, {"HTTP/a.example.com", 18}} {
		if err := kt.AddEntry(e.name, "EXAMPLE.COM", "p", time.Now(), 1, e.kind); err != nil {
			t.Fatal(err)
		}
	}
	if got := principals(kt); !slices.Equal(got, []string{"svc@EXAMPLE.COM", "HTTP/a.example.com@EXAMPLE.COM"}) {
		t.Errorf("principals = %q", got)
	}
	if got := etypes(kt, "svc@EXAMPLE.COM"); !slices.Equal(got, []int32{17, 18}) {
		t.Errorf("etypes = %v", got)
	}
}

// TestNewestKey: of several keys of a principal, that of the highest number counts, whenever
// it was put into the keytab.
func TestNewestKey(t *testing.T) {
	t.Parallel()
	for _, order := range [][]uint8{{1, 2, 3}, {3, 1, 2}, {2, 3, 1}} {
		kt := keytab.New()
		for i, number := range order {
			for _, kind := range []int32{17, 18} {
				if err := kt.AddEntry("svc", "EXAMPLE.COM", strings.Repeat("p", int(number)), time.Unix(int64(i), 0), number, kind); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, err := fromPassword("ppp", types.PrincipalName{NameString: []string{"svc"}}, "EXAMPLE.COM", hint{kind: 17})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fromKeytab(kt, "svc@EXAMPLE.COM", 17); err != nil || got.KeyType != 17 || !slices.Equal(got.KeyValue, want.KeyValue) {
			t.Errorf("%v: got %v, %v", order, got, err)
		}
		if _, err := fromKeytab(kt, "svc@EXAMPLE.COM", 20); err == nil {
			t.Error("there is a key of another type")
		}
	}
}

// TestDenied: who may not read a file is told, and what to do.
func TestDenied(t *testing.T) {
	t.Parallel()
	err := denied(fmt.Errorf("/etc/svc.keytab: %w", fs.ErrPermission))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "as which this program runs read it: chown it to that user and chmod 600 it") {
		t.Error(err)
	}
}

// TestCacheOf: a credential cache of another account or realm than the settings name is not
// used.
func TestCacheOf(t *testing.T) {
	t.Parallel()
	cache := write(t, "cache", string(cacheFile(t)), 0o600)
	for who, says := range map[[2]string]string{
		{}:                           "expired",
		{"svc"}:                      "expired",
		{"svc@EXAMPLE.COM"}:          "expired",
		{"svc@EXAMPLE.COM", "OTHER"}: "expired", // the name wins
		{"", "EXAMPLE.COM"}:          "expired",
		{"", "OTHER"}:                "holds tickets of svc@EXAMPLE.COM, and not of the realm OTHER; correct one of them",
		{"svc", "O"}:                 "and not of svc@O;",
		{"svc@example.com"}:          "and not of svc@example.com;",
		{"Svc"}:                      "and not of Svc;",
	} {
		settings := security.Kerberos{Username: who[0], Realm: who[1]}
		settings.CCache, settings.ConfigFile = "FILE:"+cache, write(t, "krb5.conf", usualDefaults+usualRealms, 0o600)
		fails(t, fmt.Sprint(who), newLogin(settings, "HTTP/command.example.com", func(string) {}), says)
	}
}

// TestCachedService: a ticket for the service that a credential cache holds is used, and not
// a second time, as the server refused it then.
func TestCachedService(t *testing.T) {
	t.Parallel()
	conf := write(t, "krb5.conf", usualDefaults+"[realms]\n EXAMPLE.COM = {\n }\n", 0o600) // nobody to ask
	for name, tc := range map[string]struct {
		key, realm string
		ends       time.Duration
		spn        string
		used       bool
		begins     time.Duration
	}{
		"as it is":             {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com", true, 0},
		"in its realm":         {strings.Repeat("k", 32), "R", 1e6 * time.Hour, "HTTP/command.example.com@R", true, 0},
		"in another realm":     {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com@R", false, 0},
		"for another":          {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/a.example.com", false, 0},
		"with a key of no use": {"k", "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com", false, 0},
		"ended":                {strings.Repeat("k", 32), "EXAMPLE.COM", -time.Hour, "HTTP/command.example.com", false, 0},
		"begun":                {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com", true, -time.Hour},
		"by a slow clock":      {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com", true, time.Minute},
		"postdated":            {strings.Repeat("k", 32), "EXAMPLE.COM", 1e6 * time.Hour, "HTTP/command.example.com", false, time.Hour},
	} {
		w := &cacheWriter{key: tc.key}
		if tc.begins != 0 {
			w.begins = time.Now().Add(tc.begins).Unix()
		}
		w.raw(5, 4, 0, 0)
		w.principal("EXAMPLE.COM", "svc")
		w.credential(t, tc.realm, min(time.Now().Add(tc.ends).Unix(), 1<<32-1), "HTTP", "command.example.com")
		login := newLogin(security.Kerberos{CCache: write(t, "cache", string(w.b), 0o600), ConfigFile: conf}, tc.spn, func(string) {})
		if tc.used {
			if l, err := login.fetch(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if value, err := l.negotiate(); err != nil || !strings.HasPrefix(value, "Negotiate ") {
				t.Errorf("%s: %q, %v", name, value, err)
			}
		}
		fails(t, name, login, "holds no ticket-granting ticket of svc@EXAMPLE.COM; run kinit")
	}
}

// TestUnlisted: who may not read a directory is told what to do, without a path as it is.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	err := unlisted("/conf\x1b.d", &fs.PathError{Op: "open", Path: "/conf\x1b.d", Err: fs.ErrPermission})
	if want := `/conf\x1b.d: permission denied; let the user that this program runs as read that directory`; !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
}

// TestLongestService: of the tickets for a service in several realms, the one that lasts
// longest is used.
func TestLongestService(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &cached{services: map[string]*ticket{}}
	for i := range 20 {
		c.services[fmt.Sprintf("HTTP/h@R%d", i)] = &ticket{realm: strconv.Itoa(i), end: now.Add(time.Duration(i) * time.Hour)}
	}
	if got := c.service("HTTP/h", ""); got == nil || got.realm != "19" {
		t.Errorf("%+v", got)
	}
	if got := c.service("HTTP/h", "R3"); got == nil || got.realm != "3" {
		t.Errorf("%+v", got)
	}
}

// TestFilePrefix: a keytab may have FILE: before it, as MIT's programs write it.
func TestFilePrefix(t *testing.T) {
	t.Parallel()
	path := keytabOf(t, keyOf(t))
	if _, _, err := readKeytab("FILE:" + path); err != nil {
		t.Error(err)
	}
	if problem := check(security.Kerberos{Keytab: "FILE:~/k"}); problem == nil {
		t.Error("~/ is taken")
	}
}

// TestNotTheFile: of a file that is something else, the error says what to do.
func TestNotTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "notes", "not of Kerberos", 0o600)
	_, _, err := readKeytab(path)
	if err == nil || !strings.Contains(err.Error(), "is not a keytab; make a new one (ktpass, ktutil), or correct Keytab (KEYFACTOR_AUTH_KRB_KEYTAB") {
		t.Error(err)
	}
	_, err = readCache(path)
	if err == nil || !strings.Contains(err.Error(), "it is not of version 3 or 4; run kinit again, or correct CCache (KEYFACTOR_AUTH_KRB_CCACHE") {
		t.Error(err)
	}
}

// TestKinitAfterRenewal: a ticket-granting ticket that was renewed is used until somebody
// runs kinit, which gets one that lasts longer.
func TestKinitAfterRenewal(t *testing.T) {
	t.Parallel()
	l := askLiar(t, "127.0.0.1:1", "")
	conf, err := readConfig(l.settings.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	lasting := func(d time.Duration) *ticket {
		return &ticket{realm: "EXAMPLE.COM", key: sessionKey(), from: time.Now(), end: time.Now().Add(d)}
	}
	l.tgt = lasting(2 * time.Hour)
	for _, d := range []time.Duration{time.Hour, 3 * time.Hour} {
		want := l.tgt
		c := &cached{realm: "EXAMPLE.COM", tgt: lasting(d)}
		if c.tgt.end.After(want.end) {
			want = c.tgt
		}
		if got, err := l.fromCache(t.Context(), conf, c); err != nil || got != want {
			t.Errorf("%v: another ticket, or %v", d, err)
		}
	}
}

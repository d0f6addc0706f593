package kerberos

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// used is what is used of a krb5.conf, without what is as usual.
func used(conf *krb5conf) string {
	d, b := conf.LibDefaults, &strings.Builder{}
	for _, s := range []struct {
		name         string
		value, usual any
	}{
		{"realm", d.DefaultRealm, "EXAMPLE.COM"},
		{"permitted", d.PermittedEnctypeIDs, strong},
		{"tkt", d.DefaultTktEnctypeIDs, d.PermittedEnctypeIDs},
		{"tgs", d.DefaultTGSEnctypeIDs, d.PermittedEnctypeIDs},
		{"dns", d.DNSLookupKDC, false},
		{"forwardable", d.Forwardable, false},
		{"proxiable", d.Proxiable, false},
		{"noaddresses", d.NoAddresses, true},
		{"extra", d.ExtraAddresses, []net.IP(nil)},
		{"udp", d.UDPPreferenceLimit, 1465},
		{"options", d.KDCDefaultOptions.Bytes, []byte{0, 0, 0, 16}},
		{"skew", d.Clockskew, 5 * time.Minute},
		{"life", d.TicketLifetime, 24 * time.Hour},
		{"renew", d.RenewLifetime, time.Duration(0)},
		{"canonicalize", d.Canonicalize, false},
		{"domains", conf.DomainRealm, "map[]"},
	} {
		if value := fmt.Sprint(s.value); value != fmt.Sprint(s.usual) {
			fmt.Fprintf(b, "%s=%s ", s.name, value)
		}
	}
	for _, realm := range slices.Sorted(maps.Keys(conf.realms)) {
		if got := fmt.Sprint(conf.realms[realm]); realm != "EXAMPLE.COM" || got != "[dc1:88]" {
			fmt.Fprintf(b, "%s:%s ", realm, got)
		}
	}
	return strings.TrimSpace(b.String())
}

const (
	usualDefaults = "[libdefaults]\n default_realm = EXAMPLE.COM\n"
	usualRealms   = "[realms]\n EXAMPLE.COM = {\n  kdc = dc1\n }\n"
)

// TestReadConfig: what MIT's programs take is taken, as they understand it.
func TestReadConfig(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		usualDefaults + usualRealms: "",
		// As on Red Hat's, Debian's and Ubuntu's systems, and of Samba and SSSD.
		"[logging]\n default = FILE:/var/log/krb5libs.log\n" + usualDefaults + " dns_lookup_realm = false\n ticket_lifetime = 24h\n renew_lifetime = 7d\n forwardable = true\n rdns = false\n" +
			" pkinit_anchors = FILE:/etc/pki/tls/certs/ca-bundle.crt\n spake_preauth_groups = edwards25519\n dns_canonicalize_hostname = fallback\n qualify_shortname = \"\"\n" +
			" default_ccache_name = KEYRING:persistent:%{uid}\n" + usualRealms: "forwardable=true renew=168h0m0s",
		usualDefaults + " kdc_timesync = 1\n ccache_type = 4\n proxiable = true\n fcc-mit-ticketflags = true\n safe_checksum_type = hmac\n preferred_preauth_types = 17, 16\n" + usualRealms: "proxiable=true",
		usualDefaults + usualRealms + "[plugins]\n localauth = {\n  module = winbind:/x\n  enable_only = winbind\n }\n[capaths]\n A = {\n  B = .\n }\n":                                      "",
		// Blocks.
		usualDefaults + "[realms]\n EXAMPLE.COM = {\n  kdc = dc1\n  auth_to_local = RULE:[1:$1@$0](.*@A)s/@.*//\n  auth_to_local_names = {\n   a = b\n   kdc = no\n  }\n  v4_name_convert = {\n   host = {\n    rcmd = host\n   }\n  }\n }\n": "",
		usualDefaults + " EXAMPLE.COM = {\n  ticket_lifetime = 1h\n  nonsense\n  forwardable = nonsense\n  x = {\n   nonsense\n  }\n }\n" + strings.Replace(usualRealms, "kdc", "nonsense = 1\n kdc", 1):                                      "line 5: it is neither",
		usualDefaults + " EXAMPLE.COM = {\n  ticket_lifetime = 1h\n  forwardable = nonsense\n  x = {\n   nonsense\n  }\n }\n" + usualRealms:                                                                                                   "",
		usualDefaults + "[realms]\n EXAMPLE.COM =\n {\n  kdc = dc1\n }\n":                                                           "",
		"\ufeff" + usualDefaults + usualRealms:                                                                                      "",
		usualDefaults + "[realms]\n EXAMPLE.COM =\n { # note\n  kdc = dc1\n }\n":                                                    "",
		usualDefaults + "[realms]\n EXAMPLE.COM =\n { kdc = dc1\n }\n":                                                              "line 5: what is after a {",
		usualDefaults + "[realms]\n { kdc = dc1\n }\n":                                                                              "line 4: what is after a {",
		usualDefaults + "[realms]\n EXAMPLE.COM = {\n  kdc = dc1\n":                                                                 "",
		"[realms]\n EXAMPLE.COM = {\n  kdc = dc1\n" + usualDefaults:                                                                 "",
		usualDefaults + usualRealms + " EXAMPLE.COM = { # again\n  kdc = dc2\n  kdc = dc1\n }\n A.B = {\n  admin_server = x\n }*\n": "A.B:[] EXAMPLE.COM:[dc1:88 dc2:88]",
		"kdc = nonsense\n[libdefaults]*\n\tdefault_realm*\t=\tEXAMPLE.COM\r\n" + strings.ReplaceAll(usualRealms, "\n", "\r\n"):      "",
		usualDefaults + "[realms]\n R = {\n  kdc = dc1.example.com:89 ; note\n  kdc = 192.0.2.1\n  kdc = [2001:db8::1]\n  kdc = 2001:db8::1\n  kdc = [2001:db8::1]:89\n  kdc = tcp/dc2\n  KDC = dc4\n" +
			"  kdc = https://proxy/KdcProxy\n  master_kdc = dc3\n }\n": "R:[dc1.example.com:89 192.0.2.1:88 [2001:db8::1]:88 [2001:db8::1]:89 dc2:88]",
		// Values.
		"[libdefaults]\n default_realm = \"EXAMPLE.COM\" # note\n" + usualRealms:                                                     "",
		"[libdefaults]\n default_realm = \"A\\\"\\n\\x#\n":                                                                           "realm=A\"\nx#",
		"[libdefaults]\n default_realm = A#B\tC ;note\n default_realm = D\n# a\n ; b\n":                                              "realm=A#B\tC",
		usualDefaults + " forwardable = on\n proxiable = T\n noaddresses = nil\n dns_lookup_kdc = YES\n":                             "dns=true forwardable=true proxiable=true noaddresses=false",
		usualDefaults + " forwardable = off\n proxiable = f\n noaddresses = 1\n dns_lookup_kdc =\n canonicalize = yes\n":             "",
		usualDefaults + " udp_preference_limit = 1\n kdc_default_options = 0x40000010\n extra_addresses = 192.0.2.1, x, 192.0.2.2\n": "extra=[192.0.2.1 192.0.2.2] udp=1 options=[64 0 0 16]",
		usualDefaults + " clockskew = 60\n ticket_lifetime = 1-12:00:01\n renew_lifetime = 7d 12h\n":                                 "skew=1m0s life=36h0m1s renew=180h0m0s",
		usualDefaults + " clockskew = 5m\n ticket_lifetime = 0\n renew_lifetime = 10:00\n":                                           "renew=10h0m0s",
		usualDefaults + " ticket_lifetime = 1d2h3m4\n":                                                                               "life=26h3m4s",
		usualDefaults + "[domain_realm]\n .Example.com = \"EXAMPLE.COM\"\n example.com = EXAMPLE.COM\n x = {\n  y = z\n }\n":         "domains=map[.example.com:EXAMPLE.COM example.com:EXAMPLE.COM]",
		// Encryption types: 18, 17 AES with SHA-1, 20, 19 AES with SHA-2, 23 RC4.
		usualDefaults + " permitted_enctypes = aes\n":                                                      "",
		usualDefaults + " permitted_enctypes = DEFAULT -rc4\n":                                             "",
		usualDefaults + " permitted_enctypes = DEFAULT +rc4\n":                                             "permitted=[18 17 20 19 23]",
		usualDefaults + " permitted_enctypes = default, -AES256-CTS,-aes128-cts-hmac-sha1-96\n":            "permitted=[20 19]",
		usualDefaults + " permitted_enctypes = aes256-cts camellia256-cts des3 des nonsense rc4-hmac\n":    "permitted=[18 23]",
		usualDefaults + " permitted_enctypes = aes rc4\n default_tkt_enctypes = DEFAULT -rc4 aes128-cts\n": "permitted=[18 17 20 19 23] tkt=[18 17 20 19]",
		usualDefaults + " default_tkt_enctypes = rc4\n default_tgs_enctypes = aes128-cts rc4\n":            "tkt=[] tgs=[17]",
		// What cannot be understood is named.
		usualDefaults + " forwardable = maybe\n":                                              "line 3: forwardable = maybe: it must be yes or no",
		usualDefaults + " dns_lookup_kdc = maybe\n":                                           "line 3: dns_lookup_kdc = maybe",
		usualDefaults + " clockskew = 0\n":                                                    "line 3: clockskew = 0: no two clocks are so near",
		usualDefaults + " clockskew = -5\n":                                                   "line 3: clockskew = -5: it must be a time",
		usualDefaults + " ticket_lifetime = soon\n":                                           "line 3: ticket_lifetime = soon: it must be a time of at most 10 years, such as 36000 (seconds), 10h, 7d or 10:00",
		usualDefaults + " renew_lifetime = 999999999d\n":                                      "line 3: renew_lifetime = 999999999d: it must be a time of at most 10 years",
		usualDefaults + " renew_lifetime = \x1b[2J\n":                                         `line 3: renew_lifetime = \x1b[2J`,
		usualDefaults + " udp_preference_limit = few\n":                                       "line 3: udp_preference_limit = few",
		usualDefaults + " kdc_default_options = few\n":                                        "line 3: kdc_default_options = few",
		usualDefaults + " forwardable\n":                                                      "line 3: it is neither a setting",
		usualDefaults + "[realms\n":                                                           "line 3: a section without ]",
		usualDefaults + usualRealms + " }\n":                                                  "line 7: a } without a {",
		usualDefaults + "[realms]\n {\n":                                                      "line 4: a { without a name",
		usualDefaults + "[realms]\n R = { kdc = dc1 }\n":                                      "line 4: the realm R needs a {",
		"[libdefaults]\n Default_Realm = OTHER\n default_realm = EXAMPLE.COM\n":               "",
		usualDefaults + "[realms]\n R = {\n" + numbered("  kdc = dc%d\n", maxKDCs+1) + " }\n": "the realm has more than 64 KDCs",
		usualDefaults + "[realms]\n R = {\n  kdc dc1\n }\n":                                   "line 5: it is neither a setting",
		usualDefaults + " permitted_enctypes = des\n":                                         "allows no encryption type that is used",
	} {
		path := write(t, "krb5.conf", text, 0o644)
		conf, err := readConfig(path)
		var got string
		if err == nil {
			got = used(conf)
		} else if got = err.Error(); !strings.Contains(got, path) || strings.Contains(got, "\x1b") {
			t.Errorf("%s: %s does not name the file, or shows it as it is", text, got)
		}
		if err == nil && got != want || err != nil && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s\nis %q, want %q", text, got, want)
		}
	}
}

// numbered is n lines, each with its number.
func numbered(line string, n int) string {
	b := &strings.Builder{}
	for i := range n {
		fmt.Fprintf(b, line, i)
	}
	return b.String()
}

// TestRealmOf: what [domain_realm] has for a host counts for the domain below it, unless
// there is something for that.
func TestRealmOf(t *testing.T) {
	t.Parallel()
	conf, err := readConfig(write(t, "krb5.conf", usualDefaults+"[domain_realm]\n Example.com = HOST\n .org = ORG\n a.org = A\n .b.org = B\n b.org = NOT\n x = \"\"\n x = X\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"example.com": "HOST", "command.example.com": "HOST", "Command.EXAMPLE.com.": "HOST", "a.b.example.com:8443": "HOST", "example.com/x": "HOST",
		"a.org": "A", "x.a.org": "A", "c.org": "ORG", "c.b.org": "B", "b.org": "NOT", "org": "", "notexample.com": "", "com": "", "x": "X", "": "", ".": "", "..": "", "a..org": "ORG",
	} {
		if got := conf.realmOf(host); got != want {
			t.Errorf("%q is of %q, want %q", host, got, want)
		}
	}
}

// TestNoKDC: it is said what lacks.
func TestNoKDC(t *testing.T) {
	t.Parallel()
	conf, err := readConfig(write(t, "krb5.conf", "[realms]\n A = {\n  master_kdc = dc1\n }\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for realm, says := range map[string]string{"A": "has the realm A, but no kdc line in it that is used", "a": "names no KDC of the realm a (it has: A; case counts)"} {
		if err := conf.findable(realm); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}

// FuzzReadConfig: whatever is in a krb5.conf, what is used of it makes sense, or the error
// is short.
func FuzzReadConfig(f *testing.F) {
	f.Add(usualDefaults + usualRealms + "[domain_realm]\n.example.com = EXAMPLE.COM\n")
	f.Add("[libdefaults]\n a = {\n b = \"c\\\"d\n }\n clockskew = 1-1:1:1\n permitted_enctypes = DEFAULT +rc4 -aes\n renew_lifetime = 1d 1h\n")
	f.Add("[realms]\nA =\n{\nkdc = tcp/[::1]:88 # x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") {
			return // files of this machine
		}
		r := newConfReader("krb5.conf")
		err := r.parse(text, "krb5.conf", 0)
		if err == nil {
			err = r.settle()
		}
		if err != nil {
			if len(err.Error()) > 6000 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("%d bytes, or a control character: %.6000q", len(err.Error()), err)
			}
			return
		}
		d := r.conf.LibDefaults
		for _, id := range slices.Concat(d.PermittedEnctypeIDs, d.DefaultTktEnctypeIDs, d.DefaultTGSEnctypeIDs) {
			if keySizes[id] == 0 || !slices.Contains(d.PermittedEnctypeIDs, id) {
				t.Errorf("the encryption type %d", id)
			}
		}
		if d.Clockskew <= 0 || d.TicketLifetime <= 0 || d.RenewLifetime < 0 || max(d.Clockskew, d.TicketLifetime, d.RenewLifetime) > maxSpan {
			t.Errorf("%v, %v, %v", d.Clockskew, d.TicketLifetime, d.RenewLifetime)
		}
		for realm, kdcs := range r.conf.realms {
			if realm == "" || slices.Contains(kdcs, "") || len(kdcs) > maxKDCs {
				t.Errorf("%q: %q", realm, kdcs)
			}
		}
	})
}

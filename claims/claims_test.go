package claims_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
)

func TestClaimDecodesOddities(t *testing.T) {
	t.Parallel()
	provider := `"Provider":{"Id":"c70e8641-a543-45b1-a47f-8b7d253fbf14","AuthenticationScheme":"System","DisplayName":"System"}`
	want := user()
	bare := user()
	bare.Provider = claims.Provider{}
	unknown := user()
	unknown.Type = "QuantumToken"
	unnumbered := user()
	unnumbered.ID = 0
	for text, want := range map[string]claims.Claim{
		`{"Id":231,"Description":"A user","ClaimType":5,"ClaimValue":"user-1",` + provider + `}`:                          want,
		`{"Id":231,"Description":"A user","ClaimType":"5","ClaimValue":"user-1",` + provider + `}`:                        want,
		`{"Id":231,"Description":"A user","ClaimType":"oauthsubject","ClaimValue":"user-1",` + provider + `}`:             want,
		`{"Id":231,"Description":"A user","ClaimType":"OAuth Subject","ClaimValue":"user-1",` + provider + `}`:            want,
		`{"id":231,"description":"A user","claimType":"OAuthSubject","claimValue":"user-1",` + camel(provider) + `}`:      want,
		`{"Id":231,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1"}`:                              bare,
		`{"Id":231,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1","Provider":null}`:              bare,
		`{"Id":231,"Description":"A user","ClaimType":"QuantumToken","ClaimValue":"user-1",` + provider + `}`:             unknown,
		`{"Id":null,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1",` + provider + `,"New":[{}]}`: unnumbered,
		`{"Id":null,"Description":null,"ClaimType":null,"ClaimValue":null,"Provider":null}`:                               {},
	} {
		var got claims.Claim
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got != want {
			t.Errorf("%s\nis %+v\nwant %+v", text, got, want)
		}
	}
	for _, text := range []string{`{"ClaimType":true}`, `{"ClaimType":{}}`, `{"ClaimType":[5]}`, `{"Id":"x"}`} {
		var got claims.Claim
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: is %+v, want an error", text, got)
		}
	}
}

// camel is a member as servers before Command 12 may write it.
func camel(provider string) string {
	return strings.NewReplacer(`"Provider"`, `"provider"`, `"Id"`, `"id"`, `"AuthenticationScheme"`, `"authenticationScheme"`,
		`"DisplayName"`, `"displayName"`).Replace(provider)
}

func TestType(t *testing.T) {
	t.Parallel()
	for number, name := range []string{"User", "Group", "Computer", "OAuthOid", "OAuthRole", "OAuthSubject", "OAuthClientId"} {
		for _, text := range []string{name, strings.ToLower(name), strconv.Itoa(number)} {
			parsed, err := claims.ParseType(text)
			if err != nil || string(parsed) != name {
				t.Errorf("ParseType(%q) = %q, %v, want %q", text, parsed, err, name)
			}
		}
		encoded, err := json.Marshal(claims.Type(name))
		if err != nil || string(encoded) != strconv.Itoa(number) {
			t.Errorf("%s is sent as %s, %v, want %d", name, encoded, err, number)
		}
	}
	for _, text := range []string{"", "7", "-1", "Robot", "5.0", "OAuth"} {
		if parsed, err := claims.ParseType(text); err == nil {
			t.Errorf("ParseType(%q) = %q, want an error", text, parsed)
		}
	}
	if _, err := json.Marshal(claims.Type("Robot")); err == nil {
		t.Error("an unknown type can be sent")
	}
	for text, want := range map[string]claims.Type{`7`: "7", `"Robot"`: "Robot", `2.5`: "2.5", `null`: ""} {
		var got claims.Type
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzType(f *testing.F) {
	f.Add(`"OAuthRole"`)
	f.Add(`4`)
	f.Add(`-0`)
	f.Add(`1e300`)
	f.Fuzz(func(t *testing.T, text string) {
		var typ claims.Type
		if json.Unmarshal([]byte(text), &typ) != nil {
			return
		}
		number, known := typ.Number()
		encoded, err := json.Marshal(typ)
		if known != (err == nil) || known && string(encoded) != strconv.Itoa(number) {
			t.Errorf("%s is read as %q, number %d, known %v, sent as %s, %v", text, typ, number, known, encoded, err)
		}
	})
}

func TestRequest(t *testing.T) {
	t.Parallel()
	got := user().ToRequest()
	want := claims.Request{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System", Description: "A user"}
	if got != want || got.Key() != user().Key() {
		t.Errorf("request is %+v, want %+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	nameless := user()
	nameless.Description = " "
	if got := nameless.ToRequest().Description; got != "user-1" {
		t.Errorf("description of a claim that has none is %q, want its value", got)
	}
	// A claim that names no provider cannot be sent; that must not go unnoticed.
	lost := user()
	lost.Provider = claims.Provider{}
	apitest.Refused(t, lost.ToRequest().Validate(), "Scheme")
}

func TestKeySame(t *testing.T) {
	t.Parallel()
	group := func(value string) claims.Key {
		return claims.Key{Type: claims.TypeGroup, Value: value, Scheme: "Active Directory"}
	}
	oauth := func(value string) claims.Key {
		return claims.Key{Type: claims.TypeOAuthRole, Value: value, Scheme: "System"}
	}
	scheme := func(k claims.Key, scheme string) claims.Key { k.Scheme = scheme; return k }
	for _, test := range []struct {
		a, b claims.Key
		want bool
	}{
		{group(`KEYEXAMPLE\pki`), group(`KEYEXAMPLE\pki`), true},
		{group(`KEYEXAMPLE\pki`), group(`keyexample\PKI`), true},
		{group(`pki`), group(`KEYEXAMPLE\PKI`), true},
		{group(`OTHER\pki`), group(`KEYEXAMPLE\pki`), false},
		{group(`KEYEXAMPLE\pki`), group(`KEYEXAMPLE\pki2`), false},
		{group(`pki`), scheme(group(`pki`), "active directory"), true},
		{group(`pki`), scheme(group(`pki`), "unknown"), false},
		{group(`pki`), claims.Key{Type: claims.TypeUser, Value: `pki`, Scheme: "Active Directory"}, false},
		{oauth("Ops"), oauth("Ops"), true},
		{oauth("Ops"), oauth("ops"), false},
		{oauth(`Ops`), oauth(`KEYEXAMPLE\Ops`), false},
		{oauth("Ops"), scheme(oauth("Ops"), "SYSTEM"), true},
	} {
		if got := test.a.Same(test.b); got != test.want {
			t.Errorf("%s same as %s: %v, want %v", test.a, test.b, got, test.want)
		}
		if got := test.b.Same(test.a); got != test.want {
			t.Errorf("%s same as %s: %v, want %v", test.b, test.a, got, test.want)
		}
	}
	if got := oauth("Ops").String(); got != "OAuthRole Ops (System)" {
		t.Errorf("key prints as %q", got)
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	request := func(typ claims.Type, value, scheme, description string) claims.Request {
		return claims.Request{Type: typ, Value: value, Scheme: scheme, Description: description}
	}
	given := []claims.Request{
		request(claims.TypeGroup, `KEYEXAMPLE\pki`, "Active Directory", "first"),
		request(claims.TypeOAuthRole, "pki", "System", "another type"),
		request(claims.TypeGroup, `PKI`, "active directory", "the first again"),
		request(claims.TypeOAuthRole, "PKI", "System", "another case"),
		request(claims.TypeOAuthRole, "pki", "Other", "another scheme"),
		request(claims.TypeOAuthRole, "pki", "System", "the second again"),
		request(claims.TypeGroup, `OTHER\pki`, "Active Directory", "another domain"),
	}
	got := claims.Unique(given)
	want := []claims.Request{given[0], given[1], given[3], given[4], given[6]}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("unique are %+v, want %+v", got, want)
	}
	// A claim without a domain must not swallow two with different ones.
	if got := claims.Unique([]claims.Request{given[2], given[6], given[0]}); !reflect.DeepEqual(got, []claims.Request{given[6], given[0]}) {
		t.Errorf("unique are %+v, want those that name their domain", got)
	}
	if got := claims.Unique(nil); got == nil || len(got) != 0 {
		t.Errorf("unique of nothing is %#v, want an empty list", got)
	}
}

// TestLookalikes: the Kelvin sign is no K, whatever its lower case is.
func TestLookalikes(t *testing.T) {
	t.Parallel()
	k := claims.Key{Type: claims.TypeGroup, Value: `KEYEXAMPLE\Key Operators`, Scheme: "Active Directory"}
	lookalike := k
	lookalike.Value = "KEYEXAMPLE\\\u212aey Operators"
	if k.Same(lookalike) || lookalike.Same(k) {
		t.Error("it counts as the same")
	}
	requests := []claims.Request{{Type: k.Type, Value: k.Value, Scheme: k.Scheme}, {Type: k.Type, Value: lookalike.Value, Scheme: k.Scheme}}
	if got := claims.Unique(requests); len(got) != 2 {
		t.Errorf("of two, %v are left", got)
	}
}

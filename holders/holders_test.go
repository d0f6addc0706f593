package holders_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/commandsec/commandsec-go/holders"
)

func Example() {
	a := holders.Key{Type: holders.TypeGroup, Value: `KEYEXAMPLE\PKI`, Scheme: holders.SchemeActiveDirectory}
	b := holders.Key{Type: holders.TypeGroup, Value: `keyexample\pki`, Scheme: "active directory"}
	fmt.Println(a, a.Same(b), a == b, a.Fold() == b.Fold())
	// Output: Group KEYEXAMPLE\PKI (Active Directory) true false true
}

// TestKeyJSON: a file has the names of types, those that are not known, too.
func TestKeyJSON(t *testing.T) {
	t.Parallel()
	for key, want := range map[holders.Key]string{
		{Type: holders.TypeOAuthRole, Value: "<a>", Scheme: "System"}: `{"type":"OAuthRole","value":"\u003ca\u003e","scheme":"System"}`,
		{Type: "Robot 7", Value: `D\x`}:                               `{"type":"Robot 7","value":"D\\x","scheme":""}`,
		{Type: "4", Value: "v"}:                                       `{"type":"4","value":"v","scheme":""}`,
	} {
		text, err := json.Marshal(key)
		if err != nil || string(text) != want {
			t.Errorf("%v is written %s, %v, want %s", key, text, err, want)
		}
		var back holders.Key
		if err := json.Unmarshal(text, &back); err != nil || back != key {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	for _, text := range []string{
		`{"type":"User","value":"v"}`, `{"type":"User","value":"v","scheme":"s","x":1}`, `[]`, `{"type":0,"value":"v","scheme":"s"}`, `null`,
	} {
		var back holders.Key
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s is read as %v", text, back)
		}
	}
}

// TestFold: keys that fold alike are the same, and the same keys with domains fold alike.
func TestFold(t *testing.T) {
	t.Parallel()
	key := func(kind holders.Type, value, scheme string) holders.Key {
		return holders.Key{Type: kind, Value: value, Scheme: scheme}
	}
	keys := []holders.Key{
		key("Group", `A\x`, "Active Directory"), key("Group", `a\X`, "active directory"), key("Group", `B\x`, "Active Directory"),
		key("User", `A\x`, "Active Directory"), key("OAuthRole", `A\x`, "System"), key("OAuthRole", `a\x`, "System"), key("OAuthRole", `A\x`, "SYSTEM"),
	}
	for _, a := range keys {
		for _, b := range keys {
			if folded := a.Fold() == b.Fold(); folded != a.Same(b) {
				t.Errorf("%s and %s fold alike: %v, are the same: %v", a, b, folded, a.Same(b))
			}
		}
	}
	if domain, bare := keys[0].Domain(); domain != "A" || bare != key("Group", "x", "Active Directory") {
		t.Errorf("%s, %s", domain, bare)
	}
	if domain, bare := keys[4].Domain(); domain != "" || bare != keys[4] {
		t.Errorf("%s, %s", domain, bare)
	}
}

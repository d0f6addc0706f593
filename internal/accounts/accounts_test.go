package accounts_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/accounts"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	const ad, entra = holders.SchemeActiveDirectory, "Entra"
	for _, c := range []struct {
		key     holders.Key
		account string
		is, may bool
	}{
		{holders.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\jsmith`, Scheme: ad}, `keyexample\JSmith`, true, true},
		{holders.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\jsmith`, Scheme: ad}, "jsmith@keyexample.com", true, true},
		{holders.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\jsmith`, Scheme: ad}, `KEYEXAMPLE\robot`, false, false},
		{holders.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\jsmith`, Scheme: ad}, "", false, true},
		{holders.Key{Type: holders.TypeGroup, Value: `KEYEXAMPLE\admins`, Scheme: ad}, `KEYEXAMPLE\robot`, false, true},
		{holders.Key{Type: holders.TypeOAuthClientID, Value: "robot", Scheme: entra}, "robot", true, true},
		{holders.Key{Type: holders.TypeOAuthClientID, Value: "robot", Scheme: entra}, "Robot", false, false},
		{holders.Key{Type: holders.TypeOAuthSubject, Value: "4c1f", Scheme: entra}, "4c1f", true, true},
		{holders.Key{Type: holders.TypeOAuthRole, Value: "admins", Scheme: entra}, "robot", false, true},
		{holders.Key{Type: holders.TypeOAuthOid, Value: "77", Scheme: entra}, "robot", false, true},
	} {
		if is, may := accounts.Is(c.key, c.account), accounts.May(c.key, c.account); is != c.is || may != c.may {
			t.Errorf("%v, %q: is %t, may %t", c.key, c.account, is, may)
		}
	}
}

// Package accounts relates the account of a client to what holds roles.
package accounts

import (
	"strings"

	"github.com/commandsec/commandsec-go/holders"
)

// Is reports whether a key names an account: DOMAIN\name, name@domain, or what a token
// is about.
func Is(k holders.Key, account string) bool {
	if account == "" {
		return false
	}
	if !k.Type.AD() {
		return (k.Type == holders.TypeOAuthSubject || k.Type == holders.TypeOAuthClientID) && k.Value == account
	}
	if name, _, ok := strings.Cut(account, "@"); ok && !strings.Contains(account, `\`) {
		account = name
	}
	return k.Same(holders.Key{Type: k.Type, Value: account, Scheme: k.Scheme})
}

// May reports whether what an account may do can come from a key: it names the account,
// stands for many, or the account is not known.
func May(k holders.Key, account string) bool {
	return account == "" || Is(k, account) || k.Type == holders.TypeGroup || k.Type == holders.TypeOAuthRole || k.Type == holders.TypeOAuthOid
}

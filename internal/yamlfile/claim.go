package yamlfile

import (
	"fmt"
	"strings"

	"github.com/commandsec/commandsec-go/holders"
)

// ParseClaim reads TYPE:VALUE@SCHEME, such as OAuthRole:pki-operators@System. The type
// ends at the first colon, the scheme begins after the last @.
func ParseClaim(s string) (holders.Key, error) {
	kind, rest, ok := strings.Cut(s, ":")
	at := strings.LastIndex(rest, "@")
	if !ok || at < 0 {
		return holders.Key{}, fmt.Errorf("%s is not a claim; write TYPE:VALUE@SCHEME, such as OAuthRole:pki-operators@System", quoted(s))
	}
	t, err := holders.ParseType(strings.TrimSpace(kind))
	if err != nil {
		return holders.Key{}, fmt.Errorf("%s is not a claim type; the types are %v", quoted(kind), holders.Types())
	}
	k := holders.Key{Type: t, Value: rest[:at], Scheme: rest[at+1:]}
	if strings.TrimSpace(k.Value) == "" || strings.TrimSpace(k.Scheme) == "" {
		return holders.Key{}, fmt.Errorf("%s has no value or no scheme; write TYPE:VALUE@SCHEME", quoted(s))
	}
	return k, nil
}

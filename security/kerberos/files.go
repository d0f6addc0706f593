package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/trusted"
)

const maxShown = 300

// read reads a file that only its owner can write: whoever can write one of these
// chooses who signs in, or where.
func read(what, path string) ([]byte, error) {
	data, mode, err := trusted.Read(path)
	if errors.Is(err, fs.ErrPermission) {
		err = denied(err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	if trusted.Writable(mode) {
		return nil, fmt.Errorf("the %s %s can be written by others than its owner (mode %04o), and is not used; chmod go-w it",
			what, show.Text(path, maxShown), mode.Perm())
	}
	return data, nil
}

// denied says who may not read a file, and what to do.
func denied(err error) error {
	who := "the user that this program runs as"
	if u, e := user.Current(); e == nil {
		who = "the user " + show.Text(u.Username, maxShown) + ", as which this program runs"
	}
	return fmt.Errorf("%w; let %s read it: chown it to that user and chmod 600 it, and see whether the directories above can be entered", err, who)
}

// readKeytab reads a keytab. The library's error is not shown: it quotes the file.
func readKeytab(path string) (*keytab.Keytab, []byte, error) {
	path = strings.TrimPrefix(path, "FILE:")
	data, err := read("keytab", path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; have the keytab put there (ktpass, ktutil), or correct Keytab (KEYFACTOR_AUTH_KRB_KEYTAB, kerberos_keytab)", err)
	}
	if err != nil {
		return nil, nil, err
	}
	kt, err := safely(func() (*keytab.Keytab, error) {
		kt := keytab.New()
		return kt, kt.Unmarshal(data)
	})
	if err != nil || len(kt.Entries) == 0 {
		return nil, nil, fmt.Errorf("%s holds no keys, or is not a keytab; make a new one (ktpass, ktutil), or correct Keytab (KEYFACTOR_AUTH_KRB_KEYTAB, kerberos_keytab)", show.Text(path, maxShown))
	}
	return kt, data, nil
}

// principals is whose keys a keytab holds, as name@REALM, each once.
func principals(kt *keytab.Keytab) []string {
	var names []string
	for _, e := range kt.Entries {
		if name := e.Principal.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// etypes is the encryption types of the keys that a keytab holds of a principal.
func etypes(kt *keytab.Keytab, principal string) []int32 {
	var types []int32
	for _, e := range kt.Entries {
		if e.Principal.String() == principal {
			types = append(types, e.Key.KeyType)
		}
	}
	return types
}

// cached is what a credential cache says: whose it is, its ticket-granting ticket, and the
// tickets for services.
type cached struct {
	name     types.PrincipalName
	realm    string
	tgt      *ticket            // nil if there is none
	services map[string]*ticket // by service@REALM
}

func (c *cached) principal() string { return c.name.PrincipalNameString() + "@" + c.realm }

// service is the ticket for a service, in its realm if that is known, that lasts longest.
// nil if there is none.
func (c *cached) service(spn, realm string) *ticket {
	var found *ticket
	for server, t := range c.services {
		if name, at, _ := strings.Cut(server, "@"); name == spn && (realm == "" || realm == at) && (found == nil || t.end.After(found.end)) {
			found = t
		}
	}
	return found
}

// readCache reads a credential cache in a file.
func readCache(cache string) (*cached, error) {
	path := strings.TrimPrefix(cache, "FILE:")
	data, err := read("credential cache", path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; run kinit -c FILE: and this path, or correct CCache (KEYFACTOR_AUTH_KRB_CCACHE, kerberos_ccache)", err)
	}
	if err != nil {
		return nil, err
	}
	c, err := parseCache(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a credential cache that can be read: %w; run kinit again, or correct CCache (KEYFACTOR_AUTH_KRB_CCACHE, kerberos_ccache)", show.Text(path, maxShown), err)
	}
	return c, nil
}

// parseCache reads version 3 or 4 of the format, which is described at
// https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html. The
// Kerberos library has a reader, too, which trusts the lengths in the file.
func parseCache(data []byte) (*cached, error) {
	r := &cacheReader{left: data}
	switch version := r.number(2); version {
	case 0x0504:
		r.bytes(int(r.number(2))) // the header
	case 0x0503:
	default:
		return nil, errors.New("it is not of version 3 or 4")
	}
	c := cached{services: map[string]*ticket{}}
	c.name, c.realm = r.principal()
	for !r.broken && len(r.left) > 0 {
		t, server := r.credential(data[1] == 3)
		if r.broken || server == "" || !t.name.Equal(c.name) || t.realm != c.realm {
			continue
		}
		if server != "krbtgt/"+c.realm+"@"+c.realm {
			if before := c.services[server]; before == nil || t.end.After(before.end) {
				c.services[server] = t
			}
		} else if c.tgt == nil || t.end.After(c.tgt.end) {
			c.tgt = t
		}
	}
	if r.broken || c.realm == "" || len(c.name.NameString) == 0 {
		return nil, errors.New("it ends too early, or a length in it is wrong")
	}
	return &c, nil
}

// cacheReader reads from the front of what is left. Once it is broken, it reads zeros.
type cacheReader struct {
	left   []byte
	broken bool
}

func (r *cacheReader) bytes(n int) []byte {
	if n < 0 || n > len(r.left) {
		r.broken, r.left, n = true, nil, 0
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *cacheReader) number(size int) uint32 {
	b := r.bytes(size)
	if len(b) < size {
		return 0
	}
	return binary.BigEndian.Uint32(append(make([]byte, 4-size), b...))
}

func (r *cacheReader) data() []byte { return r.bytes(int(r.number(4))) }

func (r *cacheReader) time() time.Time { return time.Unix(int64(r.number(4)), 0) }

func (r *cacheReader) principal() (types.PrincipalName, string) {
	name := types.PrincipalName{NameType: int32(r.number(4))} //nolint:gosec // may be negative
	parts := r.number(4)
	realm := string(r.data())
	for range parts {
		part := r.data()
		if r.broken {
			break
		}
		name.NameString = append(name.NameString, string(part))
	}
	return name, realm
}

// credential returns a ticket, and the server that it is for.
func (r *cacheReader) credential(version3 bool) (*ticket, string) {
	t := &ticket{}
	t.name, t.realm = r.principal()
	server, realm := r.principal()
	t.key.KeyType = int32(r.number(2)) //nolint:gosec // of two bytes
	if version3 {
		r.bytes(2) // the type again
	}
	t.key.KeyValue = slices.Clone(r.data())
	t.from = r.time() // when somebody signed in
	if start := r.time(); start.Unix() != 0 {
		t.from = start
	}
	t.end, t.renewTill = r.time(), r.time()
	r.bytes(1 + 4) // whether it is a key of a session, and the ticket's flags
	for range 2 {  // addresses, and authorization data
		for range r.number(4) {
			if r.bytes(2); r.broken {
				break
			}
			r.data()
		}
	}
	raw := r.data()
	r.data() // a second ticket
	if strings.HasPrefix(realm, "X-CACHECONF") {
		return t, "" // a note of the program that wrote the file
	}
	var err error
	if t.ticket, err = safely(func() (m messages.Ticket, err error) { return m, m.Unmarshal(raw) }); err != nil {
		return t, ""
	}
	return t, server.PrincipalNameString() + "@" + realm
}

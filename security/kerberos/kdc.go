package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
)

// Bounds on what anybody who answers in place of a KDC, or of DNS, can make a program
// read and wait for.
const (
	// No useful ticket needs more: Windows makes none of more than 64 KiB, and IIS takes
	// no header that is larger.
	maxAnswer     = 128 << 10
	maxFound      = 8 // KDCs that DNS names
	lookupWithin  = 5 * time.Second
	connectWithin = 5 * time.Second // name lookup included
	answerWithin  = 5 * time.Second
)

// unanswered means that no KDC gave an answer.
type unanswered struct {
	named   string   // the KDCs that were asked
	details []string // what went wrong at each
	reached bool     // one of them may have got the request
	ended   error    // why the context ended, nil if it did not
}

func (u *unanswered) Error() string { return show.Text(strings.Join(u.details, "; "), 2*maxShown) }
func (u *unanswered) Unwrap() error { return u.ended }

// ask sends a request to the KDCs of a realm, one after the other, until one answers. The
// one that answered last is the first: others may be down, and wait for nothing each time.
// UDP, over which answers get lost, is tried only if none can be reached over TCP. A
// request that is proof of a password goes to no other KDC, and not over UDP, once one may
// have got it: each may count a wrong password, and the domain controllers of a domain
// count together.
func (l *login) ask(ctx context.Context, conf *krb5conf, realm string, request []byte, proof bool) ([]byte, error) {
	networks := []string{"tcp", "udp"}
	if conf.LibDefaults.UDPPreferenceLimit == 1 {
		networks = networks[:1]
	}
	none := &unanswered{named: "found in DNS"}
	if names := conf.kdcs(realm); len(names) > 0 {
		none.named = list(names)
	}
	for _, network := range networks {
		addresses, err := l.locate(ctx, conf, realm, network)
		if err != nil {
			none.details = append(none.details, err.Error())
		}
		if i := slices.Index(addresses, l.first[realm]); i > 0 {
			addresses = slices.Concat(addresses[i:i+1], addresses[:i], addresses[i+1:])
		}
		for i, address := range addresses {
			answer, reached, err := l.askOne(ctx, network, address, request)
			if err == nil && unavailable(answer) {
				err, reached = errors.New("it says that it is not available"), false
			}
			if err == nil {
				l.first[realm] = address
				return answer, nil
			}
			none.details = append(none.details, network+" "+address+": "+err.Error())
			if none.reached = none.reached || reached; none.reached && proof {
				none.named = show.Text(address, maxShown)
				l.first[realm] = addresses[(i+1)%len(addresses)] // next time
			}
			if ctx.Err() != nil || none.reached && proof {
				break
			}
		}
		if ctx.Err() != nil {
			none.ended = transport.EndOf(ctx)
			return nil, none
		}
		if none.reached {
			break
		}
	}
	return nil, none
}

// unavailable reports whether a KDC says that another one is to be asked, as a read-only
// domain controller does that cannot reach the one that knows the password.
func unavailable(answer []byte) bool {
	var refusal messages.KRBError
	return refusal.Unmarshal(answer) == nil && refusal.ErrorCode == errorcode.KDC_ERR_SVC_UNAVAILABLE
}

// locate is where the KDCs of a realm are: as krb5.conf says, else as DNS says.
func (l *login) locate(ctx context.Context, conf *krb5conf, realm, network string) ([]string, error) {
	if named := conf.kdcs(realm); len(named) > 0 {
		return named, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	_, records, err := l.resolver.LookupSRV(ctx, "kerberos", network, strings.TrimSuffix(realm, ".")+".") // not below this machine's domain
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range records[:min(len(records), maxFound)] {
		found = append(found, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
	}
	return found, nil
}

// askOne asks one KDC. reached tells whether it may have got the request.
func (l *login) askOne(ctx context.Context, network, address string, request []byte) (answer []byte, reached bool, err error) {
	dialer := net.Dialer{Timeout: connectWithin, Resolver: l.resolver}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }() // all was said
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "udp" {
		if _, err := conn.Write(request); err != nil {
			return nil, false, err
		}
		answer = make([]byte, maxAnswer)
		n, err := conn.Read(answer)
		timeout, _ := errors.AsType[net.Error](err)
		return answer[:n], timeout != nil && timeout.Timeout(), err
	}
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(request)), uint32(len(request))) //nolint:gosec // never that large
	if _, err := conn.Write(append(framed, request...)); err != nil {
		return nil, true, err
	}
	var header [4]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, true, fmt.Errorf("no answer: %w", err)
	}
	size := binary.BigEndian.Uint32(header[:])
	if size == 0 || size > maxAnswer {
		return nil, true, fmt.Errorf("it announced an answer of %d bytes, and one of 1 to %d is read", size, maxAnswer)
	}
	answer = make([]byte, size)
	if n, err := io.ReadFull(conn, answer); err != nil {
		return nil, true, fmt.Errorf("the answer broke off after %d of %d bytes: %w", n, size, err)
	}
	return answer, true, nil
}

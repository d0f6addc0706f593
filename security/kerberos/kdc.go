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
	firstWithin   = time.Second     // to connect, and to answer, before the next one is asked
	connectWithin = 5 * time.Second // name lookup included
	answerWithin  = 5 * time.Second
)

// unanswered means that no KDC gave an answer.
type unanswered struct {
	named   string   // the KDCs that were asked
	details []string // what went wrong at each
	unknown bool     // there are none: krb5.conf names none, and DNS neither
	reached bool     // one of them may have got the request
	ended   error    // why the context ended, nil if it did not
}

func (u *unanswered) Error() string { return show.Text(strings.Join(u.details, "; "), 2*maxShown) }
func (u *unanswered) Unwrap() error { return u.ended }

// ask sends a request to the KDCs of a realm, one after the other, until one answers. Each
// gets a second first, and the whole time when all were asked: one that is silent must not
// take the time of a call that another one could answer. The one that answered is the first
// of the next walk, and one that did not is the last.
//
// UDP, over which answers get lost, is tried only if none can be reached over TCP. A
// request that is proof of a password goes to no other KDC, and not over UDP, once one may
// have got it: each may count a wrong password, and the domain controllers of a domain
// count together. That one has the whole time to answer.
func (l *login) ask(ctx context.Context, conf *krb5conf, realm string, request []byte, proof bool) ([]byte, error) {
	networks := []string{"tcp", "udp"}
	if conf.LibDefaults.UDPPreferenceLimit == 1 {
		networks = networks[:1]
	}
	none := &unanswered{named: "found in DNS", unknown: true}
	if names := conf.realms[realm]; len(names) > 0 {
		none.named = list(names)
	}
	overTCP := false              // one was reached so
	left := map[string][]string{} // by network: who is to be asked in the next walk
	for _, wait := range []time.Duration{firstWithin, connectWithin} {
		for _, network := range networks {
			if network == "udp" && overTCP {
				break
			}
			addresses, located := left[network]
			if !located {
				var err error
				if addresses, err = l.locate(ctx, conf, realm, network); err != nil {
					none.details = append(none.details, err.Error())
				}
			}
			if i := slices.Index(addresses, l.first[realm]); i > 0 {
				addresses = slices.Concat(addresses[i:], addresses[:i])
			}
			left[network] = []string{}
			none.unknown = none.unknown && len(addresses) == 0
			for i, address := range addresses {
				limit := limits{connect: wait, answer: wait}
				if proof || located || len(addresses) == 1 {
					limit.answer = answerWithin
				}
				answer, reached, err := l.askOne(ctx, network, address, request, limit)
				if err == nil && unavailable(answer) {
					err, reached = errors.New("it says that it is not available"), false
				}
				if err == nil {
					l.first[realm] = address
					return answer, nil
				}
				l.first[realm] = addresses[(i+1)%len(addresses)] // next time
				none.reached = none.reached || reached
				overTCP = overTCP || reached && network == "tcp"
				if none.ended = ended(ctx); none.ended == nil && !(reached && proof) && silent(err) && !limit.whole(reached) {
					left[network] = append(left[network], address)
					continue
				}
				none.details = append(none.details, network+" "+address+": "+err.Error())
				if none.ended != nil || reached && proof {
					none.named = show.Text(address, maxShown)
					return nil, none
				}
			}
			if none.ended = ended(ctx); none.ended != nil {
				return nil, none
			}
		}
	}
	return nil, none
}

// limits are how long to wait for one KDC.
type limits struct{ connect, answer time.Duration }

// whole reports whether a KDC that was reached, or not, had all the time there is.
func (l limits) whole(reached bool) bool {
	if reached {
		return l.answer >= answerWithin
	}
	return l.connect >= connectWithin
}

// silent reports whether err is that nothing came in time.
func silent(err error) bool {
	late, ok := errors.AsType[net.Error](err)
	return ok && late.Timeout()
}

// ended is why ctx ended, nil if it did not. What waits for the network until the deadline
// of a context can be back a moment before the context itself knows that it has ended. That
// is not a failure of the network, which others who wait would be told, too.
func ended(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // a context that is not made by package context
			return context.DeadlineExceeded
		}
	}
	if ctx.Err() == nil {
		return nil
	}
	return transport.EndOf(ctx)
}

// unavailable reports whether a KDC says that another one is to be asked, as a read-only
// domain controller does that cannot reach the one that knows the password.
func unavailable(answer []byte) bool {
	var refusal messages.KRBError
	return refusal.Unmarshal(answer) == nil && refusal.ErrorCode == errorcode.KDC_ERR_SVC_UNAVAILABLE
}

// locate is where the KDCs of a realm are: as krb5.conf says, else as DNS says.
func (l *login) locate(ctx context.Context, conf *krb5conf, realm, network string) ([]string, error) {
	if named := conf.realms[realm]; len(named) > 0 {
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
func (l *login) askOne(ctx context.Context, network, address string, request []byte, limit limits) (answer []byte, reached bool, err error) {
	dialer := net.Dialer{Timeout: limit.connect, Resolver: l.resolver}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }() // all was said
	if err := conn.SetDeadline(time.Now().Add(limit.answer)); err != nil {
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
		return answer[:n], silent(err), err
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

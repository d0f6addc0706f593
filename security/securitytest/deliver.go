package securitytest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What faults do to requests and answers.

// silence fails without an answer.
func (f Fault) silence(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Hang:
		<-r.Context().Done()
		// Returning would answer whoever is still there.
		reset(w)
	case f.Sever:
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok && r.ProtoMajor > 1 {
			abort(conn)
		}
		reset(w)
	case f.Garbage:
		garbage(w, r)
	default:
		reset(w)
	}
}

// answer is what is answered in place of the server, to a request with this credential.
func (f Fault) answer(r *http.Request, header http.Header) *response {
	if f.HTMLLogin {
		// The page of a proxy: it has none of the headers of the API.
		return htmlResponse(http.StatusOK, pageLogin)
	}
	f.Status = cmp.Or(f.Status, http.StatusTemporaryRedirect)
	resp := f.made()
	credential := r.Header.Get("Authorization")
	if f.Echo {
		resp = errorResponse(&apiError{f.Status, codeUnexpected, "The request was refused: Authorization: " + credential})
	}
	resp.header = header
	if f.Echo {
		header.Set("X-Keyfactor-Correlation-Id", credential)
		header.Set("X-Echo", credential)
	}
	if f.RetryAfter != "" {
		header.Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		header.Set("Location", strings.ReplaceAll(f.Location, "{uri}", r.URL.RequestURI()))
	}
	return resp
}

// made is the answer with the status and the body of the fault.
func (f Fault) made() *response {
	switch {
	case f.Body != "":
		return &response{status: f.Status, contentType: typeJSON, body: []byte(f.Body)}
	case f.Status == http.StatusUnauthorized:
		return htmlResponse(f.Status, pageUnauthorized)
	case f.Status >= http.StatusInternalServerError:
		return htmlResponse(f.Status, pageUnavailable)
	case f.Status >= http.StatusBadRequest:
		return errorResponse(&apiError{f.Status, codeUnexpected, "The request was refused: " + http.StatusText(f.Status) + "."})
	default:
		return &response{status: f.Status}
	}
}

// alter changes what the right answer to a request says.
func (f Fault) alter(r *http.Request, resp *response) {
	if f.OtherID != "" && r.Method == http.MethodPut {
		resp.body = withID(resp.body, f.OtherID)
	}
	if total, err := strconv.Atoi(resp.header.Get(totalHeader)); err == nil && f.TotalOff != 0 {
		resp.header.Set(totalHeader, strconv.Itoa(max(total+f.TotalOff, 0)))
	}
}

// withID is an object with another id.
func withID(object []byte, id string) []byte {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(object, &members) != nil || members["Id"] == nil {
		return object
	}
	members["Id"] = json.RawMessage(id)
	if _, err := strconv.Atoi(id); err != nil {
		members["Id"] = json.RawMessage(strconv.Quote(id))
	}
	changed, err := encode(members)
	if err != nil {
		return object
	}
	return changed
}

// send sends the answer, in the way that the fault has for it.
func (f Fault) send(w http.ResponseWriter, r *http.Request, resp *response) {
	if f.ContentType != "" {
		resp.contentType = f.ContentType
	}
	header := w.Header()
	maps.Copy(header, resp.header)
	if resp.contentType != "" {
		header.Set("Content-Type", resp.contentType)
	}
	maps.Copy(header, f.Header)
	if f.CloseAfter {
		header.Set("Connection", "close")
	}
	if len(resp.body)+f.LengthOff <= 0 || len(resp.body) == 0 {
		f.LengthOff = 0
	}
	body, length := resp.body, len(resp.body)+f.LengthOff
	if f.Inflate > 0 {
		body = bomb(f.Inflate, body)
		length = len(body)
		header.Set("Content-Encoding", "gzip")
	}
	unended := f.StallBody || f.Drip > 0 || f.Endless
	if length > 0 && (f.Truncate || f.LengthOff != 0 || !resp.chunked) && !unended {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	switch {
	case resp.status < http.StatusOK, f.StallHeader, f.LengthOff < 0:
		f.sendRaw(w, r, resp.status, body)
	default:
		w.WriteHeader(resp.status)
		f.sendBody(w, r, resp, body)
	}
}

// sendBody sends a body after its header. A truncated one announced its whole length and ends halfway, after which
// net/http closes the connection.
func (f Fault) sendBody(w http.ResponseWriter, r *http.Request, resp *response, body []byte) {
	flush := http.NewResponseController(w).Flush
	// A client that has gone away is not an error of the server.
	switch {
	case f.Truncate:
		_ = write(w, body[:len(body)/2])
	case f.StallBody:
		_ = write(w, body[:len(body)/2])
		_ = flush()
		<-r.Context().Done()
		reset(w)
	case f.Drip > 0:
		for i := range body {
			if !pause(r, f.Drip) {
				reset(w)
				return
			}
			_ = write(w, body[i:i+1])
			_ = flush()
		}
	case f.Endless:
		err := write(w, body[:max(len(body)-1, 0)])
		for err == nil && r.Context().Err() == nil {
			err = write(w, blanks)
		}
		reset(w)
	default:
		_ = write(w, body)
		if resp.chunked {
			_ = flush()
		}
	}
}

func write(w http.ResponseWriter, body []byte) error {
	_, err := w.Write(body) //nolint:gosec // the page of a proxy, or JSON: no browser reads it
	return err
}

// blanks are white space, which JSON may have any amount of.
var blanks = bytes.Repeat([]byte(" "), 16<<10)

// sendRaw sends what net/http has no way to send: half a header, an answer that is none, more than was announced. In
// HTTP/2 none of these can be sent; what comes nearest is.
func (f Fault) sendRaw(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	conn, taken := takeOver(w)
	if !taken {
		if f.LengthOff < 0 {
			w.WriteHeader(status)
			_ = write(w, body[:max(len(body)+f.LengthOff, 0)])
			return
		}
		if status < http.StatusOK {
			w.WriteHeader(status)
		}
		<-r.Context().Done()
		reset(w)
	}
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	if status == http.StatusSwitchingProtocols {
		raw.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\n")
	}
	// Never fails.
	_ = w.Header().Write(&raw)
	switch {
	case f.StallHeader:
		raw.Truncate(raw.Len() / 2)
	case status < http.StatusOK:
		raw.WriteString("\r\n")
	default:
		raw.WriteString("\r\n")
		raw.Write(body)
	}
	_, _ = conn.Write(raw.Bytes())
	wait(r, conn)
}

// garbage answers with what is not HTTP, and no frame of HTTP/2 either.
func garbage(w http.ResponseWriter, r *http.Request) {
	const noise = "SSH-2.0-OpenSSH_9.6\r\n\x00\x01\x02\xff\xfe\r\n\r\n"
	if conn, taken := takeOver(w); taken {
		_, _ = io.WriteString(conn, noise)
		_ = conn.Close()
		return
	}
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		_, _ = io.WriteString(conn, noise)
	}
	reset(w)
}

// bomb is a body behind n bytes of white space, compressed. That it is in two parts does not matter to gzip.
func bomb(n int, body []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for ; n > 0; n -= len(blanks) {
		// Never fails.
		_, _ = z.Write(blanks[:min(n, len(blanks))])
	}
	_, _ = z.Write(body)
	_ = z.Close()
	return packed.Bytes()
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// takeOver takes the connection of a request from net/http. A connection of HTTP/2 cannot be taken.
func takeOver(w http.ResponseWriter) (net.Conn, bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	return conn, err == nil
}

// wait keeps a connection open until the client closes it or the server is closed.
func wait(r *http.Request, conn net.Conn) {
	stop := context.AfterFunc(r.Context(), func() { abort(conn) })
	defer stop()
	_, _ = io.Copy(io.Discard, conn)
	abort(conn)
}

// reset breaks the connection of a request. A connection that cannot be taken over, because it is not HTTP/1, is
// aborted by a panic with http.ErrAbortHandler: net/http recovers it, and has no other way to end a stream of HTTP/2
// without an answer. It does not return then.
func reset(w http.ResponseWriter) {
	conn, taken := takeOver(w)
	if !taken {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the documented way to break off an answer that is not HTTP/1
	}
	abort(conn)
}

// abort ends a connection with a reset.
func abort(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Without lingering, closing sends a reset instead of an orderly end.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pause waits, and reports whether the client is still there afterwards.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

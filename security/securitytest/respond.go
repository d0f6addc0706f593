package securitytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// Error codes. Only the one of the invalid sort field is known; the others have the right form and are made up.
const (
	codeSortField  = "0xA011004A"
	codeInvalid    = "0xA0110001"
	codeForbidden  = "0xA0110003"
	codeNotFound   = "0xA0110000"
	codeUnexpected = "0xA0110004"
)

// apiError is a refusal: a status and the two members of an error body.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.message }

func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, codeInvalid, fmt.Sprintf(format, args...)}
}

func notFound(kind string, id any) error {
	return &apiError{http.StatusNotFound, codeNotFound, fmt.Sprintf("%s %v does not exist.", kind, id)}
}

func forbidden(path string) error {
	return &apiError{
		http.StatusForbidden, codeForbidden,
		fmt.Sprintf("The caller does not have the required permissions: %s.", path),
	}
}

// response is an answer before it is sent, so that faults can still change what becomes of it.
type response struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

const (
	typeJSON = "application/json; charset=utf-8"
	typeHTML = "text/html"
)

// The pages that stand in for JSON. Only their being HTML matters.
const (
	pageUnauthorized = "<!DOCTYPE html>\r\n<html><head><title>401</title></head><body><h1>Not signed in</h1></body></html>\r\n"
	pageUnavailable  = "<!DOCTYPE html>\r\n<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\r\n"
	pageLogin        = "<!DOCTYPE html>\r\n<html><head><title>Log in</title></head><body><form action=\"/login\"></form></body></html>\r\n"
)

func jsonResponse(status int, v any) *response {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	// Letters as they are: the recorded bodies do not escape HTML.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return errorResponse(&apiError{http.StatusInternalServerError, codeUnexpected, err.Error()})
	}
	return &response{status: status, contentType: typeJSON, body: bytes.TrimSuffix(buf.Bytes(), []byte("\n"))}
}

func htmlResponse(status int, page string) *response {
	return &response{status: status, contentType: typeHTML, body: []byte(page)}
}

func errorResponse(e *apiError) *response {
	return jsonResponse(e.status, struct{ ErrorCode, Message string }{e.code, e.message})
}

// send writes the answer. A truncated one announces its whole length and ends half way, upon which net/http closes the
// connection.
func (r *response) send(w http.ResponseWriter, truncate bool) {
	header := w.Header()
	maps.Copy(header, r.header)
	body := r.body
	if r.contentType != "" {
		header.Set("Content-Type", r.contentType)
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if truncate {
		body = body[:len(body)/2]
	}
	w.WriteHeader(r.status)
	// A client that has gone away is not an error of the server.
	_, _ = w.Write(body)
}

// textOrNull is a JSON string, or null when it is empty.
func textOrNull(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("null")
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

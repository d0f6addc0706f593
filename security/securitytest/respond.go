package securitytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
)

// Error codes. Only the one of the invalid sort field is known. The others have the right form and are made up.
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

// notFound is the refusal of an id that does not exist. The text is made up.
func notFound(kind string, id any) error {
	return &apiError{http.StatusNotFound, codeNotFound, fmt.Sprintf("%s %v does not exist.", kind, id)}
}

// unableToFind is the refusal of an id that does not exist, in the words recorded for security roles and certificates.
func unableToFind(kind string, id int) error {
	return &apiError{http.StatusNotFound, codeNotFound, fmt.Sprintf("Unable to find '%s' with Id '%d'", kind, id)}
}

func invalidSortField(name string) error {
	return &apiError{http.StatusBadRequest, codeSortField, fmt.Sprintf("Invalid sort field: %s.", name)}
}

func forbidden(path string) error {
	return &apiError{
		http.StatusForbidden, codeForbidden,
		fmt.Sprintf("The caller does not have the required permissions: %s.", path),
	}
}

// response is an answer before it is sent, so that faults can still change it.
type response struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	// chunked answers do not tell their length.
	chunked bool
}

const (
	typeJSON = "application/json; charset=utf-8"
	typeHTML = "text/html"
)

// The pages that stand in for JSON. Only their being HTML matters.
const (
	pageUnauthorized = "<!DOCTYPE html>\r\n<html><head><title>401</title></head><body><h1>Not signed in</h1></body></html>\r\n"
	pageUnavailable  = "<!DOCTYPE html>\r\n<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\r\n"
	pageNotFound     = "<!DOCTYPE html>\r\n<html><head><title>404</title></head><body><h1>Not found</h1></body></html>\r\n"
	pageLogin        = "<!DOCTYPE html>\r\n<html><head><title>Log in</title></head><body><form action=\"/login\"></form></body></html>\r\n"
)

func jsonResponse(status int, v any) *response {
	body, err := encode(v)
	if err != nil {
		return errorResponse(&apiError{http.StatusInternalServerError, codeUnexpected, err.Error()})
	}
	return &response{status: status, contentType: typeJSON, body: body}
}

// encode writes JSON. Letters stay as they are: the recorded bodies do not escape HTML.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func htmlResponse(status int, page string) *response {
	return &response{status: status, contentType: typeHTML, body: []byte(page)}
}

// errorResponse is an error body as the real server writes it: chunked, and with quotes escaped as \u0027.
func errorResponse(e *apiError) *response {
	body := fmt.Sprintf(`{"ErrorCode":%s,"Message":%s}`, escaped(e.code), escaped(e.message))
	return &response{status: e.status, contentType: typeJSON, body: []byte(body), chunked: true}
}

// escaped is a JSON string as the serializer of .NET writes it. Recorded is \u0027; the rest is what that serializer
// escapes besides, unless it is told otherwise.
func escaped(text string) string {
	short := map[uint16]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`, '\\': `\\`}
	var out strings.Builder
	out.WriteByte('"')
	for _, unit := range utf16.Encode([]rune(text)) {
		switch {
		case short[unit] != "":
			out.WriteString(short[unit])
		case unit < ' ' || unit > '~' || strings.ContainsRune("\"'&<>+`", rune(unit)):
			fmt.Fprintf(&out, `\u%04X`, unit)
		default:
			out.WriteByte(byte(unit))
		}
	}
	out.WriteByte('"')
	return out.String()
}

// textOrNull is a JSON string, or null when it is empty.
func textOrNull(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("null")
	}
	body, err := encode(text)
	if err != nil {
		return json.RawMessage("null")
	}
	return body
}

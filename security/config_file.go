package security

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/trusted"
)

// DefaultConfigPath is where the other tools keep their configuration:
// ~/.keyfactor/command_config.json. It is "" if the system knows no home.
func DefaultConfigPath() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".keyfactor", "command_config.json")
}

func orDefault(path string) string {
	if path == "" {
		return DefaultConfigPath()
	}
	return expandHome(path)
}

// expandHome replaces a leading "~/", which no shell has replaced if the path
// comes from a file.
func expandHome(path string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// LoadConfig reads a profile of the configuration file that kfutil and the
// Terraform provider use, as JSON or YAML, in UTF-8, or in UTF-16 with a byte-order
// mark. An empty path means [DefaultConfigPath], an empty profile "default". It
// reads no environment.
//
// The keys of a profile are host, port, api_path, username, password, domain,
// client_id, client_secret, token_url, scopes, audience, access_token,
// ca_cert_path, skip_tls_verify, client_timeout (seconds, or a duration such as
// "60s"), kerberos_realm, kerberos_keytab, kerberos_config, kerberos_ccache,
// kerberos_spn, kerberos_disable_pafxfast, auth_type and auth_provider. Other keys
// are ignored. A profile with a realm, keytab or credential cache, or with auth_type
// "kerberos", signs in with Kerberos: user name and password are then in
// [Config.Kerberos]. So does one with another setting of Kerberos and a user name that
// has a realm ("svc@EXAMPLE.COM"). With a name that has none, it is refused unless
// auth_type is "basic". Another auth_type besides a realm, keytab or credential cache is
// refused, and so are credentials kept in a vault (auth_provider), which this library does
// not support. Relative paths in a profile start at the file's directory.
//
// A file that is larger than 1 MiB, not a regular file, or writable by anybody but
// its owner is refused. So is one that only a group of the owner's own can write:
// nothing says for sure who is in a group. Warnings tells that others can read the
// file. (Who can read and write it does not count on Windows.) A missing file is
// fs.ErrNotExist, and also [ErrNotConfigured] if path and profile are both empty.
// Errors repeat paths and names from the file, and no other value.
func LoadConfig(path, profile string) (*Config, error) {
	nothingNamed := path == "" && profile == ""
	if path = orDefault(path); path == "" {
		return nil, badOption("configuration", "no file is named, and the system knows no home directory")
	}
	if profile == "" {
		profile = "default"
	}
	raw, mode, err := trusted.Read(path)
	if err != nil {
		if nothingNamed && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", ErrNotConfigured, err)
		}
		return nil, fmt.Errorf("configuration: %w", err)
	}
	shown := show.Text(path, maxShown)
	r := &reading{
		Config: Config{Source: "profile " + quoted(profile) + " of " + shown},
		dir:    filepath.Dir(path),
	}
	if err := r.checkMode(shown, mode); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	profiles, err := parseProfiles(raw)
	if err != nil {
		return nil, fmt.Errorf("configuration: %s %w", shown, err)
	}
	values, ok := profiles[profile]
	if !ok {
		return nil, badOption("configuration", "%s has no profile %s; it has: %s", shown, quoted(profile), names(profiles))
	}
	return r.profile(values)
}

func quoted(s string) string { return `"` + show.Text(s, maxShown) + `"` }

// names lists the profiles that there are.
func names[T any](profiles map[string]T) string {
	if len(profiles) == 0 {
		return "none"
	}
	return show.Text(strings.Join(slices.Sorted(maps.Keys(profiles)), ", "), maxShown)
}

// profile takes the settings of a profile, by key.
func (r *reading) profile(values map[string]any) (*Config, error) {
	var errs []error
	for _, s := range settings {
		value := values[s.key]
		if s.key == "" || value == nil || value == "" {
			continue
		}
		if err := s.set(r, value); err != nil {
			errs = append(errs, badOption(s.key, "of %s: %v", r.Source, err))
		}
	}
	errs = append(errs, r.settleKerberos(`for Kerberos, give kerberos_realm or "auth_type": "kerberos"; for Basic, remove the kerberos_ settings or give "auth_type": "basic"`))
	if r.Kerberos != nil && r.basic() {
		r.Kerberos.Username, r.Kerberos.Password = r.Username, r.Password
		r.Username, r.Password = "", Secret{}
	}
	if r.Host == "" {
		errs = append(errs, badOption("host", "is missing in %s", r.Source))
	}
	return r.finish(errs)
}

// checkMode refuses a file that others than its owner can write, and warns of one
// that others can read. Windows has other rules, which Go does not tell.
func (r *reading) checkMode(file string, mode fs.FileMode) error {
	switch perm := mode.Perm(); {
	case trusted.Writable(mode):
		return fmt.Errorf("%s can be written by others than its owner (mode %04o), who can then choose the server that gets the credentials; chmod 600 it", file, perm)
	case trusted.Readable(mode):
		r.warn("%s can be read by others than its owner (mode %04o), and is for credentials; chmod 600 it", file, perm)
	}
	return nil
}

// parseProfiles returns the profiles by name, and their values by key in lower
// case: a text, a list of texts, a map of texts, or nil for null. The error says
// what is wrong with the file without showing any of it.
func parseProfiles(raw []byte) (map[string]map[string]any, error) {
	data, err := asUTF8(raw)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return parseJSON(data)
	}
	return parseYAML(data)
}

// asUTF8 removes a byte-order mark, and with it UTF-16.
func asUTF8(data []byte) ([]byte, error) {
	ok := true
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		data, ok = fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		data, ok = fromUTF16(data[2:], binary.BigEndian)
	}
	if !ok || !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, errors.New("is neither UTF-8 nor UTF-16 with a byte-order mark")
	}
	return data, nil
}

func fromUTF16(data []byte, order binary.ByteOrder) (text []byte, ok bool) {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	runes := utf16.Decode(units)
	// Half of a pair would become another character, and a password another one.
	return []byte(string(runes)), len(data)%2 == 0 && slices.Equal(utf16.Encode(runes), units)
}

const wantedShape = `must be {"servers": {"PROFILE": {"host": ...}}}`

func parseJSON(data []byte) (map[string]map[string]any, error) {
	var doc struct {
		Servers map[string]map[string]any `json:"servers"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // a password of digits stays as it is
	if err := dec.Decode(&doc); err != nil {
		// The parser's message may quote the file.
		problem, offset := "is not valid JSON", int64(len(data))
		if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			problem, offset = wantedShape, shape.Offset
		} else if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		offset = max(0, min(offset, int64(len(data))))
		return nil, fmt.Errorf("%s (near line %d)", problem, 1+bytes.Count(data[:offset], []byte("\n")))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is not valid JSON: there is more after its end")
	}
	if line, twice := keyTwice(data); twice {
		return nil, fmt.Errorf("has a key twice (near line %d), and nothing says which one counts; remove one of them", line)
	}
	// encoding/json makes that of half a character, and a password would not be the one that was written.
	if !bytes.ContainsRune(data, utf8.RuneError) && strings.ContainsRune(fmt.Sprint(doc.Servers), utf8.RuneError) {
		return nil, errors.New(`has an escape such as \ud800, which is half a character; write the character itself`)
	}
	return normalize(doc.Servers, fromJSON)
}

// keyTwice finds an object of a JSON document with the same key twice, of which
// encoding/json takes the last.
func keyTwice(data []byte) (line int, twice bool) {
	type object struct {
		keys  map[string]bool // nil for a list
		value bool            // a value comes next, and no key
	}
	var open []object
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.Token()
		if err != nil {
			return 0, false // the end: the document is valid
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open) - 1; n >= 0 && open[n].keys != nil {
			key, isText := token.(string)
			if isText && !open[n].value {
				if open[n].keys[key] {
					return 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n")), true
				}
				open[n].keys[key] = true
			}
			open[n].value = !open[n].value
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		}
	}
}

func parseYAML(data []byte) (map[string]map[string]any, error) {
	var doc struct {
		Servers map[string]map[string]yaml.Node `yaml:"servers"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if err == nil && !errors.Is(dec.Decode(&yaml.Node{}), io.EOF) {
		return nil, errors.New("holds more than one YAML document; keep one of them")
	}
	if err != nil && !errors.Is(err, io.EOF) { // the end: it is empty
		// The parser's message may quote the file.
		where := ""
		if line := lineOf.FindString(err.Error()); line != "" {
			where = " (" + line + ")"
		}
		if _, ok := errors.AsType[*yaml.TypeError](err); ok {
			return nil, fmt.Errorf("%s, once each%s", wantedShape, where)
		}
		return nil, fmt.Errorf("is not valid YAML%s", where)
	}
	return normalize(doc.Servers, func(n yaml.Node) any { return fromYAML(&n) })
}

var lineOf = regexp.MustCompile(`\bline \d+`)

// normalize makes all values texts, lists of texts and maps of texts, under keys in
// lower case.
func normalize[T any](servers map[string]map[string]T, plain func(T) any) (map[string]map[string]any, error) {
	profiles := make(map[string]map[string]any, len(servers))
	for name, members := range servers {
		values := make(map[string]any, len(members))
		for key, value := range members {
			lower := strings.ToLower(key)
			if _, twice := values[lower]; twice {
				return nil, fmt.Errorf("has the key %s twice in the profile %s", quoted(lower), quoted(name))
			}
			values[lower] = plain(value)
		}
		profiles[name] = values
	}
	return profiles, nil
}

// nested is what is neither a text, nor a list or map of texts.
type nested struct{}

func fromJSON(value any) any {
	switch v := value.(type) {
	case []any:
		return listOf(v, fromJSON)
	case map[string]any:
		flat := map[string]string{}
		for key, item := range v {
			if s, ok := fromJSON(item).(string); ok {
				flat[strings.ToLower(key)] = s
			}
		}
		return flat
	case nil:
		return nil
	}
	return fmt.Sprint(value) // a text, a number as it was written, true or false
}

func fromYAML(n *yaml.Node) any {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return nil
		}
		return n.Value
	case yaml.SequenceNode:
		return listOf(n.Content, scalar)
	case yaml.MappingNode:
		flat := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if s, ok := scalar(n.Content[i+1]).(string); ok {
				flat[strings.ToLower(n.Content[i].Value)] = s
			}
		}
		return flat
	default:
		return nested{}
	}
}

// scalar is a text inside a list or map; it does not look deeper, so that no chain
// of aliases costs more than the file is long.
func scalar(n *yaml.Node) any {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode {
		return fromYAML(n)
	}
	return nested{}
}

func listOf[T any](items []T, plain func(T) any) any {
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := plain(item).(string)
		if !ok {
			return nested{}
		}
		list = append(list, s)
	}
	return list
}

package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/trusted"
)

// The Kerberos library's reader of krb5.conf refuses files that MIT's programs take, over
// settings that nobody uses here, panics over some, and includes nothing. So krb5.conf is
// read here, as MIT's documents and profile library do it, and only for what is used.

const defaultConfig = "/etc/krb5.conf"

// Bounds on the files that a krb5.conf includes. On Red Hat's systems it includes a
// directory, in which a file includes that of SSSD.
const (
	maxIncluded = 64      // files, and as many directories
	maxDepth    = 4       // of files in files
	maxConfig   = 1 << 20 // bytes of all of them
	maxKDCs     = 64      // of a realm
)

// krb5conf is what is used of a krb5.conf.
type krb5conf struct {
	*config.Config
	file   string              // where it is, as it may be shown
	realms map[string][]string // KDCs by realm, in their order
}

// readConfig reads krb5.conf.
func readConfig(path string) (*krb5conf, error) {
	if path == "" {
		path = defaultConfig
	}
	r := newConfReader(path)
	err := r.include(path, 0)
	if errors.Is(err, fs.ErrNotExist) && r.files == 0 {
		return nil, fmt.Errorf("%w; write a krb5.conf there, or give the path of one as ConfigFile (KEYFACTOR_AUTH_KRB_CONFIG, kerberos_config)", err)
	}
	if err != nil {
		return nil, err
	}
	return r.conf, r.settle()
}

// realmOf is the realm that [domain_realm] has for a host, "" if it has none. As with MIT's
// programs, what is there for a host counts for the domain below it, too, unless there is
// something for that.
func (conf *krb5conf) realmOf(host string) string {
	if end := strings.IndexAny(host, ":/"); end >= 0 { // a port, or the rest of a longer SPN
		host = host[:end]
	}
	for name := strings.ToLower(strings.TrimSuffix(host, ".")); name != ""; {
		if realm := conf.DomainRealm[name]; realm != "" {
			return realm
		}
		if parent, isDomain := strings.CutPrefix(name, "."); isDomain {
			name = parent
		} else {
			_, name, _ = strings.Cut(name, ".")
			if name != "" {
				name = "." + name
			}
		}
	}
	return ""
}

// findable refuses a realm that krb5.conf does not say how to reach.
func (conf *krb5conf) findable(realm string) error {
	if conf.LibDefaults.DNSLookupKDC || len(conf.realms[realm]) > 0 {
		return nil
	}
	const do = ", and does not set dns_lookup_kdc = true; write either into it"
	if _, found := conf.realms[realm]; found {
		return fmt.Errorf("%s has the realm %s, but no kdc line in it that is used (master_kdc and https:// are not)%s", conf.file, show.Text(realm, maxShown), do)
	}
	return fmt.Errorf("%s names no KDC of the realm %s (it has: %s; case counts)%s", conf.file, show.Text(realm, maxShown), list(slices.Sorted(maps.Keys(conf.realms))), do)
}

// confReader reads a krb5.conf and what it includes. Of a setting that is there twice, the
// first counts, as with MIT's programs; KDCs are added.
type confReader struct {
	conf  *krb5conf
	given map[string]bool // settings of [libdefaults]

	permitted, tkt, tgs string // encryption types
	files, dirs, size   int
}

func newConfReader(path string) *confReader {
	return &confReader{conf: &krb5conf{Config: config.New(), file: show.Text(path, maxShown), realms: map[string][]string{}}, given: map[string]bool{}}
}

// include reads a file.
func (r *confReader) include(path string, depth int) error {
	data, err := read("Kerberos configuration", path)
	if err != nil {
		return err
	}
	if r.files, r.size = r.files+1, r.size+len(data); r.files > maxIncluded || r.size > maxConfig || depth > maxDepth {
		return r.tooMuch()
	}
	return r.parse(string(data), show.Text(path, maxShown), depth)
}

func (r *confReader) tooMuch() error {
	return fmt.Errorf("%s includes more than is read: %d files, %d directories, %d deep, and %d MiB in all; look for files that include each other, or give a smaller one as ConfigFile (KEYFACTOR_AUTH_KRB_CONFIG, kerberos_config)",
		r.conf.file, maxIncluded, maxIncluded, maxDepth, maxConfig>>20)
}

// includeDir reads the files in a directory that MIT's programs would read. SSSD's may not
// be there.
func (r *confReader) includeDir(dir string, depth int) error {
	if r.dirs++; r.dirs > maxIncluded { // each can be large, and hold nothing to read
		return r.tooMuch()
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unlisted(dir, err)
	}
	if trusted.Writable(info.Mode()) {
		return fmt.Errorf("the directory %s can be written by others than its owner (mode %04o); chmod go-w it", show.Text(dir, maxShown), info.Mode().Perm())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unlisted(dir, err)
	}
	for _, e := range entries {
		if name := e.Name(); e.IsDir() || !plainName.MatchString(name) && (name[0] == '.' || !strings.HasSuffix(name, ".conf")) {
			continue
		}
		if err := r.include(filepath.Join(dir, e.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

// unlisted is why a directory cannot be read, and what to do.
func unlisted(dir string, err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err // which does not show the path as it is
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; let the user that this program runs as read that directory, and enter those above", err)
	}
	return fmt.Errorf("%s: %w", show.Text(dir, maxShown), err)
}

// including is a line that includes something. MIT's programs take no space before it.
var including = regexp.MustCompile(`^(include|includedir)[ \t]+(.*)$`)

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// parse takes the settings of a file.
func (r *confReader) parse(text, file string, depth int) error {
	section, block := "", ""
	open := 0                                 // blocks
	awaited := ""                             // the name of a block whose { is on the next line
	text = strings.TrimPrefix(text, "\ufeff") // as editors on Windows write it
	for i, line := range strings.Split(text, "\n") {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s, line %d: %w", file, i+1, fmt.Errorf(format, args...))
		}
		if m := including.FindStringSubmatch(line); m != nil {
			what, path := m[1], strings.TrimSpace(m[2])
			if !filepath.IsAbs(path) {
				return fail("%s needs an absolute path", what)
			}
			do := r.include
			if what == "includedir" {
				do = r.includeDir
			}
			if err := do(path, depth+1); err != nil {
				return fail("%s: %w", what, err)
			}
			continue
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			name, _, found := strings.Cut(line[1:], "]")
			if !found {
				return fail("a section without ]")
			}
			section, open, awaited = strings.TrimSpace(name), 0, ""
			continue
		}
		if section != "libdefaults" && section != "realms" && section != "domain_realm" {
			continue
		}
		key, value, isSetting := strings.Cut(line, "=")
		key, value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(key), "*")), strings.TrimSpace(value)
		quoted := strings.HasPrefix(value, `"`)
		value = plainValue(value)
		switch {
		case line[0] == '}':
			if open--; open < 0 {
				return fail("a } without a {")
			}
		case line[0] == '{' || isSetting && value == "{" && !quoted:
			if line[0] == '{' {
				if key = awaited; plainValue(strings.TrimSpace(line[1:])) != "" {
					return fail("what is after a { has to be on a line of its own")
				}
			}
			if key == "" {
				return fail("a { without a name before it")
			}
			if open++; open == 1 {
				block = key
				if _, found := r.conf.realms[block]; section == "realms" && !found {
					r.conf.realms[block] = nil
				}
			}
		case !isSetting || key == "":
			if open < 2 {
				return fail("it is neither a setting (name = value) nor a section")
			}
		case value == "" && !quoted:
			awaited = key
			continue
		case section == "realms" && open == 0:
			return fail("the realm %s needs a { at the end of the line, and its settings on lines of their own", show.Text(key, maxShown))
		default:
			if err := r.set(section, open, block, key, value); err != nil {
				return fail("%s = %s: %w", show.Text(key, maxShown), show.Text(value, maxShown), err)
			}
		}
		awaited = ""
	}
	return nil
}

// plainValue is a value without quotes, and without a note after it, which MIT's programs
// take for a part of it.
func plainValue(value string) string {
	if !strings.HasPrefix(value, `"`) {
		return strings.TrimSpace(note.ReplaceAllString(value, ""))
	}
	var b strings.Builder
	escaped := false
	for _, c := range value[1:] {
		switch {
		case escaped:
			if i := strings.IndexRune("ntb", c); i >= 0 {
				c = rune("\n\t\b"[i])
			}
			escaped = false
			b.WriteRune(c)
		case c == '\\':
			escaped = true
		case c == '"':
			return b.String()
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

var note = regexp.MustCompile(`(^|[ \t])[#;].*$`)

// set takes a setting, if it is one that is used.
func (r *confReader) set(section string, open int, block, key, value string) (err error) {
	switch {
	case section == "domain_realm" && open == 0:
		if domain := strings.ToLower(key); r.conf.DomainRealm[domain] == "" {
			r.conf.DomainRealm[domain] = value
		}
	case section == "realms" && open == 1 && key == "kdc":
		address, known := kdcAddress(value), r.conf.realms[block]
		if address == "" || slices.Contains(known, address) {
			return nil
		}
		if len(known) == maxKDCs {
			return fmt.Errorf("the realm has more than %d KDCs, which nobody waits for; name the nearest ones", maxKDCs)
		}
		r.conf.realms[block] = append(known, address)
	case section == "libdefaults" && open == 0:
		if r.given[key] || value == "" {
			return nil
		}
		r.given[key] = true
		d := &r.conf.LibDefaults
		switch key {
		case "default_realm":
			d.DefaultRealm = value
		case "permitted_enctypes":
			r.permitted = value
		case "default_tkt_enctypes":
			r.tkt = value
		case "default_tgs_enctypes":
			r.tgs = value
		case "dns_lookup_kdc":
			d.DNSLookupKDC, err = yes(value)
		case "forwardable":
			d.Forwardable, err = yes(value)
		case "proxiable":
			d.Proxiable, err = yes(value)
		case "noaddresses":
			d.NoAddresses, err = yes(value)
		case "extra_addresses":
			for _, ip := range strings.FieldsFunc(value, separates) {
				if address := net.ParseIP(ip); address != nil {
					d.ExtraAddresses = append(d.ExtraAddresses, address)
				}
			}
		case "udp_preference_limit":
			if d.UDPPreferenceLimit, err = strconv.Atoi(value); err != nil || d.UDPPreferenceLimit < 0 {
				err = errors.New("it must be a number, such as 1 for TCP only")
			}
		case "kdc_default_options":
			var options uint64
			if options, err = strconv.ParseUint(value, 0, 32); err != nil {
				err = errors.New("it must be a number, such as 0x00000010")
			}
			d.KDCDefaultOptions.Bytes = binary.BigEndian.AppendUint32(nil, uint32(options))
			d.KDCDefaultOptions.BitLength = 32
		case "clockskew":
			if d.Clockskew, err = span(value); err == nil && d.Clockskew == 0 {
				err = errors.New("no two clocks are so near to each other; 300 (seconds) is usual")
			}
		case "ticket_lifetime":
			if d.TicketLifetime, err = span(value); d.TicketLifetime == 0 {
				d.TicketLifetime = 24 * time.Hour // as if it were not there
			}
		case "renew_lifetime":
			d.RenewLifetime, err = span(value)
		}
	}
	return err
}

// kdcAddress is host and port of a KDC as krb5.conf has it, "" if it cannot be used.
func kdcAddress(value string) string {
	fields := strings.Fields(value)
	if len(fields) == 0 || strings.Contains(fields[0], "://") { // behind a web proxy
		return ""
	}
	host := strings.TrimPrefix(strings.TrimPrefix(fields[0], "tcp/"), "udp/")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ":") {
		return net.JoinHostPort(host, "88")
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host + ":88"
	}
	return host
}

// yes reads a setting as MIT's programs do.
func yes(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "y", "yes", "true", "t", "1", "on":
		return true, nil
	case "n", "no", "false", "nil", "f", "0", "off":
		return false, nil
	}
	return false, errors.New("it must be yes or no")
}

var (
	spanUnits = regexp.MustCompile(`^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?$`)
	spanClock = regexp.MustCompile(`^(?:(\d{1,9})-)?(\d{1,9}):(\d{1,9})(?::(\d{1,9}))?$`)
)

// span reads a time as MIT's programs do: 36000, 10h, "7d 12h", 10:00, 1-12:00:00.
func span(value string) (time.Duration, error) {
	compact := strings.Join(strings.Fields(strings.ToLower(value)), "")
	parts := spanUnits.FindStringSubmatch(compact)
	if parts == nil {
		parts = spanClock.FindStringSubmatch(compact)
	}
	var d time.Duration
	if parts != nil && compact != "" {
		for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
			n, _ := strconv.Atoi("0" + parts[i+1]) // at most 9 digits
			d += time.Duration(min(n, int(maxSpan/unit)+1)) * unit
		}
		if d <= maxSpan {
			return d, nil
		}
	}
	return 0, errors.New(`it must be a time of at most 10 years, such as 36000 (seconds), 10h, 7d or 10:00`)
}

const maxSpan = 10 * 365 * 24 * time.Hour

func separates(r rune) bool { return r == ',' || r == ' ' || r == '\t' }

// enctypes reads a list of encryption types as MIT's programs do, usual for DEFAULT. What
// is not used here is passed over.
func enctypes(value string, usual []int32) []int32 {
	types := []int32{}
	for _, name := range strings.FieldsFunc(value, separates) {
		name = strings.ToLower(name)
		bare := strings.TrimLeft(name, "+-")
		var meant []int32
		switch bare {
		case "default":
			meant = usual
		case "aes":
			meant = strong
		case "rc4":
			meant = []int32{etypeID.RC4_HMAC}
		default:
			if id := etypeID.ETypesByName[bare]; keySizes[id] > 0 {
				meant = []int32{id}
			}
		}
		types = slices.DeleteFunc(types, func(id int32) bool { return name[0] == '-' && slices.Contains(meant, id) })
		for _, id := range meant {
			if name[0] != '-' && !slices.Contains(types, id) {
				types = append(types, id)
			}
		}
	}
	return types
}

// settle leaves the encryption types that may be used, as MIT's programs understand it:
// default_tkt_enctypes and default_tgs_enctypes cannot add to permitted_enctypes, and are
// the same unless they are given. RC4 has to be named in permitted_enctypes. A false KDC
// that may ask for it learns what makes a weak password quick to guess.
func (r *confReader) settle() error {
	d := &r.conf.LibDefaults
	d.PermittedEnctypeIDs = slices.Clone(strong)
	if r.given["permitted_enctypes"] {
		d.PermittedEnctypeIDs = enctypes(r.permitted, strong)
	}
	offered := func(key, value string) []int32 {
		if !r.given[key] {
			return slices.Clone(d.PermittedEnctypeIDs)
		}
		return slices.DeleteFunc(enctypes(value, d.PermittedEnctypeIDs), func(id int32) bool { return !slices.Contains(d.PermittedEnctypeIDs, id) })
	}
	d.DefaultTktEnctypeIDs, d.DefaultTGSEnctypeIDs = offered("default_tkt_enctypes", r.tkt), offered("default_tgs_enctypes", r.tgs)
	if len(d.DefaultTGSEnctypeIDs) == 0 {
		return fmt.Errorf("%s allows no encryption type that is used: permitted_enctypes and default_tgs_enctypes have no AES in common; name aes256-cts and aes128-cts in both", r.conf.file)
	}
	return nil
}

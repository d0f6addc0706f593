// Package realm runs a realm of MIT Kerberos on this machine, for tests: a KDC on the
// loopback address, with a database in a directory. It needs no root.
package realm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Name is the name of the realm. The same KDC serves two others. None trusts another
// unless a test makes it; the way from the first to the third is through the second. The
// KDC knows that hosts below other.test and third.test are of these realms.
const (
	Name  = "TEST.COMMANDSEC"
	Other = "OTHER.COMMANDSEC"
	Third = "THIRD.COMMANDSEC"
)

var all = []string{Name, Other, Third}

// programs are what a realm consists of. Debian has them in packages that [Packages]
// names.
var programs = []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit"}

// Packages are the packages of Debian that a realm needs.
var Packages = []string{"krb5-kdc", "krb5-admin-server", "krb5-user", "libfaketime"}

// Missing says what is missing on this machine, nil if nothing is.
func Missing() error {
	for _, name := range programs {
		if _, err := find(name); err != nil {
			return fmt.Errorf("%w; on Debian: apt-get install %s", err, strings.Join(Packages, " "))
		}
	}
	_, err := faketime()
	return err
}

// find finds a program, also if it is in a directory for administrators.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s here", name)
}

// faketime is the library that lets a program see another time.
func faketime() (string, error) {
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if err != nil || len(found) == 0 {
		return "", errors.New("there is no libfaketime here; on Debian: apt-get install libfaketime")
	}
	return found[0], nil
}

// Realm is a realm. Its KDC may run or not.
type Realm struct {
	Dir    string // where all its files are
	Config string // its krb5.conf
	kdc    *exec.Cmd
}

// New makes a realm in an empty directory. Its KDC does not run yet. It will listen for
// TCP and UDP, or for one of them.
func New(ctx context.Context, dir string, tcp, udp bool) (*Realm, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	listen := func(on bool) string {
		if on {
			return address
		}
		return `""`
	}
	r := &Realm{Dir: dir, Config: filepath.Join(dir, "krb5.conf")}
	var client, server strings.Builder
	client.WriteString("[libdefaults]\n default_realm = " + Name + "\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n[realms]\n")
	fmt.Fprintf(&server, "[kdcdefaults]\n kdc_listen = %s\n kdc_tcp_listen = %s\n[logging]\n kdc = FILE:%s\n[realms]\n",
		listen(udp), listen(tcp), filepath.Join(dir, "kdc.log"))
	for _, name := range all {
		fmt.Fprintf(&client, " %s = {\n  kdc = %s\n }\n", name, address)
		fmt.Fprintf(&server, " %s = {\n  database_name = %s\n  key_stash_file = %s\n  max_life = 10h\n  max_renewable_life = 7d\n"+
			"  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n }\n",
			name, filepath.Join(dir, "principal-"+name), filepath.Join(dir, "stash-"+name))
	}
	server.WriteString("[domain_realm]\n .other.test = " + Other + "\n .third.test = " + Third + "\n" +
		"[capaths]\n " + Name + " = {\n  " + Third + " = " + Other + "\n }\n")
	for name, text := range map[string]string{"krb5.conf": client.String(), "kdc.conf": server.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	for _, name := range all {
		if _, err := r.run(ctx, "", "kdb5_util", "create", "-s", "-r", name, "-P", "master"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Realm) environment() []string {
	return append(os.Environ(), "KRB5_CONFIG="+r.Config, "KRB5_KDC_PROFILE="+filepath.Join(r.Dir, "kdc.conf"), "LC_ALL=C")
}

func (r *Realm) run(ctx context.Context, input, name string, args ...string) (string, error) {
	path, err := find(name)
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Env, c.Stdin = r.environment(), strings.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}

// Admin runs a query of kadmin about a realm.
func (r *Realm) Admin(ctx context.Context, realm, query string) (string, error) {
	return r.run(ctx, "", "kadmin.local", "-r", realm, "-q", query)
}

// Kinit signs in with a password, and writes a credential cache.
func (r *Realm) Kinit(ctx context.Context, principal, password, cache string, args ...string) error {
	_, err := r.run(ctx, password+"\n", "kinit", append(args, "-c", "FILE:"+cache, principal)...)
	return err
}

// Start starts the KDC, and returns when it can be reached. Its clock is ahead by
// this much.
func (r *Realm) Start(ctx context.Context, ahead time.Duration) error {
	path, err := find("krb5kdc")
	if err != nil {
		return err
	}
	before, _ := r.Count("commencing operation")                        // there is no log before the first start
	c := exec.Command(path, "-n", "-r", Name, "-r", Other, "-r", Third) //nolint:noctx // Stop ends it
	c.Env = r.environment()
	if ahead != 0 {
		library, err := faketime()
		if err != nil {
			return err
		}
		c.Env = append(c.Env, "LD_PRELOAD="+library, fmt.Sprintf("FAKETIME=+%d", int(ahead.Seconds())))
	}
	if err := c.Start(); err != nil {
		return err
	}
	r.kdc = c
	for {
		if after, _ := r.Count("commencing operation"); after > before {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the KDC does not start: %w", ctx.Err()), r.Stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the KDC, if it runs.
func (r *Realm) Stop() error {
	if r.kdc == nil {
		return nil
	}
	err := r.kdc.Process.Kill()
	_ = r.kdc.Wait() // it was killed
	r.kdc = nil
	return err
}

// Count is how many lines of the KDC's log hold all of these texts.
func (r *Realm) Count(texts ...string) (int, error) {
	log, err := os.ReadFile(filepath.Join(r.Dir, "kdc.log"))
	if err != nil {
		return 0, err
	}
	n := 0
lines:
	for line := range strings.Lines(string(log)) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		n++
	}
	return n, nil
}

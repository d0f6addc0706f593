package snapshot

import "errors"

// Load reads a snapshot from a file. It refuses a file of another format, members that
// it does not know, and what no snapshot can be, and says where.
func Load(path string) (*Snapshot, error) { return nil, errors.New("not written yet") }

// Save writes the snapshot to a file, in one step: the file is there as a whole, or as
// it was before. Only its owner may read it.
func (s *Snapshot) Save(path string) error { return errors.New("not written yet") }

// Digest is "sha256:" and the SHA-256 of the snapshot's canonical content, in
// hexadecimal: the same for snapshots that say the same, whatever the order of their
// lists.
func (s *Snapshot) Digest() string { return "" }

// NormalizeURL returns the URL of a server in the one form that all URLs of it have:
// scheme and host in lower case, no default port, no slash at the end. The case of the
// API path is kept.
func NormalizeURL(raw string) (string, error) { return "", errors.New("not written yet") }

// Compare returns what became different from before to after. Objects are matched by
// natural key, never by position or id.
func Compare(before, after *Snapshot) *Comparison { return nil }

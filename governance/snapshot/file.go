package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/commandsec/commandsec-go/internal/atomicfile"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/strict"
)

// maxShown is how much of a path or a text an error shows, in characters.
const maxShown = 200

// ErrFormat matches the error of a file that has another format than [Format].
var ErrFormat = errors.New("unknown format")

// Save writes the snapshot to a file, in one step: the file is there as a whole, or as
// it was before. Only its owner may read it. The file is JSON, sorted and indented, so
// that two of them can be compared with any tool, and its SHA-256 is [Snapshot.Digest].
// A snapshot that Load would refuse is not written.
func (s *Snapshot) Save(path string) error {
	if err := s.save(path); err != nil {
		return fmt.Errorf("save the snapshot to %s: %w", show.Text(path, maxShown), err)
	}
	return nil
}

func (s *Snapshot) save(path string) error {
	if err := s.check(); err != nil {
		return err
	}
	data, err := s.Sorted().encode()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, data)
}

// Load reads a snapshot from a file that [Snapshot.Save] wrote. It refuses a file of
// another format ([ErrFormat]), one larger than 256 MiB, members that it does not know
// or that are missing, and what no snapshot can be. The error says the line or the
// member.
func Load(path string) (*Snapshot, error) {
	s, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("load the snapshot %s: %w", show.Text(path, maxShown), err)
	}
	return s, nil
}

func load(path string) (*Snapshot, error) {
	data, err := strict.Read(path, "snapshot")
	if err != nil {
		return nil, err
	}
	return decode(data)
}

// file is a snapshot as it is written.
type file struct {
	Format int `json:"format"`
	Snapshot
}

func decode(data []byte) (*Snapshot, error) {
	if err := strict.CheckFormat(data, Format, "snapshot"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var read file
	if err := strict.Decode(data, &read); err != nil {
		return nil, err
	}
	if err := read.check(); err != nil {
		return nil, err
	}
	return read.Sorted(), nil
}

// encode returns the snapshot, which is sorted, as a file has it. It can fail for one thing only: a time
// in a year that has more than four digits.
func (s *Snapshot) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(file{Format, *s}); err != nil {
		return nil, err
	}
	return show.JSON(b.Bytes()), nil
}

// Digest is "sha256:" and the SHA-256 of the file that [Snapshot.Save] writes, in
// hexadecimal: the same for snapshots that say the same, whatever the order of their
// lists. It is empty for a snapshot that cannot be written.
func (s *Snapshot) Digest() string { return s.Sorted().digest() }

// digest is Digest of a snapshot that is sorted.
func (s *Snapshot) digest() string {
	data, err := s.encode()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

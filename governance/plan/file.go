package plan

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

// ErrFormat matches the error of a file that has another format than [Format].
var ErrFormat = errors.New("unknown format")

// ErrDigest matches the error of a file whose content is not what its digest says.
var ErrDigest = errors.New("the digest does not match the content")

// file is a plan as it is written.
type file struct {
	Format int    `json:"format"`
	Digest string `json:"digest"`
	Plan
}

// Digest is "sha256:" and the SHA-256 of the plan's content, in hexadecimal. Who
// approves a plan approves this. It is empty for a plan that cannot be written.
func (p *Plan) Digest() string {
	data, err := encode(struct {
		Format int `json:"format"`
		*Plan
	}{Format, p})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// encode writes JSON in which every character shows as itself or is escaped.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return show.JSON(b.Bytes()), nil
}

// Save writes the plan to a file, in one step: the file is there as a whole, or as it
// was before. Only its owner may read it.
func (p *Plan) Save(path string) error {
	data, err := encode(file{Format, p.Digest(), *p})
	if err == nil {
		err = atomicfile.Write(path, data)
	}
	if err != nil {
		return fmt.Errorf("save the plan to %s: %w", show.Text(path, maxShown), err)
	}
	return nil
}

// Load reads a plan from a file that [Plan.Save] wrote. It refuses a file of another
// format ([ErrFormat]), one larger than 256 MiB, members that it does not know or that
// are missing, content that is not what the digest in the file says ([ErrDigest]), and
// what no plan can be. The error says the line or the member.
func Load(path string) (*Plan, error) {
	p, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("load the plan %s: %w", show.Text(path, maxShown), err)
	}
	return p, nil
}

func load(path string) (*Plan, error) {
	data, err := strict.Read(path, "plan")
	if err != nil {
		return nil, err
	}
	return decode(data)
}

func decode(data []byte) (*Plan, error) {
	if err := strict.CheckFormat(data, Format, "plan"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var read file
	if err := strict.Decode(data, &read); err != nil {
		return nil, err
	}
	p := &read.Plan
	if digest := p.Digest(); digest != read.Digest {
		return nil, fmt.Errorf("%w: the file says %s, and its content is %s; make the plan again instead of editing it",
			ErrDigest, quote(read.Digest), digest)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	// A key decodes itself, and takes members that it does not know.
	if again, err := encode(read); err != nil || !bytes.Equal(compact(again), compact(data)) {
		return nil, errors.New("the file holds something besides what a plan has; make the plan again instead of editing it")
	}
	return p, nil
}

// compact returns JSON without space between its parts.
func compact(data []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return nil
	}
	return b.Bytes()
}

// Validate returns the first thing that no plan can be, nil if there is none. [Load] has
// done it; it is for who carries out a plan that was not read from a file.
func (p *Plan) Validate() error {
	for i := range p.Steps {
		s := &p.Steps[i]
		at := fmt.Sprintf("steps[%d]", i)
		if s.Number != i+1 {
			return fmt.Errorf("%s.number: must be %d", at, i+1)
		}
		for _, n := range s.Needs {
			if n < 1 || n >= s.Number {
				return fmt.Errorf("%s.needs: a step needs earlier ones, not %d", at, n)
			}
		}
		if s.Version != 1 && s.Version != 2 {
			return fmt.Errorf("%s.version: must be 1 or 2", at)
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	for i, h := range p.Holders {
		if min(h.Before, h.After) < 0 || max(h.Before, h.After) >= len(p.Sets) {
			return fmt.Errorf("holders[%d]: there is no such set", i)
		}
	}
	return nil
}

func (s *Step) check() error {
	for _, o := range []*Object{s.Before, s.After} {
		if o == nil {
			continue
		}
		kinds := map[Kind]bool{
			KindPermissionSet: o.PermissionSet != nil, KindClaim: o.Claim != nil, KindIdentity: o.Identity != nil,
			KindRole: o.Role != nil, KindMembers: o.Members != nil,
		}
		n := 0
		for _, is := range kinds {
			if is {
				n++
			}
		}
		if n != 1 || !kinds[s.Kind] {
			return fmt.Errorf("before and after must be of the kind %s", quote(string(s.Kind)))
		}
	}
	before, after := s.Before != nil, s.After != nil
	ok := map[Action]bool{Create: !before && after, Update: before && after, Delete: before && !after}
	if _, known := ok[s.Action]; !known {
		return fmt.Errorf("the action %s is none", quote(string(s.Action)))
	}
	if s.Blocked == "" && !ok[s.Action] {
		return fmt.Errorf("the step does not have the before and after of the action %q", s.Action)
	}
	return nil
}

package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/internal/atomicfile"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/trusted"
)

// ErrInUse matches the error of a journal that another process has open.
var ErrInUse = errors.New("another process is using the journal; wait until it has ended, and look what it did before you run the plan again")

// ErrDamaged matches the error of a journal that does not hold what was written to it.
var ErrDamaged = errors.New("the journal is damaged")

// ErrOtherPlan matches the error of a journal that belongs to another plan.
var ErrOtherPlan = errors.New("the journal belongs to another plan")

const (
	maxJournal = 1 << 30 // the size of the largest journal that is read
	format     = 1       // what this package writes, and the only one that it reads
)

// Journal is what was done to a server, in a file: each object as it was, written and
// synced before the write that it covers, and what became of it. It outlasts whatever
// stops the program, and says where to go on. It belongs to one plan.
//
// The file has a line for each thing noted: a checksum, a space, and JSON. Only its
// owner may read it: opening it takes that right from others. The checksum finds damage,
// and not somebody who forges, nor lines that are missing at the end: [Run] notes steps
// that it finds done and that the journal does not have.
type Journal struct {
	path string
	made bool // OpenJournal made the file

	mu      sync.Mutex // for what follows
	file    *os.File
	size    int64 // of the lines that are sound
	lines   int
	torn    bool // there is a torn line behind them
	tornAt  int  // the number of the line that was torn when the journal was opened; 0 if none was
	shared  bool // others can read or write it, and that could not be changed
	begun   []Attempt
	records map[int]*record // by the number of the step
	broken  error           // it could not be written, and no more is
}

// Attempt is a run of a plan: when, as whom, who approved it, and why.
type Attempt struct {
	Format     int       `json:"format"`
	Time       time.Time `json:"time"`
	Server     string    `json:"server"` // normalized URL
	Plan       string    `json:"plan"`   // digest
	Account    string    `json:"account"`
	ApprovedBy string    `json:"approvedBy"`
	Reason     string    `json:"reason"`
}

// record is what the journal has about a step.
type record struct {
	entry plan.Entry
	state recordState
}

type recordState int

const (
	pending recordState = iota // the write may have been sent
	done
	notDone // it was refused, or not sent
)

// line is a line of the file. One of the pointers is set.
type line struct {
	Line   int        `json:"line"` // from 1 on
	Begin  *Attempt   `json:"begin,omitempty"`
	Intend *intention `json:"intend,omitempty"`
	Done   *outcome   `json:"done,omitempty"`
	Not    *refusal   `json:"notDone,omitempty"`
}

// intention is a write that is about to be sent.
type intention struct {
	Step   plan.Step    `json:"step"`
	Before *plan.Object `json:"before,omitempty"` // as it was read
}

// outcome is a write that was done.
type outcome struct {
	Step  int          `json:"step"`
	Time  time.Time    `json:"time"`
	Found bool         `json:"found"` // by looking, since the answer was lost
	After *plan.Object `json:"after,omitempty"`
}

// refusal is a write that was not done.
type refusal struct {
	Step int       `json:"step"`
	Time time.Time `json:"time"`
	Why  string    `json:"why"`
}

// OpenJournal opens a journal, or makes one. Nobody else can open it until it is closed
// ([ErrInUse]) or the program ends, however it ends. A last line that is torn is left
// out, and [Run] notes that: what it covers was not begun, or is looked for. Damage anywhere else is an error
// that names the line ([ErrDamaged]).
func OpenJournal(path string) (*Journal, error) {
	j, err := openJournal(path)
	if err != nil {
		return nil, fmt.Errorf("open the journal %s: %w", show.Text(path, maxShown), err)
	}
	return j, nil
}

func openJournal(path string) (*Journal, error) {
	path = filepath.Clean(path)
	for {
		_, missing := os.Lstat(path)
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("%w; name a file that can be read and written here", err)
		}
		j := &Journal{path: path, made: errors.Is(missing, os.ErrNotExist), file: f, records: map[int]*record{}}
		again, err := j.load()
		if err == nil && !again {
			return j, nil
		}
		_ = f.Close() // it was only read
		if err != nil {
			return nil, err
		}
	}
}

// load locks the file and reads it. again: whoever had it removed it right before.
func (j *Journal) load() (again bool, err error) {
	info, err := j.file.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, errors.New("it is not a plain file; name one that can be read and written here")
	}
	if err := lock(j.file); err != nil {
		return false, err
	}
	now, err := os.Stat(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && !os.SameFile(info, now):
		return true, nil
	case err != nil:
		return false, err
	}
	if j.made {
		atomicfile.SyncDir(filepath.Dir(j.path))
	}
	data, err := io.ReadAll(io.LimitReader(j.file, maxJournal+1))
	if err != nil {
		return false, err
	}
	if len(data) > maxJournal {
		return false, fmt.Errorf("it is larger than %d MiB, which no journal is", maxJournal>>20)
	}
	if err := j.parse(data); err != nil {
		return false, err
	}
	if trusted.Readable(info.Mode()) || trusted.Writable(info.Mode()) {
		j.shared = j.file.Chmod(0o600) != nil // some file systems have no such rights
	}
	return false, nil
}

// beginning reports whether text may be a line, or the beginning of one. Anything else in
// the first line is another file, which must not be overwritten.
func beginning(text []byte) bool {
	const rest = ` {"line":`
	n := min(len(text), 8)
	sum, data := text[:n], text[n:]
	return len(bytes.Trim(sum, "0123456789abcdef")) == 0 && (bytes.HasPrefix(data, []byte(rest)) || strings.HasPrefix(rest, string(data)))
}

func (j *Journal) parse(data []byte) error {
	for len(data) > 0 {
		text, rest, ended := bytes.Cut(data, []byte("\n"))
		l, err := decodeLine(text, j.lines+1)
		if err == nil && ended {
			err = j.take(l)
			if err != nil {
				return j.unreadable(err)
			}
			j.lines++
			j.size += int64(len(text)) + 1
			data = rest
			continue
		}
		if j.lines == 0 && !beginning(text) {
			return errors.New("it is another file, and not a journal; name another one")
		}
		if len(rest) > 0 || errors.Is(err, errOtherVersion) { // a torn line has no checksum that is right
			return j.unreadable(err)
		}
		j.torn, j.tornAt = true, j.lines+1
		return nil
	}
	return nil
}

// unreadable is the error about the line after those that were read.
func (j *Journal) unreadable(err error) error {
	if errors.Is(err, errOtherVersion) {
		return fmt.Errorf("line %d: %w; go on with the version that wrote it", j.lines+1, err)
	}
	return fmt.Errorf("%w: line %d: %w%s", ErrDamaged, j.lines+1, err, afresh)
}

// errOtherVersion is a sound line that this version does not understand.
var errOtherVersion = errors.New("another version of commandsec-go wrote it")

const afresh = "; take the file from a backup, or plan anew from a new snapshot, with a new journal: " +
	"what is left to do follows from what the server looks like"

var sums = crc32.MakeTable(crc32.Castagnoli)

func decodeLine(text []byte, number int) (*line, error) {
	sum, data, ok := bytes.Cut(text, []byte(" "))
	if want, err := strconv.ParseUint(string(sum), 16, 32); !ok || len(sum) != 8 || err != nil || uint32(want) != crc32.Checksum(data, sums) {
		return nil, errors.New("the checksum is not that of the line")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var l line
	if err := dec.Decode(&l); err != nil {
		return nil, fmt.Errorf("%w: %w", errOtherVersion, err) // the checksum is right
	}
	if l.Line != number {
		return nil, fmt.Errorf("it says that it is line %d", l.Line)
	}
	return &l, nil
}

func encodeLine(l *line) ([]byte, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	data = show.JSON(data)
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(data, sums), data), nil
}

// take notes what a line says.
func (j *Journal) take(l *line) error {
	at := func(step int) (*record, error) {
		if r := j.records[step]; r != nil {
			return r, nil
		}
		return nil, fmt.Errorf("nothing was to be written for step %d", step)
	}
	switch {
	case l.Begin != nil:
		if l.Begin.Format != format {
			return fmt.Errorf("%w: it has the format %d, and this one reads format %d", errOtherVersion, l.Begin.Format, format)
		}
		j.begun = append(j.begun, *l.Begin)
	case len(j.begun) == 0:
		return errors.New("it does not say of which plan it is")
	case l.Intend != nil:
		e := plan.Entry{Step: l.Intend.Step, Before: l.Intend.Before, After: l.Intend.Step.After}
		j.records[e.Step.Number] = &record{entry: e}
	case l.Done != nil:
		r, err := at(l.Done.Step)
		if err != nil {
			return err
		}
		r.state, r.entry.After = done, l.Done.After
	case l.Not != nil:
		r, err := at(l.Not.Step)
		if err != nil {
			return err
		}
		r.state = notDone
	default:
		return errors.New("it says nothing")
	}
	return nil
}

// Entries are the steps that were done, in the order of the plan, for [plan.Back]. A
// step that may have been done, because the program was stopped before the answer came,
// is among them: [plan.Back] compares it with what the server looks like.
func (j *Journal) Entries() []plan.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []plan.Entry
	for _, r := range j.records {
		if r.state != notDone {
			out = append(out, r.entry)
		}
	}
	slices.SortFunc(out, func(a, b plan.Entry) int { return a.Step.Number - b.Step.Number })
	return out
}

// Attempts are the runs that the journal has, the first one first.
func (j *Journal) Attempts() []Attempt {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.begun)
}

// Close closes the journal and lets others open it. A journal that was made and never
// written is removed.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	if j.made && j.lines == 0 && !j.torn {
		_ = os.Remove(j.path) // an empty file says nothing
	}
	err := errors.Join(unlock(j.file), j.file.Close())
	j.file = nil
	if err != nil {
		return fmt.Errorf("close the journal %s: %w", show.Text(j.path, maxShown), err)
	}
	return nil
}

// doubts are sentences about what is wrong with the file.
func (j *Journal) doubts() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	if j.tornAt > 0 {
		out = append(out, fmt.Sprintf("The last line of the journal, line %d, was torn or changed, and was left out. "+
			"A program that is stopped can leave such a line. What it covered was not begun, or was looked for on the server.", j.tornAt))
	}
	if j.shared {
		out = append(out, "Others than its owner can read or change the journal, and that could not be changed. Move it to a folder that is yours alone.")
	}
	return out
}

// fits refuses a journal that is closed, or of another plan.
func (j *Journal) fits(digest string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return fmt.Errorf("the journal %s is closed; open it again with OpenJournal", show.Text(j.path, maxShown))
	}
	if len(j.records) == 0 || j.begun[len(j.begun)-1].Plan == digest {
		return nil
	}
	return fmt.Errorf("%w: the journal %s is of %s, and the plan is %s; use another file for each plan",
		ErrOtherPlan, show.Text(j.path, maxShown), show.Text(j.begun[len(j.begun)-1].Plan, maxShown), digest)
}

// of is what the journal has about a step, nil if nothing.
func (j *Journal) of(step int) *record {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.records[step]; r != nil {
		return new(*r)
	}
	return nil
}

// open reports whether a write may have been sent of which nobody knows what became. A
// torn line may have been the note of one.
func (j *Journal) open() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.records {
		if r.state == pending {
			return true
		}
	}
	return j.torn
}

// note writes lines, and syncs the file if what follows relies on them. If that fails,
// nothing more is written, and nothing must be done that the lines cover.
func (j *Journal) note(sync bool, lines ...line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = j.write(sync, lines)
	}
	return j.broken
}

func (j *Journal) write(sync bool, lines []line) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the journal %s: %w; see to it that the disk has room and can be written, and run the plan again with the same journal",
				show.Text(j.path, maxShown), err)
		}
	}()
	if j.file == nil {
		return os.ErrClosed
	}
	var b bytes.Buffer
	for i := range lines {
		lines[i].Line = j.lines + 1 + i
		text, err := encodeLine(&lines[i])
		if err != nil {
			return err
		}
		b.Write(text)
	}
	if j.torn {
		if err := j.file.Truncate(j.size); err != nil {
			return err
		}
		j.torn = false
	}
	if _, err := j.file.WriteAt(b.Bytes(), j.size); err != nil {
		_ = j.file.Truncate(j.size) // if not, the next one to open it finds a torn line
		return err
	}
	if sync {
		if err := j.file.Sync(); err != nil {
			return err
		}
	}
	j.size += int64(b.Len())
	j.lines += len(lines)
	for i := range lines {
		if err := j.take(&lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// sync makes what was noted outlast a loss of power.
func (j *Journal) sync() error { return j.note(true) }

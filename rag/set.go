package rag

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"savoirs/rag/extract"
)

// setVersion changes when documents would be split or passages stored differently; sets of another
// version are redone.
const setVersion = 2

const markerName = "set.json"

// A marker is the last file written for a set. Without it the set is unfinished and is redone.
type marker struct {
	Version  int                 `json:"version"`
	Set      string              `json:"set"`
	Title    string              `json:"title,omitempty"`
	Report   Report              `json:"report"`
	Bytes    int64               `json:"bytes"`            // size of the passages file
	Lang     string              `json:"lang,omitempty"`   // what passages of unknown language are treated as
	Fields   map[field]fieldSize `json:"fields,omitempty"` // what the lexical index holds of it
	Langs    []string            `json:"langs,omitempty"`  // declared or detected, most frequent first
	Glossary []GlossaryEntry     `json:"glossary,omitempty"`
	Pack     *packMark           `json:"pack,omitempty"` // where the vectors came from, when they were not made here
}

// fieldSize counts what the score needs to know of a field: how many passages, and how long they are.
type fieldSize struct {
	Passages int   `json:"passages"`
	Terms    int64 `json:"terms"`
}

// Report says what Add made of a set.
type Report struct {
	Documents int    `json:"documents"` // documents read
	Passages  int    `json:"passages"`
	Skipped   []Skip `json:"skipped,omitempty"` // documents that could not be read, at most MaxSkips named
	Unread    int    `json:"unread,omitempty"`  // how many could not be read in all
}

// Skip names a document that was left out and why: in one word that never changes, and in detail.
type Skip struct {
	Path   string `json:"path"`
	Code   string `json:"code"` // encrypted, damaged, too_large, too_slow, no_text, no_reader, unreadable
	Reason string `json:"reason"`
}

func skipped(path string, err error) Skip {
	for _, c := range []struct {
		err  error
		code string
	}{
		{extract.ErrEncrypted, "encrypted"}, {extract.ErrCorrupt, "damaged"}, {extract.ErrTooLarge, "too_large"},
		{extract.ErrTimeout, "too_slow"}, {extract.ErrNoText, "no_text"}, {extract.ErrNoPDF, "no_reader"},
	} {
		if errors.Is(err, c.err) {
			return Skip{path, c.code, err.Error()}
		}
	}
	return Skip{path, "unreadable", err.Error()}
}

// MaxSkips is how many skipped documents a Report names; the rest are counted.
const MaxSkips = 1000

// SetInfo describes a complete set.
type SetInfo struct {
	Set       string   `json:"set"`
	Title     string   `json:"title,omitempty"`
	Documents int      `json:"documents"`
	Passages  int      `json:"passages"`
	Embedded  int      `json:"embedded"`        // passages with a vector of Model
	Langs     []string `json:"langs,omitempty"` // most frequent first
	Model     string   `json:"model,omitempty"` // digest of the model in use, or of the last one used
}

// set is one complete set, open. Its fields do not change after it is opened, except mark.Pack, which
// Index.mu guards.
type set struct {
	dir      string
	mark     marker
	passages *passageFile
	glossary glossary
}

func (s *set) close() error { return s.passages.close() }

// langOf is the language passages are indexed and fused under: their own, else the set's.
func (s *set) langOf(own string) string {
	if own != "" {
		return own
	}
	return s.mark.Lang
}

var setNameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func checkSetName(name string) error {
	if !setNameShape.MatchString(name) {
		return fmt.Errorf("set name %.140q: letters, digits, dot, dash and underscore only", name)
	}
	return nil
}

// openSet opens a complete set. Any error means that it must be redone.
func openSet(dir string) (*set, error) {
	b, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		return nil, err
	}
	s := &set{dir: dir}
	if err := json.Unmarshal(b, &s.mark); err != nil {
		return nil, fmt.Errorf("%s: %w", markerName, errors.Join(ErrDamaged, err))
	}
	if s.mark.Version != setVersion || s.mark.Set != filepath.Base(dir) || s.mark.Report.Passages < 0 || s.mark.Bytes < 0 {
		return nil, fmt.Errorf("%s: %w", markerName, ErrDamaged)
	}
	s.glossary = newGlossary(s.mark.Glossary)
	if s.passages, err = openPassages(dir, s.mark.Set, s.mark.Report.Passages, s.mark.Bytes); err != nil {
		return nil, err
	}
	return s, nil
}

func writeMarker(dir string, m marker) error {
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return writeFileDurably(filepath.Join(dir, markerName), b)
}

// writeFileDurably replaces a file: whole or not at all, and there after a power cut.
func writeFileDurably(name string, b []byte) error {
	tmp := name + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// docID is the name of a passage in the lexical index.
func docID(set string, n int) string { return fmt.Sprintf("%s/%d", set, n) }

func parseDocID(id string) (set string, n int, ok bool) {
	set, num, ok := strings.Cut(id, "/")
	if !ok {
		return "", 0, false
	}
	for _, c := range num {
		if c < '0' || c > '9' || n > 1<<40 {
			return "", 0, false
		}
		n = n*10 + int(c-'0')
	}
	return set, n, num != ""
}

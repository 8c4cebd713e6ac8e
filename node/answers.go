package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"savoirs/rag"
	"savoirs/store"
)

// Answers are kept, so that what was asked before is answered at once. An answer is found again under everything it
// came from: the question as it is read, what it was put to, the versions of all sets asked and how many of their
// passages have vectors, and the models. When any of these changes it is not found, and goes when room is needed.
// Answers with passages of other nodes are not kept: what those hold changes without our knowing.
const (
	answersFolder  = "answers"
	answersMost    = 500      // files
	answerBytes    = 64 << 10 // of one
	answersVersion = 1        // changes when answers are made otherwise
)

// answers is the folder of kept answers, which only its owner may read: they say what was asked. It is a cache: lost
// or damaged, answers are made again.
type answers struct {
	dir string
	mu  sync.Mutex // held while the folder changes
}

// keptAnswer is a file of the folder.
type keptAnswer struct {
	At     time.Time  `json:"at"` // by the clock of this machine; zero when it was surely wrong
	Answer rag.Answer `json:"answer"`
}

// surelyAfter is before this program was written: a clock that says less was never set.
var surelyAfter = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// find returns the answer kept under key.
func (a *answers) find(key string) (rag.Answer, bool) {
	path := filepath.Join(a.dir, key)
	info, err := os.Stat(path)
	if err != nil || info.Size() > answerBytes {
		return rag.Answer{}, false
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return rag.Answer{}, false
	}
	var kept keptAnswer
	if err := json.Unmarshal(b, &kept); err != nil || kept.Answer.Question == "" {
		return rag.Answer{}, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // used: the last to go; when it cannot be noted, it goes earlier
	kept.Answer.Kept = &rag.Kept{}
	if !kept.At.IsZero() {
		kept.Answer.Kept.At = &kept.At
	}
	return kept.Answer, true
}

// keep writes an answer and makes room for it.
func (a *answers) keep(key string, answer rag.Answer) error {
	k := keptAnswer{Answer: answer}
	if now := time.Now(); now.After(surelyAfter) {
		k.At = now.UTC().Truncate(time.Second)
	}
	b, err := json.Marshal(k)
	if err != nil || len(b) > answerBytes {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	if err := a.makeRoom(); err != nil {
		return err
	}
	path := filepath.Join(a.dir, key)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// makeRoom removes the answers that were not asked for the longest, until there is room for one more.
func (a *answers) makeRoom() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil || len(entries) < answersMost {
		return err
	}
	type file struct {
		name string
		used time.Time
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, file{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name)) })
	for _, f := range files[:len(files)-answersMost+1] {
		if err := os.Remove(filepath.Join(a.dir, f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ForgetAnswers empties the folder of kept answers. It may be called again.
func (n *Node) ForgetAnswers(context.Context) error {
	n.answers.mu.Lock()
	defer n.answers.mu.Unlock()
	if err := os.RemoveAll(n.answers.dir); err != nil {
		return fmt.Errorf("forget the answers kept: %w", err)
	}
	return nil
}

// answerKey names what an answer to q would come from, and how far it would go.
func (n *Node) answerKey(ctx context.Context, said Question, q rag.Query, model string) (string, error) {
	type version struct {
		Set      string
		Space    store.Space
		Passages int
		Embedded int
	}
	var versions []version
	for _, space := range []store.Space{store.Private, store.Mesh} {
		for _, s := range n.indexes[space].Sets() {
			if len(q.In) == 0 || slices.Contains(q.In, s.Set) {
				versions = append(versions, version{s.Set, space, s.Passages, s.Embedded})
			}
		}
	}
	embedder := ""
	if e, err := n.embedder(ctx); err == nil {
		embedder = e.Model()
	}
	b, err := json.Marshal([]any{answersVersion, n.o.Version, asRead(q.Text), q.Lang, slices.Sorted(slices.Values(q.In)), q.Limit, q.Mode, versions, model, embedder,
		said.Private, n.asksOthers(said)})
	if err != nil {
		return "", fmt.Errorf("name an answer: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// asRead is a question as it is read: spaces and the marks at its end say nothing, nor does the case of its letters.
func asRead(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	return strings.TrimRightFunc(text, func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSpace(r) })
}

// tellAgain gives a kept answer as the events it was made of.
func tellAgain(a rag.Answer, emit func(rag.Event) error) error {
	events := []rag.Event{{Kind: rag.EventSources, Sources: a.Sources, Asked: a.Asked}}
	if a.Text != "" {
		events = append(events, rag.Event{Kind: rag.EventText, Text: a.Text})
	}
	for _, e := range append(events, rag.Event{Kind: rag.EventDone, Answer: &a}) {
		if err := emit(e); err != nil {
			return err
		}
	}
	return nil
}

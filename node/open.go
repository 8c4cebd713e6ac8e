package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/rag/extract"
	"savoirs/store"
)

// ErrKeptHome says that a document is private and was asked for by another
// machine.
var ErrKeptHome = errors.New("private documents are opened on the node's own machine")

// Opened is a passage in its document, with some of what surrounds it.
type Opened struct {
	Passage rag.Passage `json:"passage"`
	Dataset string      `json:"dataset"` // title of the item
	File    bool        `json:"file"`    // the document is a file, or an article of an archive, that can be opened whole
	Exact   bool        `json:"exact"`   // Before, Marked and After are the bytes of the document; else the text read from it
	Before  string      `json:"before,omitempty"`
	Marked  string      `json:"marked"`
	After   string      `json:"after,omitempty"`
	Starts  bool        `json:"starts"` // nothing of the document is before Before
	Ends    bool        `json:"ends"`   // nothing of it is after After
}

const (
	around         = 4 << 10  // bytes shown on each side of a passage in a text file
	maxMarked      = 64 << 10 // bytes of a passage shown in a text file
	passagesAround = 3        // shown on each side where a document is no text file
)

// OpenPassage finds a passage of an item on this machine in its document, of
// which it reads only what surrounds the passage. Whoever asks from another
// machine has atHome false, and a private item is ErrKeptHome.
//
// Errors: ErrNotFound, ErrKeptHome, those of the store.
func (n *Node) OpenPassage(_ context.Context, root string, number int, atHome bool) (Opened, error) {
	it, files, err := n.openItem(root, atHome)
	if err != nil {
		return Opened{}, fmt.Errorf("open passage %d of %s: %w", number, root, err)
	}
	x := n.indexes[it.Space]
	if x == nil { // what waits has no passages
		return Opened{}, fmt.Errorf("open passage %d of %s: %w", number, root, ErrNotFound)
	}
	p, err := x.Passage(root, number)
	if errors.Is(err, rag.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return Opened{}, fmt.Errorf("open passage: %w", err)
	}
	o := Opened{Passage: p, Dataset: it.Title}
	_, _, article := extract.CutLibrary(p.Doc)
	if info, err := fs.Stat(files, p.Doc); article || err == nil && info.Mode().IsRegular() {
		o.File = true
	}
	if o.File && !article && plainText(p.Doc) && p.End > p.Start {
		if err := o.readAround(files); err != nil {
			return Opened{}, fmt.Errorf("open %s: %w", p.Doc, err)
		}
	}
	if !o.Exact {
		o.neighbours(x, root)
	}
	return o, nil
}

// OpenDocument returns a file of an item on this machine, which the caller
// closes; it is an io.ReadSeeker. Errors as for OpenPassage.
func (n *Node) OpenDocument(_ context.Context, root, name string, atHome bool) (fs.File, error) {
	_, files, err := n.openItem(root, atHome)
	if err != nil {
		return nil, fmt.Errorf("open %s of %s: %w", name, root, err)
	}
	f, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is no file: %w", name, ErrNotFound), err, f.Close())
	}
	return f, nil
}

func (n *Node) openItem(root string, atHome bool) (store.Item, fs.FS, error) {
	c, err := cid.Decode(root)
	if err != nil {
		return store.Item{}, nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	it, err := n.store.Item(c)
	if err != nil {
		return store.Item{}, nil, err
	}
	if it.Space == store.Private && !atHome {
		return store.Item{}, nil, ErrKeptHome
	}
	if it.Space == store.Inbox && !atHome {
		return store.Item{}, nil, fmt.Errorf("%s: %w", root, ErrNotFound)
	}
	files, err := n.store.FS(c)
	return it, files, err
}

// plainText tells whether a person can read the bytes of a file as they are.
func plainText(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".jsonl", ".ndjson":
		return true
	}
	return false
}

// readAround fills o from the bytes of the document, when they are UTF-8.
func (o *Opened) readAround(files fs.FS) error {
	f, err := files.Open(o.Passage.Doc)
	if err != nil {
		return err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	start, end := o.Passage.Start, min(o.Passage.End, o.Passage.Start+maxMarked)
	if start < 0 || end > info.Size() {
		return nil
	}
	from, to := max(0, start-around), min(info.Size(), end+around)
	b := make([]byte, to-from)
	if _, err := r.ReadAt(b, from); err != nil && err != io.EOF {
		return err
	}
	before, marked, after := b[:start-from], b[start-from:end-from], b[end-from:]
	if from > 0 {
		before = fromLine(before)
	}
	if end < o.Passage.End {
		marked = wholeRunes(marked)
	}
	if to < info.Size() {
		after = toLine(after)
	}
	if !utf8.Valid(before) || !utf8.Valid(marked) || !utf8.Valid(after) {
		return nil // another encoding: the text that was read from it is shown
	}
	o.Exact, o.Starts, o.Ends = true, from == 0, to == info.Size()
	o.Before, o.Marked, o.After = strings.TrimPrefix(string(before), "\ufeff"), string(marked), string(after)
	return nil
}

// fromLine leaves out the beginning of b up to its first whole line, or rune.
func fromLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[i+1:]
	}
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	return b
}

// toLine leaves out the end of b from its last whole line, or rune.
func toLine(b []byte) []byte {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return wholeRunes(b)
}

// wholeRunes leaves out a rune that is cut at the end of b.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if at := len(b) - i; utf8.RuneStart(b[at]) {
			if !utf8.FullRune(b[at:]) {
				return b[:at]
			}
			return b
		}
	}
	return b
}

// neighbours fills o from the passages before and after it in the document.
func (o *Opened) neighbours(x *rag.Index, root string) {
	o.Marked = o.Passage.Text
	read := func(step int) (texts []string, all bool) {
		for i := 1; i <= passagesAround+1; i++ {
			p, err := x.Passage(root, o.Passage.N+i*step)
			if err != nil || p.Doc != o.Passage.Doc {
				return texts, true
			}
			if i <= passagesAround {
				texts = append(texts, p.Text)
			}
		}
		return texts, false
	}
	var before, after []string
	before, o.Starts = read(-1)
	after, o.Ends = read(1)
	for _, text := range before {
		o.Before = text + "\n\n" + o.Before
	}
	for _, text := range after {
		o.After += "\n\n" + text
	}
}

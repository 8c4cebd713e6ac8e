package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Refusal is an item that a person did not want: it is not taken again from a
// stick nor kept by a pledge until somebody here asks for it.
type Refusal struct {
	Root   string    `json:"root"`
	Title  string    `json:"title,omitempty"`
	Author string    `json:"author,omitempty"`
	Why    string    `json:"why,omitempty"` // in the person's words, told to who sent it
	At     time.Time `json:"at,omitzero"`   // by this node's clock
}

const (
	maxRefusals = 4096 // remembered; the oldest are forgotten first
	maxWhy      = 300  // bytes
)

// refusals remembers, across restarts, what was refused.
type refusals struct {
	path string

	mu  sync.Mutex // guards all
	all []Refusal  // the latest is last
}

func readRefusals(path string, log *slog.Logger) (*refusals, error) {
	r := &refusals{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w", err)
	}
	if err := json.Unmarshal(text, &r.all); err != nil { // no reason not to start
		log.Warn("refusals are damaged and set aside", "file", path, "err", err)
		return &refusals{path: path}, os.Rename(path, path+".damaged")
	}
	return r, nil
}

// of returns the refusal of a root.
func (r *refusals) of(root string) (Refusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(f Refusal) bool { return f.Root == root })
	if i < 0 {
		return Refusal{}, false
	}
	return r.all[i], true
}

// add remembers a refusal in place of an earlier one; it is durable then.
func (r *refusals) add(f Refusal) error {
	f.Title, f.Why = label(f.Title, 300), label(f.Why, maxWhy)
	return r.change(func(all []Refusal) []Refusal {
		all = append(slices.DeleteFunc(all, func(o Refusal) bool { return o.Root == f.Root }), f)
		return all[max(0, len(all)-maxRefusals):]
	})
}

// forget lets an item come again.
func (r *refusals) forget(root string) error {
	if _, ok := r.of(root); !ok {
		return nil
	}
	return r.change(func(all []Refusal) []Refusal {
		return slices.DeleteFunc(all, func(o Refusal) bool { return o.Root == root })
	})
}

func (r *refusals) change(f func([]Refusal) []Refusal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := f(slices.Clone(r.all))
	text, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("write refusals: %w", err)
	}
	if err := replaceFile(r.path, append(text, '\n')); err != nil {
		return err
	}
	r.all = next
	return nil
}

// Refusals lists what was refused, the latest first.
func (n *Node) Refusals() []Refusal {
	n.refusals.mu.Lock()
	defer n.refusals.mu.Unlock()
	all := append([]Refusal{}, n.refusals.all...)
	slices.Reverse(all)
	return all
}

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// choices are what the people of this node decided while it ran, kept in one
// small file: they must outlive a lost index and are nobody else's business.
type choices struct {
	path string

	mu    sync.Mutex // guards all below
	saved savedChoices
}

type savedChoices struct {
	Blocked []peer.ID `json:"blocked,omitempty"`
	Peers   []string  `json:"peers,omitempty"` // multiaddrs added or joined
	Chat    string    `json:"chat,omitempty"`  // engine's name of the model that answers
	Embed   string    `json:"embed,omitempty"`
}

func readChoices(path string) (*choices, error) {
	c := &choices{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read choices: %w", err)
	}
	if err := json.Unmarshal(b, &c.saved); err != nil {
		return nil, fmt.Errorf("read choices in %s: %w", path, err)
	}
	return c, nil
}

// get returns a copy of what is chosen now.
func (c *choices) get() savedChoices {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.saved
	s.Blocked, s.Peers = slices.Clone(s.Blocked), slices.Clone(s.Peers)
	return s
}

// change applies f and makes the result durable; on an error nothing changed.
func (c *choices) change(f func(*savedChoices)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.saved
	next.Blocked, next.Peers = slices.Clone(next.Blocked), slices.Clone(next.Peers)
	f(&next)
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("write choices: %w", err)
	}
	if err := replaceFile(c.path, append(b, '\n')); err != nil {
		return err
	}
	c.saved = next
	return nil
}

func (c *choices) blocked(p peer.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.saved.Blocked, p)
}

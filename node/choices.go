package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store/catalog"
)

// choices are what the people of this node decided while it ran, kept in one
// small file: they must outlive a lost index and are nobody else's business.
type choices struct {
	path string

	mu    sync.Mutex // guards all below
	saved savedChoices
}

type savedChoices struct {
	Blocked []peer.ID   `json:"blocked,omitempty"`
	Peers   []string    `json:"peers,omitempty"` // multiaddrs added or joined
	Chat    string      `json:"chat,omitempty"`  // engine's name of the model that answers
	Embed   string      `json:"embed,omitempty"`
	Closed  p2p.MeshKey `json:"mesh_key,omitzero"` // of the closed mesh this node is in

	Limits p2p.Limits `json:"limits,omitzero"` // of the traffic with others

	Copies   map[string]int `json:"copies,omitempty"`   // wanted of items, by root
	Pledge   savedPledge    `json:"pledge,omitzero"`    // to others
	NoPacks  []string       `json:"no_packs,omitempty"` // roots of our datasets that are to have no pack
	Declined []string       `json:"declined,omitempty"` // roots removed though a pledge covers them

	Trusted  []peer.ID      `json:"trusted,omitempty"`  // authors whose items need no yes
	Verdicts []savedVerdict `json:"verdicts,omitempty"` // on revisions by different hands, the latest last
}

// savedPledge is what a person lends to others.
type savedPledge struct {
	Bytes int64        `json:"bytes"`
	For   catalog.Whom `json:"for"`
	Peers []peer.ID    `json:"peers,omitempty"`
}

// wants is Copies by the names that holdings use.
func (s savedChoices) wants() map[catalog.Short]int {
	wants := map[catalog.Short]int{}
	for root, copies := range s.Copies {
		if c, err := cid.Decode(root); err == nil {
			wants[catalog.ShortOf(c)] = copies
		}
	}
	return wants
}

// clone shares nothing that changes with s.
func (s savedChoices) clone() savedChoices {
	s.Blocked, s.Peers, s.Declined = slices.Clone(s.Blocked), slices.Clone(s.Peers), slices.Clone(s.Declined)
	s.NoPacks, s.Trusted, s.Verdicts = slices.Clone(s.NoPacks), slices.Clone(s.Trusted), slices.Clone(s.Verdicts)
	s.Copies = maps.Clone(s.Copies)
	return s
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
	return c.saved.clone()
}

// change applies f and makes the result durable; on an error nothing changed.
func (c *choices) change(f func(*savedChoices)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.saved.clone()
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

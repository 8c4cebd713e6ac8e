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

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/stick"
)

// visits remembers the sticks that were read here and who had written on them,
// in one small file. Lost or damaged, it is begun anew: nothing depends on it
// but what people are told.
type visits struct {
	path string

	mu    sync.Mutex // guards saved
	saved savedVisits
}

type savedVisits struct {
	Sticks []seenStick `json:"sticks"` // the one seen last is last
	Nodes  []visit     `json:"nodes"`
}

type seenStick struct {
	Stick string `json:"stick"`
	Count uint64 `json:"count"` // of its latest writing seen
}

// visit is that what a node wrote was loaded here.
type visit struct {
	Node peer.ID   `json:"node"`
	Last time.Time `json:"last"` // by this node's clock
}

// maxVisits bounds each of the two lists.
const maxVisits = 1000

func readVisits(path string, log *slog.Logger) *visits {
	v := &visits{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v
	}
	if err == nil {
		err = json.Unmarshal(b, &v.saved)
	}
	if err != nil {
		log.Warn("sticks seen before are forgotten", "err", err)
		v.saved = savedVisits{}
	}
	return v
}

// seen notes that a writing of a stick was read, or written, here; by whom it
// was written is a visit unless it was this node itself. It returns whether a
// later writing of the stick was seen before.
func (v *visits) seen(m stick.Manifest, self peer.ID) (older bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := seenStick{Stick: m.Stick.String(), Count: m.Count}
	sticks := slices.Clone(v.saved.Sticks)
	if i := slices.IndexFunc(sticks, func(s seenStick) bool { return s.Stick == one.Stick }); i >= 0 {
		older = sticks[i].Count > one.Count
		one.Count = max(one.Count, sticks[i].Count)
		sticks = slices.Delete(sticks, i, i+1)
	}
	next := savedVisits{Sticks: append(sticks, one), Nodes: slices.Clone(v.saved.Nodes)}
	if m.Author != self {
		next.Nodes = slices.DeleteFunc(next.Nodes, func(o visit) bool { return o.Node == m.Author })
		next.Nodes = append(next.Nodes, visit{m.Author, time.Now()})
	}
	next.Sticks = next.Sticks[max(0, len(next.Sticks)-maxVisits):]
	next.Nodes = next.Nodes[max(0, len(next.Nodes)-maxVisits):]
	b, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = replaceFile(v.path, append(b, '\n'))
	}
	if err != nil {
		return older, fmt.Errorf("note the stick: %w", err)
	}
	v.saved = next
	return older, nil
}

// all returns the visits, the latest last.
func (v *visits) all() []visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.saved.Nodes)
}

package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"savoirs/p2p"
)

// rememberedFile holds the neighbours met, so that a mesh without multicast
// comes back after a power cut. It is a hint: lost or damaged, it is made anew.
const rememberedFile = "neighbours.json"

// rememberEvery is how often a new neighbour or address is looked for, to be
// written; who was met last changes all the time, and waits for the end.
const rememberEvery = 30 * time.Second

func (n *Node) remembered() []p2p.Remembered {
	b, err := os.ReadFile(filepath.Join(n.o.Dir, rememberedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var peers []p2p.Remembered
	if err == nil {
		err = json.Unmarshal(b, &peers)
	}
	if err != nil {
		n.log.Warn("neighbours of before are forgotten", "err", err)
		return nil
	}
	return peers
}

func (n *Node) writeRemembered(peers []p2p.Remembered) error {
	b, err := json.Marshal(peers)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(n.o.Dir, rememberedFile), append(b, '\n'))
}

// rememberNeighbours writes the neighbours met now and then, until ctx ends.
func (n *Node) rememberNeighbours(ctx context.Context) error {
	again := time.NewTicker(rememberEvery)
	defer again.Stop()
	var written []p2p.Remembered
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		met := n.mesh.Remembered()
		if sameNeighbours(met, written) {
			continue
		}
		if err := n.writeRemembered(met); err != nil {
			n.log.Warn("remember neighbours", "err", err)
			continue
		}
		written = met
	}
}

// sameNeighbours tells whether a and b are the same, in whatever order.
func sameNeighbours(a, b []p2p.Remembered) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x p2p.Remembered) bool {
		return !slices.ContainsFunc(b, func(y p2p.Remembered) bool { return x.ID == y.ID && slices.Equal(x.Addrs, y.Addrs) })
	})
}

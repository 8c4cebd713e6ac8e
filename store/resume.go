package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// resume finds out what landed earlier and what is wanted next.
func (in *Incoming) resume(ctx context.Context) error {
	key := in.root.KeyString()
	if _, err := in.sp.idx.get(in.sp.key('u', key)); errors.Is(err, errNoRecord) {
		in.reread = true // a repair, or the index was lost
	} else if err != nil {
		return err
	}
	in.spent = budget{most: in.limit}
	f, err := os.OpenFile(in.dag, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	in.nodes = f
	in.batch = newLanding(in.dir)
	if in.reread && !in.repair {
		if err := in.recount(); err != nil {
			return err
		}
	}
	if in.end, err = in.lastNode(); err != nil {
		return err
	}
	if err := f.Truncate(in.end); err != nil {
		return err
	}
	in.replay = true
	defer func() { in.replay = false }()
	if err := in.settleAll(ctx, []place{{c: in.root, role: entry, size: -1}}); err != nil {
		return err
	}
	return in.commitHere()
}

// recount restores the references of nodes and of waiting blocks when the index was lost.
func (in *Incoming) recount() error {
	key := in.root.KeyString()
	if _, err := scanDag(in.dag, func(c cid.Cid, off int64, data []byte) error {
		if matches(c, data) {
			in.batch.refs[string(c.Hash())] = ref{kind: inDag, root: key, off: off, size: int64(len(data))}
		}
		return nil
	}); err != nil {
		return err
	}
	waits, err := filepath.Glob(filepath.Join(in.waitDir(), "*"))
	if err != nil {
		return err
	}
	for _, w := range waits {
		c, err := cid.Decode(filepath.Base(w))
		if err != nil {
			continue
		}
		st, err := os.Stat(w)
		if err != nil {
			return err
		}
		in.batch.refs[string(c.Hash())] = ref{kind: waiting, root: key, path: filepath.Base(w), size: st.Size()}
	}
	return in.commitHere()
}

// lastNode returns where the nodes that are known to be durable end. What lies beyond was never acknowledged.
func (in *Incoming) lastNode() (end int64, err error) {
	end = int64(len(carHeader(in.root)))
	whole, err := scanDag(in.dag, func(c cid.Cid, off int64, data []byte) error {
		refs, err := in.sp.refs(string(c.Hash()))
		if err != nil {
			return err
		}
		for _, r := range refs {
			if r.kind == inDag && r.root == in.root.KeyString() && r.off == off {
				end = max(end, off+int64(len(data)))
				if !in.repair {
					in.astray[string(c.Hash())] = true
				}
			}
		}
		return nil
	})
	if in.repair {
		end = max(end, whole)
	}
	if st, serr := os.Stat(in.dag); serr == nil && st.Size() < int64(len(carHeader(in.root))) {
		if err := os.WriteFile(in.dag, carHeader(in.root), 0o644); err != nil {
			return 0, err
		}
	}
	return end, err
}

func (in *Incoming) waitDir() string {
	return filepath.Join(in.sp.incoming(), in.root.String()+".wait")
}
